package evaluate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lapwing/detect/snapshot"
	"lapwing/detect/standard"
	"lapwing/event"
)

// What must not change the answer. Each test changes the calls, or how they
// are handed over, and compares with the plain run.

// A teller is a detection with what it said.
type teller struct {
	*standard.Detection
	said []event.Alert
}

func newTeller(t *testing.T, cfg standard.Config) *teller {
	t.Helper()
	cfg.Sensor = "eval"
	if cfg.Seed == 0 {
		cfg.Seed = 1
	}
	x := &teller{}
	d, err := standard.New(cfg, func(a event.Alert) { x.said = append(x.said, a) })
	if err != nil {
		t.Fatal(err)
	}
	x.Detection = d
	return x
}

// feed shows calls in their order; the watermark follows lateness behind the newest.
func (x *teller) feed(calls []*event.Call, lateness time.Duration) {
	newest := int64(0)
	for i, c := range calls {
		x.Observe(c)
		newest = max(newest, c.End().UnixNano())
		if i%64 == 0 {
			x.Advance(newest - int64(lateness))
		}
	}
}

func told2(t *testing.T, cfg standard.Config, calls []*event.Call) []event.Alert {
	t.Helper()
	x := newTeller(t, cfg)
	x.feed(calls, time.Minute)
	x.Close()
	if len(final(x.said)) == 0 {
		t.Fatal("nothing was told: the test shows nothing")
	}
	return x.said
}

// final is the last revision of each alert, in order of id.
func final(said []event.Alert) []event.Alert {
	last := map[string]event.Alert{}
	for _, a := range said {
		last[a.ID] = a
	}
	var list []event.Alert
	for _, a := range last {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b event.Alert) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// text writes alerts to be compared to the byte.
func text(t *testing.T, said []event.Alert) []string {
	t.Helper()
	var list []string
	for i := range said {
		b, err := json.Marshal(&said[i])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(b))
	}
	return list
}

// gist writes what an alert comes to without the names that a relabelling changes.
func gist(list []event.Alert) []string {
	var out []string
	for i := range list {
		a := &list[i]
		keys := make([]string, 0, len(a.Counts))
		for k, v := range a.Counts {
			if k == "catalogue" { // a sketch's estimate: other hashes, other error
				continue
			}
			if v > 1000 { // filters that remember what was counted err by parts of a thousand
				v = int64(math.Round(float64(v)/50)) * 50
			}
			keys = append(keys, fmt.Sprintf("%s=%d", k, v))
		}
		slices.Sort(keys)
		out = append(out, fmt.Sprintf("%s %s %s %s %s %s %s", a.DetectedAt.Format(time.RFC3339Nano), a.Detector, a.Severity, a.Entity.Kind, a.Outcome, a.StartedAt.Format(time.RFC3339Nano), strings.Join(keys, " ")))
	}
	slices.Sort(out)
	return out
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	shown := 0
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			if shown++; shown <= 3 {
				g, w = around(g, w), around(w, g)
				t.Errorf("%s: line %d of %d and %d\n got %s\nwant %s", what, i, len(got), len(want), g, w)
			}
		}
	}
}

// around cuts s to its begin and to where it departs from other.
func around(s, other string) string {
	i := 0
	for i < len(s) && i < len(other) && s[i] == other[i] {
		i++
	}
	from := max(0, i-120)
	return s[:min(len(s), 40, from)] + "…" + s[from:min(len(s), i+120)]
}

func ended(a, b *event.Call) int {
	return cmp.Or(a.End().Compare(b.End()), a.ID.Compare(b.ID))
}

