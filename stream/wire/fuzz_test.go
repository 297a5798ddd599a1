package wire

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"testing"
)

// Decode accepts or refuses and never panics; what it accepts can be written
// and read again, and is then the same.
func FuzzDecode(f *testing.F) {
	golden, err := os.ReadFile("testdata/record.v1.keymark.bin")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add([]byte{8, 1})
	f.Add([]byte{8, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrNewer) && !errors.Is(err, ErrMalformed) {
				t.Fatalf("an error of neither kind: %v", err)
			}
			return
		}
		first := r.Append(nil)
		again, err := Decode(first)
		if err != nil {
			// Dictionaries were shared by more calls than fit one record.
			if len(first) > MaxRecord {
				return
			}
			t.Fatalf("what was accepted is refused once written again: %v", err)
		}
		same(t, again, r)
		if second := again.Append(nil); !bytes.Equal(first, second) {
			t.Fatalf("equal records have other bytes:\n%x\n%x", first, second)
		}
	})
}

// Whatever bytes say of lengths and counts, memory follows what is there.
func TestDecodeIsBoundedInMemory(t *testing.T) {
	fill := func(unit []byte) []byte {
		b := appendUint(nil, recordMajor, Major)
		b = append(b, bytes.Repeat(unit, (MaxRecord-len(b))/len(unit))...)
		return b
	}
	call := appendBytes(nil, recordCalls, appendBytes(nil, callID, make([]byte, 16)))
	many := bytes.Repeat([]byte{0}, 100_000)
	for name, b := range map[string][]byte{
		"empty strings":    fill(appendBytes(nil, recordStrings, nil)),
		"empty key sets":   fill(appendBytes(nil, recordKeySets, nil)),
		"empty heartbeats": fill(appendBytes(nil, recordHeartbeats, nil)),
		"empty drops":      fill(appendBytes(nil, recordDrops, nil)),
		"bare calls":       fill(call)[:MaxCalls*len(call)],
		"long key sets":    fill(appendBytes(nil, recordKeySets, appendBytes(nil, keySetKeys, many))),
		"long lists": fill(appendBytes(nil, recordCalls, append(appendBytes(nil, callID, make([]byte, 16)),
			appendBytes(nil, callRequestSensitive, many)...))),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(b)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 60*MaxRecord {
			t.Errorf("%s: %d bytes of input took %d bytes of memory (%v)", name, len(b), got, err)
		}
	}
}
