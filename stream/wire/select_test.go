package wire

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// A reader of some hosts gets their calls as they are, and nil in the places of
// the others, so that numbers stay right.
func TestReaderSelects(t *testing.T) {
	r := &Record{Sensor: "s", Boot: 1, First: 9, Calls: traffic(200)}
	hosts := map[string]int{}
	for i, c := range r.Calls {
		c.Host = []string{"", "a.example", "b.example"}[i%3]
		hosts[c.Host]++
	}
	b := r.Append(nil)
	whole, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{nil, {""}, {"a.example"}, {"b.example", ""}, {"", "a.example", "b.example"}} {
		asked := map[string]int{}
		reader := Reader{Keep: func(host string) bool { asked[host]++; return slices.Contains(want, host) }}
		got, err := reader.Decode(b)
		if err != nil || got.Next() != whole.Next() {
			t.Fatalf("%q: next is %d, %v", want, got.Next(), err)
		}
		for i, c := range got.Calls {
			full := whole.Calls[i]
			if keep := slices.Contains(want, full.Host); keep != (c != nil) {
				t.Fatalf("%q: call %d of %q: kept %v", want, i, full.Host, c != nil)
			} else if keep && !bytes.Equal(c.AppendJSON(nil), full.AppendJSON(nil)) {
				t.Fatalf("%q: call %d differs:\n%s\n%s", want, i, c.AppendJSON(nil), full.AppendJSON(nil))
			}
		}
		for host, n := range asked {
			if n != 1 {
				t.Errorf("%q: asked %d times for %q", want, n, host)
			}
		}
	}
	none := Reader{Keep: func(string) bool { return false }}
	for _, cut := range []int{1, len(b) / 2, len(b) - 1} {
		if _, err := none.Decode(b[:cut]); cut > 1 && err != nil && !errors.Is(err, ErrMalformed) && !strings.Contains(err.Error(), "version") {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	if allocs := testing.AllocsPerRun(5, func() {
		if _, err := none.Decode(b); err != nil {
			t.Fatal(err)
		}
	}); allocs > 100 {
		t.Errorf("%v allocations for 200 calls that nobody wants", allocs)
	}
}

func BenchmarkDecodeForeign(b *testing.B) {
	buf := (&Record{Sensor: "edge-1", First: 1, Calls: traffic(benchCalls)}).Append(nil)
	r := Reader{Keep: func(string) bool { return false }}
	b.ReportAllocs()
	start := cpu()
	for b.Loop() {
		if _, err := r.Decode(buf); err != nil {
			b.Fatal(err)
		}
	}
	perCall(b, start, len(buf))
}