// A restart from a snapshot, at any point, changes no byte.
func TestRestartChangesNothing(t *testing.T) {
	for name, calls := range streams(t) {
		whole := newTeller(t, standard.Config{})
		rng := rand.New(rand.NewPCG(1, 2))
		points := 20
		if testing.Short() {
			points = 3
		}
		type cut struct {
			at, said int
			data     []byte
		}
		var cuts []cut
		at := make([]int, points)
		for i := range at {
			at[i] = rng.IntN(len(calls))
		}
		slices.Sort(at)
		from := 0
		for _, i := range at {
			whole.feed(calls[from:i], time.Minute)
			from = i
			var b bytes.Buffer
			if err := snapshot.Save(&b, whole.Detection); err != nil {
				t.Fatal(err)
			}
			cuts = append(cuts, cut{i, len(whole.said), b.Bytes()})
		}
		whole.feed(calls[from:], time.Minute)
		whole.Close()
		want := text(t, whole.said)
		for _, c := range cuts {
			x := newTeller(t, standard.Config{})
			if err := snapshot.Load(bytes.NewReader(c.data), x.Detection); err != nil {
				t.Fatal(err)
			}
			x.feed(calls[c.at:], time.Minute)
			x.Close()
			same(t, fmt.Sprintf("%s: restart at call %d", name, c.at), text(t, x.said), want[c.said:])
			if t.Failed() {
				return
			}
		}
	}
}

// Calls that come in another order, within the lateness, change no byte.
func TestShufflingChangesNothing(t *testing.T) {
	for name, calls := range streams(t) {
		want := text(t, told2(t, standard.Config{}, calls))
		rng := rand.New(rand.NewPCG(3, 4))
		type late struct {
			call *event.Call
			at   time.Time
		}
		moved := make([]late, len(calls))
		for i, c := range calls {
			moved[i] = late{c, c.End().Add(time.Duration(rng.Int64N(int64(4*time.Minute))) - 2*time.Minute)}
		}
		slices.SortStableFunc(moved, func(a, b late) int { return a.at.Compare(b.at) })
		shuffled := make([]*event.Call, len(moved))
		for i := range moved {
			shuffled[i] = moved[i].call
		}
		x := newTeller(t, standard.Config{})
		x.feed(shuffled, 4*time.Minute)
		x.Close()
		if late := x.Stats().Late; late != 0 {
			t.Fatalf("%s: %d calls came too late: the test shuffles too far", name, late)
		}
		same(t, name+": shuffled", text(t, x.said), want)
	}
}

// A call in a hundred that comes twice, as where two sensors see one
// connection, changes no byte.
func TestDuplicatesChangeNothing(t *testing.T) {
	for name, calls := range streams(t) {
		want := text(t, told2(t, standard.Config{}, calls))
		rng := rand.New(rand.NewPCG(5, 6))
		var doubled []*event.Call
		for _, c := range calls {
			doubled = append(doubled, c)
			if rng.IntN(100) == 0 {
				again := *c
				doubled = append(doubled, &again)
			}
		}
		x := newTeller(t, standard.Config{})
		x.feed(doubled, time.Minute)
		x.Close()
		same(t, name+": with duplicates", text(t, x.said), want)
	}
}

// Other addresses and other hosts, as well as other keys behind all
// pseudonyms, change names and nothing else.
func TestRelabellingChangesNamesOnly(t *testing.T) {
	for name, calls := range streams(t) {
		want := gist(final(told2(t, standard.Config{}, calls)))
		renamed := make([]*event.Call, len(calls))
		for i, c := range calls {
			d := *c
			d.Client = movedAddr(c.Client)
			d.Peer = netip.AddrPortFrom(movedAddr(c.Peer.Addr()), c.Peer.Port())
			if c.Actor.Kind == event.KindClient {
				d.Actor.Value = d.Client.String()
			}
			d.Host = strings.NewReplacer(".example", ".relabelled.test").Replace(c.Host)
			d.Referer = strings.NewReplacer(".example", ".relabelled.test").Replace(c.Referer)
			renamed[i] = &d
		}
		same(t, name+": relabelled", gist(final(told2(t, standard.Config{}, renamed))), want)
	}
}

// movedAddr is one to one, and keeps together what shares a network.
func movedAddr(a netip.Addr) netip.Addr {
	if a.Is4() {
		b := a.As4()
		b[0], b[1], b[2] = b[0]^0x15, b[1]^0x2a, b[2]^0x33
		return netip.AddrFrom4(b)
	}
	if !a.IsValid() {
		return a
	}
	b := a.As16()
	if !a.Is4In6() {
		b[3], b[4], b[5] = b[3]^0x11, b[4]^0x22, b[5]^0x33
	}
	return netip.AddrFrom16(b)
}

