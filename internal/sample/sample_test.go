package sample_test

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lapwing/capture"
	"lapwing/capture/pcapfile"
	"lapwing/event"
	"lapwing/internal/sample"
	"lapwing/parse"
)

// bundled is made once: every test reads it, none changes it.
var bundled = sync.OnceValues(func() (*sample.Recording, error) { return sample.Make(sample.Options{}) })

func recording(t *testing.T) *sample.Recording {
	t.Helper()
	r, err := bundled()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const examples = "../../examples"

func TestBundledFilesAreWhatTheGeneratorMakes(t *testing.T) {
	r := recording(t)
	var file bytes.Buffer
	if err := sample.WriteGzip(&file, r.Packets); err != nil {
		t.Fatal(err)
	}
	truth, err := json.MarshalIndent(r.Truth, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, made := range map[string][]byte{"shop.pcap.gz": file.Bytes(), "shop.truth.json": append(truth, '\n')} {
		committed, err := os.ReadFile(filepath.Join(examples, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(committed, made) {
			t.Errorf("%s: the generator makes another file (%d bytes, committed %d): run make sample", name, len(made), len(committed))
		}
	}
	if n := file.Len(); n > 3<<20 {
		t.Errorf("the recording takes %d bytes of the repository, more than 3 MiB", n)
	}
}

func TestAnotherSeed(t *testing.T) {
	other, err := sample.Make(sample.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if other.Truth.SHA256 == recording(t).Truth.SHA256 {
		t.Error("another seed gave the same packets")
	}
	if got := len(calls(t, other.Packets)); got != other.Truth.Calls {
		t.Errorf("seed 1: %d calls, truth says %d", got, other.Truth.Calls)
	}
	for i, a := range other.Truth.Attacks {
		if b := recording(t).Truth.Attacks[i]; a.Detector != b.Detector || a.Entity.Kind != b.Entity.Kind {
			t.Errorf("seed 1: attack %d is %s, not %s", i, a.Detector, b.Detector)
		}
	}
}

// calls parses packets as Lapwing does.
func calls(t *testing.T, packets []sample.Packet) []event.Call {
	t.Helper()
	var out []event.Call
	p, err := parse.New(parse.Config{}, func(c *event.Call) { out = append(out, *c) })
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range packets {
		p.Packet(1, k.Data, len(k.Data), k.Time.UnixNano())
	}
	p.Close()
	return out
}

func TestParserFindsEveryCall(t *testing.T) {
	r := recording(t)
	got := calls(t, r.Packets)
	if len(got) != r.Truth.Calls {
		t.Errorf("%d calls, truth says %d", len(got), r.Truth.Calls)
	}
	classes, clients := map[string]int{}, map[string]bool{}
	for _, c := range got {
		classes[string(rune('0'+c.Status/100))+"xx"]++
		clients[c.Client.String()] = true
		if !c.Gap.IsZero() {
			t.Fatalf("%s %s has a gap", c.Method, c.Path)
		}
	}
	for k, n := range r.Truth.Statuses {
		if classes[k] != n {
			t.Errorf("%d calls of %s, truth says %d", classes[k], k, n)
		}
	}
	if len(clients) != r.Truth.Clients {
		t.Errorf("%d clients, truth says %d", len(clients), r.Truth.Clients)
	}
	for _, a := range r.Truth.Attacks {
		n := 0
		for _, c := range got {
			if slices.Contains(a.Clients, c.Client.String()) && belongs(a, c) {
				n++
			}
		}
		if n != a.Counts["calls"] {
			t.Errorf("%s: %d calls, truth says %d", a.Name, n, a.Counts["calls"])
		}
	}
}

// belongs says whether a call of an attacker's address is part of the attack
// and not of what came before it.
func belongs(a sample.Attack, c event.Call) bool {
	prefix, _, _ := strings.Cut(a.Endpoint.Route, "/{")
	return c.Method == a.Endpoint.Method && strings.HasPrefix(c.Path, prefix) && !c.Time.Before(a.Start)
}

func TestAttacksAsAgreed(t *testing.T) {
	r := recording(t)
	want := map[string]map[string]int{
		"credential_stuffing": {"accounts": 214, "failures": 211, "successes": 3},
		"bola":                {"foreign_objects": 60},
		"scraping":            {"objects": 648},
		"shadow_endpoint":     {"clients": 2, "answered": 13},
	}
	if len(r.Truth.Attacks) != len(want) {
		t.Errorf("%d attacks, want %d", len(r.Truth.Attacks), len(want))
	}
	for _, a := range r.Truth.Attacks {
		for k, n := range want[a.Detector] {
			if a.Counts[k] != n {
				t.Errorf("%s: %s = %d, want %d", a.Detector, k, a.Counts[k], n)
			}
		}
		if !a.Start.Before(a.End) || a.End.After(sample.Start.Add(30*time.Minute)) {
			t.Errorf("%s: from %s to %s, want it over within half an hour", a.Detector, a.Start, a.End)
		}
	}
	if first := r.Truth.Attacks[0].Start.Sub(sample.Start); first > 3*time.Minute {
		t.Errorf("the first attack starts after %s: too late to watch at sixty times the speed", first)
	}
}

func TestOnlyDocumentationAddresses(t *testing.T) {
	var nets []*net.IPNet
	for _, s := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "100.64.0.0/10", "10.0.0.0/8"} {
		_, n, err := net.ParseCIDR(s)
		if err != nil {
			t.Fatal(err)
		}
		nets = append(nets, n)
	}
	for i, p := range recording(t).Packets {
		at, size := 26, 4
		if p.Data[12] == 0x86 {
			at, size = 22, 16
		}
		for _, ip := range []net.IP{p.Data[at : at+size], p.Data[at+size : at+2*size]} {
			if !slices.ContainsFunc(nets, func(n *net.IPNet) bool { return n.Contains(ip) }) {
				t.Fatalf("packet %d: %s is somebody's address", i, ip)
			}
		}
	}
}

func TestWritePcapReadsBack(t *testing.T) {
	r := recording(t)
	var file bytes.Buffer
	if err := sample.WritePcap(&file, r.Packets[:500]); err != nil {
		t.Fatal(err)
	}
	rd, err := pcapfile.New(&file, "memory")
	if err != nil {
		t.Fatal(err)
	}
	var p capture.Packet
	for i, want := range r.Packets[:500] {
		if err := rd.Next(&p); err != nil {
			t.Fatal(err)
		}
		if p.TimeNS != want.Time.UnixNano() || !bytes.Equal(p.Data, want.Data) {
			t.Fatalf("packet %d differs", i)
		}
	}
	if err := rd.Next(&p); err == nil {
		t.Error("the file holds more packets than were written")
	}
}

func TestStretch(t *testing.T) {
	r := recording(t)
	slow := sample.Stretch(r.Packets, 100)
	last := len(slow) - 1
	if !slow[0].Time.Equal(r.Packets[0].Time) {
		t.Error("the first packet moved")
	}
	if got, want := slow[last].Time.Sub(slow[0].Time), 100*r.Packets[last].Time.Sub(r.Packets[0].Time); got != want {
		t.Errorf("%s long, want %s", got, want)
	}
	if &slow[last].Data[0] != &r.Packets[last].Data[0] {
		t.Error("the bytes were copied")
	}
	if n := len(sample.Stretch(nil, 3)); n != 0 {
		t.Errorf("nothing stretched is %d packets", n)
	}
}

func TestSplit(t *testing.T) {
	r := recording(t)
	for _, n := range []int{-1, 0, 1, 20000, len(r.Packets), len(r.Packets) + 1} {
		a, b := sample.Split(r.Packets, n)
		if !bytes.Equal(sample.Sum(append(slices.Clone(a), b...)), sample.Sum(r.Packets)) {
			t.Errorf("split at %d: the parts are not the whole", n)
		}
	}
	if a, b := sample.Split(r.Packets, 20000); len(a) != 20000 || len(b) != len(r.Packets)-20000 {
		t.Errorf("split at 20000 gave %d and %d packets", len(a), len(b))
	}
}
