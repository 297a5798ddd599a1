package event

import (
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What is written by hand for speed is what the standard library writes.
func TestAppendAgreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-1e11, 3e11).Draw(t, "sec"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns"))
		if got, want := string(appendTime(nil, at)), at.UTC().Format("2006-01-02T15:04:05.000000000Z"); got != want {
			t.Fatalf("time: %s, want %s", got, want)
		}
		v := rapid.Uint64().Draw(t, "hex")
		if got, want := string(appendHex64(nil, v)), fmt.Sprintf("%016x", v); got != want {
			t.Fatalf("hexadecimal: %s, want %s", got, want)
		}
		d := time.Duration(rapid.Int64Range(-1e9, 1<<rapid.IntRange(1, 62).Draw(t, "bits")).Draw(t, "d"))
		if got, want := string(appendMillis(nil, d)), strconv.FormatFloat(float64(d)/1e6, 'f', -1, 64); got != want {
			t.Fatalf("duration: %s, want %s", got, want)
		}
		a := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "v4")))
		if rapid.Bool().Draw(t, "six") {
			a = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "v6")))
		}
		p := netip.AddrPortFrom(a, rapid.Uint16().Draw(t, "port"))
		if got := string(appendAddrPort(nil, p)); got != p.String() {
			t.Fatalf("address: %s, want %s", got, p)
		}
		if got := string(appendAddr(nil, a)); got != a.String() {
			t.Fatalf("address: %s, want %s", got, a)
		}
	})
}

func TestAppendTimeOnEveryDay(t *testing.T) {
	for day := int64(-400); day < 140000; day++ {
		at := time.Unix(day*86400+day%86400, day%1e9*(day%7)).UTC()
		if got, want := string(appendTime(nil, at)), at.Format("2006-01-02T15:04:05.000000000Z"); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	c := fullCall()
	for range 20 {
		c.IDs = append(c.IDs, IDRef{Response: true, In: InBody, Name: "data[].id", Class: ClassInt, Hash: 1<<63 + 1, Int: 99})
	}
	buf := c.AppendJSON(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = c.AppendJSON(buf[:0])
	}
}