// An API in a cell of its own is told the same of as in one engine with
// nobody else.
func TestCellsChangeNothing(t *testing.T) {
	for name, calls := range streams(t) {
		want := gist(final(told2(t, standard.Config{}, calls)))
		apis := []standard.API{{Name: "other", Hosts: []string{"*.elsewhere.test"}}, {Name: "mine", Hosts: hosts(calls)}}
		apis[0].Name = "elsewhere"
		same(t, name+": in a cell", gist(final(told2(t, standard.Config{APIs: apis}, calls))), want)
	}
}

func hosts(calls []*event.Call) []string {
	seen := map[string]bool{}
	var list []string
	for _, c := range calls {
		host, _, _ := strings.Cut(c.Host, ":")
		if !seen[host] && host != "" {
			seen[host] = true
			list = append(list, host)
		}
	}
	slices.Sort(list)
	return list
}

// Two tenants in cells of their own, interleaved, are told of as if each were
// alone, ids included.
func TestTenantsDoNotTouch(t *testing.T) {
	for name, calls := range streams(t) {
		other := make([]*event.Call, len(calls))
		for i, c := range calls { // the same people and addresses, at another tenant, a little later
			d := *c
			d.ID[0] ^= 0x80
			d.Host = "b-" + c.Host
			d.Time = c.Time.Add(7 * time.Second)
			other[i] = &d
		}
		cfg := standard.Config{APIs: []standard.API{{Name: "a", Hosts: hosts(calls)}, {Name: "b", Hosts: hosts(other)}}}
		both := slices.Concat(calls, other)
		slices.SortStableFunc(both, ended)
		want := text(t, slices.Concat(final(told2(t, cfg, calls)), final(told2(t, cfg, other))))
		got := text(t, final(told2(t, cfg, both)))
		slices.Sort(want)
		slices.Sort(got)
		same(t, name+": two tenants", got, want)
	}
}

// Half as much unrelated traffic on top leaves the alerts about the attacks as
// they are, by id.
func TestUnrelatedTrafficLeavesAlerts(t *testing.T) {
	for name, calls := range streams(t) {
		said := final(told2(t, standard.Config{}, calls))
		var want []string
		for _, a := range said {
			if a.Severity >= event.Medium {
				want = append(want, a.ID+" "+a.Detector)
			}
		}
		all := slices.Concat(calls, unrelated(calls))
		slices.SortStableFunc(all, ended)
		var got []string
		for _, a := range final(told2(t, standard.Config{}, all)) {
			if a.Severity >= event.Medium {
				got = append(got, a.ID+" "+a.Detector)
			}
		}
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s: with unrelated traffic %s is no longer told", name, w)
			}
		}
		if len(got) > len(want) {
			t.Errorf("%s: with unrelated traffic %d alerts, without %d", name, len(got), len(want))
		}
	}
}

// unrelated makes the traffic of a status page on another host, half as many
// calls as there are: people who look at a few public pages.
func unrelated(calls []*event.Call) []*event.Call {
	rng := rand.New(rand.NewPCG(7, 8))
	var list []*event.Call
	for i := 0; i < len(calls); i += 2 {
		c := calls[i]
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(rng.IntN(256))})
		page := []string{"/", "/news", "/about", "/status"}[rng.IntN(4)]
		d := &event.Call{
			Time: c.Time.Add(time.Duration(rng.IntN(1000)) * time.Millisecond), Duration: 5 * time.Millisecond, Sensor: c.Sensor, Source: c.Source,
			Client: addr, ClientPort: 4000, Peer: netip.AddrPortFrom(addr, 4000), Server: c.Server, ServerPort: c.ServerPort, Scheme: "http", Protocol: "http/1.1",
			Method: "GET", Host: "status.unrelated.test", Path: page, PathShape: page, Status: 200, ResponseBytes: 900, UserAgent: "Mozilla/5.0",
			Actor: event.Actor{Kind: event.KindClient, Value: addr.String()}, Auth: event.AuthNone, Fingerprint: fmt.Sprintf("%016x", rng.IntN(40)),
		}
		d.ID = event.MakeID(uint64(i)|1<<63, rng.Uint64())
		list = append(list, d)
	}
	return list
}
