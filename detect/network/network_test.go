package network

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"lapwing/detect"
)

// database writes a file in MaxMind's format.
func mmdb(tb testing.TB, dir, name string, version int, entries map[string]mmdbtype.DataType) string {
	tb.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "test", IPVersion: version, RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		tb.Fatal(err)
	}
	for prefix, v := range entries {
		_, n, err := net.ParseCIDR(prefix)
		if err != nil {
			tb.Fatal(err)
		}
		if err := tree.Insert(n, v); err != nil {
			tb.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		tb.Fatal(err)
	}
	return write(tb, dir, name, b.Bytes())
}

func write(tb testing.TB, dir, name string, data []byte) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

type m = mmdbtype.Map

func testConfig(tb testing.TB) Config {
	dir := tb.TempDir()
	return Config{
		ASN: []string{
			mmdb(tb, dir, "asn.mmdb", 6, map[string]mmdbtype.DataType{
				"203.0.113.0/24": m{"autonomous_system_number": mmdbtype.Uint32(64500), "autonomous_system_organization": mmdbtype.String("Test")},
				"2001:db8::/32":  m{"autonomous_system_number": mmdbtype.Uint32(64501)},
			}),
			mmdb(tb, dir, "ipinfo.mmdb", 4, map[string]mmdbtype.DataType{"198.51.100.0/24": m{"asn": mmdbtype.String("AS64502"), "country": mmdbtype.String("NL"), "asn_type": mmdbtype.String("isp")}}),
		},
		Country: []string{
			mmdb(tb, dir, "country.mmdb", 6, map[string]mmdbtype.DataType{
				"203.0.113.0/25": m{"country": m{"iso_code": mmdbtype.String("DE"), "names": m{"en": mmdbtype.String("Germany")}}, "traits": m{"user_type": mmdbtype.String("cellular")}},
				"2001:db8::/32":  m{"country": m{"iso_code": mmdbtype.String("fr")}},
			}),
			filepath.Join(dir, "ipinfo.mmdb"),
		},
		Classes: []string{
			write(tb, dir, "classes.csv", []byte("network,class,why\nAS64501,hosting,racks\n203.0.113.64/26 , business # the office\n\"198.51.100.7\",\"anonymizer\"\n2001:db8:1::/48,mobile\n")),
			write(tb, dir, "more.yaml", []byte("education:\n- 192.0.2.0/24\nhosting: [64509, 203.0.113.64/26]\n")),
			mmdb(tb, dir, "anonymous.mmdb", 6, map[string]mmdbtype.DataType{"203.0.113.5/32": m{"is_anonymous": mmdbtype.Bool(true), "is_tor_exit_node": mmdbtype.Bool(true)},
				"203.0.113.200/32": m{"is_hosting_provider": mmdbtype.Bool(true)}}),
		},
	}
}

