package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

func records(t testing.TB, path string) (out [][]byte, r Report) {
	t.Helper()
	j, err := Open(path, func(b []byte) error { out = append(out, bytes.Clone(b)); return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	return out, j.Report()
}

// Cut at every byte: every record that ended before the cut is there, none
// after it, and the journal can be written to again.
func TestEveryTruncation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "j")
	j, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	var ends []int64
	for i := range 5 {
		if err := j.Append(bytes.Repeat([]byte{byte('a' + i)}, 1+i*7)); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, j.Size())
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) + 1 {
		p := filepath.Join(dir, fmt.Sprint("cut", cut))
		if err := os.WriteFile(p, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, e := range ends {
			if int64(cut) >= e {
				want++
			}
		}
		got, _ := records(t, p)
		if len(got) != want {
			t.Fatalf("cut at %d: %d records, want %d", cut, len(got), want)
		}
		again, err := Open(p, func([]byte) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Append([]byte("after")); err != nil {
			t.Fatal(err)
		}
		if got, r := records(t, p); len(got) != want+1 || string(got[want]) != "after" || r.TornBytes != 0 {
			t.Fatalf("cut at %d: after an append %q, %+v", cut, got, r)
		}
	}
}

// One flipped byte costs at most the record it is in, unless it is the length.
func TestDamageInTheMiddle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j, _ := Open(path, nil)
	if err := j.Append([]byte("first"), []byte("second"), []byte("third")); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(path)
	data[bytes.Index(data, []byte("second"))] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	got, r := records(t, path)
	if len(got) != 2 || string(got[1]) != "third" || r.Damaged != 1 {
		t.Errorf("got %q, %+v", got, r)
	}
}

func TestRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j, _ := Open(path, nil)
	for range 100 {
		if err := j.Append([]byte("old")); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Rewrite(func(add func([]byte) error) error { return add([]byte("new")) }); err != nil {
		t.Fatal(err)
	}
	if err := j.Append([]byte("later")); err != nil {
		t.Fatal(err)
	}
	if got, _ := records(t, path); len(got) != 2 || string(got[0]) != "new" || string(got[1]) != "later" {
		t.Errorf("got %q", got)
	}
	if err := j.Rewrite(func(func([]byte) error) error { return os.ErrInvalid }); err == nil {
		t.Error("a failed rewrite was silent")
	}
	if got, _ := records(t, path); len(got) != 2 {
		t.Errorf("a failed rewrite cost records: %q", got)
	}
}

func TestForeignFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	if err := os.WriteFile(path, []byte("something else entirely"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, nil); err == nil {
		t.Error("a foreign file was taken for a journal")
	}
	if data, _ := os.ReadFile(path); string(data) != "something else entirely" {
		t.Error("and it was changed")
	}
}

func TestAnySequence(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		var want [][]byte
		j, err := Open(path, nil)
		if err != nil {
			rt.Fatal(err)
		}
		for _, op := range rapid.SliceOfN(rapid.IntRange(0, 9), 1, 12).Draw(rt, "ops") {
			switch {
			case op < 7:
				r := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(rt, "record")
				if err := j.Append(r); err != nil {
					rt.Fatal(err)
				}
				want = append(want, r)
			case op < 8:
				want = want[len(want)/2:]
				if err := j.Rewrite(func(add func([]byte) error) error {
					for _, r := range want {
						if err := add(r); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					rt.Fatal(err)
				}
			default:
				var got [][]byte
				if j, err = Open(path, func(b []byte) error { got = append(got, bytes.Clone(b)); return nil }); err != nil {
					rt.Fatal(err)
				}
				if len(got) != len(want) {
					rt.Fatalf("%d records, want %d", len(got), len(want))
				}
				for i := range got {
					if !bytes.Equal(got[i], want[i]) {
						rt.Fatalf("record %d: %q, want %q", i, got[i], want[i])
					}
				}
			}
		}
	})
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(magic))
	f.Add(appendRecord(appendRecord([]byte(magic), []byte("a")), []byte("bc")))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := Open(path, func([]byte) error { return nil })
		if err != nil {
			return
		}
		first := j.Report().Records
		if err := j.Append([]byte("x")); err != nil {
			t.Fatal(err)
		}
		_ = j.Close()
		if got, _ := records(t, path); len(got) != first+1 {
			t.Fatalf("%d records after one was added to %d", len(got), first)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	j, err := Open(filepath.Join(b.TempDir(), "j"), nil)
	if err != nil {
		b.Fatal(err)
	}
	record := make([]byte, 2000)
	b.ReportAllocs()
	b.SetBytes(int64(len(record)))
	for b.Loop() {
		if err := j.Append(record); err != nil {
			b.Fatal(err)
		}
	}
}