func TestOf(t *testing.T) {
	l, err := Open(testConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	cached := l.ForEngine()
	for addr, want := range map[string]detect.Network{
		"203.0.113.1":        {ASN: 64500, Country: [2]byte{'D', 'E'}, Class: detect.NetworkMobile}, // by the traits of its country's database
		"::ffff:203.0.113.1": {ASN: 64500, Country: [2]byte{'D', 'E'}, Class: detect.NetworkMobile},
		"203.0.113.5":        {ASN: 64500, Country: [2]byte{'D', 'E'}, Class: detect.NetworkAnonymizer},
		"203.0.113.70":       {ASN: 64500, Country: [2]byte{'D', 'E'}, Class: detect.NetworkBusiness}, // by the table, its first word
		"203.0.113.200":      {ASN: 64500, Class: detect.NetworkHosting},
		"198.51.100.6":       {ASN: 64502, Country: [2]byte{'N', 'L'}, Class: detect.NetworkResidential},
		"198.51.100.7":       {ASN: 64502, Country: [2]byte{'N', 'L'}, Class: detect.NetworkAnonymizer},
		"192.0.2.9":          {Class: detect.NetworkEducation},
		"2001:db8::1":        {ASN: 64501, Country: [2]byte{'F', 'R'}, Class: detect.NetworkHosting}, // by its autonomous system
		"2001:db8:1::1":      {ASN: 64501, Country: [2]byte{'F', 'R'}, Class: detect.NetworkMobile},
		"10.1.2.3":           {},
		"2001:db9::1":        {},
	} {
		a := netip.MustParseAddr(addr)
		for range 2 {
			if got := l.Of(a); got != want {
				t.Errorf("%s: %+v, want %+v", addr, got, want)
			}
			if got := cached(a); got != want {
				t.Errorf("%s: %+v from memory, want %+v", addr, got, want)
			}
		}
	}
	if got := cached(netip.Addr{}); got != (detect.Network{}) {
		t.Errorf("no address: %+v", got)
	}
	if n := l.Stats().Unreadable; n != 0 {
		t.Errorf("%d records are unreadable", n)
	}
	var none *Lookup
	if none.Of(netip.MustParseAddr("203.0.113.1")) != (detect.Network{}) || none.ForEngine() != nil {
		t.Error("the nil lookup knows something")
	}
}

func TestFaults(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct{ file, data, want string }{
		"class":   {"a.csv", "AS1,hosting\nAS2,palace\n", `a.csv:2: "palace" is not one of`},
		"network": {"a.csv", "1.2.3.0/40,hosting\n", `a.csv:1: "1.2.3.0/40" is neither`},
		"comma":   {"a.csv", "# all\nAS1\n", `a.csv:2: there is no comma`},
		"mapped":  {"a.csv", "::ffff:1.2.3.4,hosting\n", `a.csv:1: write`},
		"yaml":    {"a.yaml", "hosting: AS1\n", `a.yaml:1: hosting is a list`},
		"list":    {"a.yaml", "- a\n", `a.yaml:1: a table maps`},
		"mmdb":    {"a.mmdb", "no database", `a.mmdb: it is no MaxMind database`},
		"absent":  {"", "", `no such file`},
	} {
		path := filepath.Join(dir, "nowhere.csv")
		if test.file != "" {
			path = write(t, dir, test.file, []byte(test.data))
		}
		if _, err := Open(Config{Classes: []string{path}}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	if l, err := Open(Config{}); l != nil || err != nil {
		t.Errorf("without files: %v, %v", l, err)
	}
}

// A file that changes is read again; one that is broken is told once, and
// changes nothing.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	put := func(data string) string {
		path := write(t, dir, "classes.csv", []byte(data))
		at = at.Add(time.Second)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		return path
	}
	l, err := Open(Config{Classes: []string{put("192.0.2.0/24,hosting\n")}})
	if err != nil {
		t.Fatal(err)
	}
	of, a := l.ForEngine(), netip.MustParseAddr("192.0.2.1")
	expect := func(step string, class detect.NetworkClass, changed, fails bool) {
		t.Helper()
		was, err := l.Check()
		if got := of(a).Class; got != class || was != changed || (err != nil) != fails {
			t.Errorf("%s: %v, changed %v, %v", step, got, was, err)
		}
	}
	expect("untouched", detect.NetworkHosting, false, false)
	put("192.0.2.0/24,mobile\n")
	expect("changed", detect.NetworkMobile, true, false)
	put("192.0.2.0/24,palace\n")
	expect("broken", detect.NetworkMobile, true, true)
	expect("still broken", detect.NetworkMobile, false, false)
	put("192.0.2.0/24,business\n")
	expect("mended", detect.NetworkBusiness, true, false)
	if s := l.Stats(); s.Reloads != 2 || s.Refused != 1 || s.Entries != 1 {
		t.Errorf("%+v", s)
	}
}

func FuzzDatabase(f *testing.F) {
	dir := f.TempDir()
	for _, name := range testConfig(f).ASN {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := write(t, dir, "x.mmdb", data)
		l, err := Open(Config{ASN: []string{path}, Country: []string{path}, Classes: []string{path}})
		if err != nil {
			return
		}
		for _, a := range []string{"203.0.113.1", "2001:db8::1", "0.0.0.0", "255.255.255.255", "::"} {
			l.Of(netip.MustParseAddr(a))
		}
	})
}

func FuzzTable(f *testing.F) {
	f.Add("a.csv", []byte("AS1,hosting\n203.0.113.0/24,mobile\n"))
	f.Add("a.yaml", []byte("hosting: [1, 203.0.113.0/24]\n"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		table := newTable()
		if table.parse(name, data) == nil {
			table.of(netip.MustParseAddr("203.0.113.1"), 1)
			table.of(netip.MustParseAddr("2001:db8::1"), 1)
		}
	})
}

func BenchmarkForEngine(b *testing.B) {
	l, err := Open(testConfig(b))
	if err != nil {
		b.Fatal(err)
	}
	for name, spread := range map[string]uint32{"few": 1000, "many": 1 << 24} {
		b.Run(name, func(b *testing.B) {
			of := l.ForEngine()
			b.ReportAllocs()
			n := uint32(0)
			for b.Loop() {
				n = n*1664525 + 1013904223
				x := 203<<24 | (n>>8)%spread
				of(netip.AddrFrom4([4]byte{byte(x >> 24), byte(x >> 16), byte(x >> 8), byte(x)}))
			}
		})
	}
}
