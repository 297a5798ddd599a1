package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func run(t testing.TB, o Options, emit func(*Exchange)) *World {
	t.Helper()
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Run(context.Background(), func(x *Exchange) error {
		if emit != nil {
			emit(x)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return w
}

// fingerprint hashes everything that is told of an exchange.
func fingerprint(h interface{ Write([]byte) (int, error) }, x *Exchange) {
	fmt.Fprint(h, x.AtNS, x.DurationNS, x.Peer, x.Server, x.Conn, x.Method, x.Target, x.Host, x.RequestHeaders, x.Status, x.ResponseHeaders, x.Caller, x.User, x.Part, x.Harm)
	h.Write(x.RequestBody)
	h.Write(x.ResponseBody)
}

func TestEqualOptionsGiveEqualExchanges(t *testing.T) {
	sum := func(seed uint64) uint64 {
		h := fnv.New64a()
		run(t, Options{Seed: seed, App: "shop", Users: 30, Length: 6 * time.Hour, Scenarios: []Choice{{ID: "B20"}}}, func(x *Exchange) { fingerprint(h, x) })
		return h.Sum64()
	}
	if a, b := sum(5), sum(5); a != b {
		t.Errorf("the same seed gave %x and %x", a, b)
	}
	if a, b := sum(5), sum(6); a == b {
		t.Error("different seeds gave the same exchanges")
	}
}

// What people do of themselves is the same whether or not a scenario happens
// beside them, as long as it changes nothing that they see.
func TestScenarioLeavesEverydayLifeAlone(t *testing.T) {
	o := Options{Seed: 9, App: "ride", Users: 50, Length: 8 * time.Hour}
	everyday := func(o Options) (all []string) {
		run(t, o, func(x *Exchange) {
			if x.Part == 0 {
				all = append(all, fmt.Sprint(x.AtNS, x.Peer.Addr(), x.Method, x.Target, x.User))
			}
		})
		return all
	}
	plain := everyday(o)
	o.Scenarios = []Choice{{ID: "B14"}, {ID: "B20"}}
	if with := everyday(o); !slices.Equal(plain, with) {
		t.Errorf("%d everyday exchanges without and %d with scenarios, or others", len(plain), len(with))
	}
}

func TestExchangesAreInOrderAndConnectionsNeverOverlap(t *testing.T) {
	for seed := range uint64(4) {
		var last int64
		type line struct {
			peer, server netip.AddrPort
			free         int64
		}
		conns := map[uint64]line{}
		w := run(t, Options{Seed: seed, Users: 80, Scenarios: []Choice{{ID: "B01"}, {ID: "B05"}}[:seed%2+1]}, func(x *Exchange) {
			if x.AtNS < last {
				t.Fatalf("seed %d: an exchange at %d after one at %d", seed, x.AtNS, last)
			}
			last = x.AtNS
			c, ok := conns[x.Conn]
			if ok && (c.peer != x.Peer || c.server != x.Server) {
				t.Fatalf("connection %d goes from %v to %v, and from %v to %v", x.Conn, c.peer, c.server, x.Peer, x.Server)
			}
			if c.free > x.AtNS {
				t.Fatalf("connection %d: a request at %d before the answer at %d", x.Conn, x.AtNS, c.free)
			}
			conns[x.Conn] = line{x.Peer, x.Server, x.AtNS + x.DurationNS}
		})
		if int64(len(conns)) >= w.truth.Exchanges {
			t.Errorf("seed %d: %d connections for %d exchanges: none is kept", seed, len(conns), w.truth.Exchanges)
		}
	}
}

func TestTruthCountsWhatWasEmitted(t *testing.T) {
	var exchanges, part int64
	var harm int
	callers := map[string]bool{}
	var first, last int64
	w := run(t, Options{Seed: 4, Users: 60, Length: 36 * time.Hour, Scenarios: []Choice{{ID: "B18"}}}, func(x *Exchange) {
		exchanges++
		if x.Part == 1 {
			if part++; part == 1 {
				first = x.AtNS
			}
			last = x.AtNS
			harm += x.Harm
			callers[x.Caller.String()] = true
		}
	})
	tr := w.Truth()
	if tr.Exchanges != exchanges || len(tr.Parts) != 1 {
		t.Fatalf("truth: %d exchanges and %d parts, emitted %d", tr.Exchanges, len(tr.Parts), exchanges)
	}
	p := tr.Parts[0]
	if p.Calls != part || p.Harm != int64(harm) || p.Start.UnixNano() != first || p.End.UnixNano() != last || len(p.Callers) != len(callers) {
		t.Errorf("truth of the part: %+v; emitted %d calls, %d callers", p, part, len(callers))
	}
	if p.Attack {
		t.Error("a family is called an attack")
	}
	if tr.Logins == 0 || tr.Objects == 0 || tr.Logins > tr.Objects {
		t.Errorf("%d logins, %d with objects", tr.Logins, tr.Objects)
	}
	known := int64(0)
	for _, r := range tr.Endpoints {
		known += r.Calls
	}
	if known > exchanges || known < exchanges*9/10 {
		t.Errorf("%d of %d exchanges belong to an endpoint", known, exchanges)
	}
	if _, err := json.Marshal(tr); err != nil {
		t.Error(err)
	}
}

// Every kind of application in several styles makes valid HTTP and valid JSON.
func TestEveryApplicationSpeaksHTTP(t *testing.T) {
	if testing.Short() {
		t.Skip("a world is one goroutine: the whole test looks at more of them")
	}
	styles := map[apiStyle]bool{}
	auths := map[authStyle]bool{}
	for i, app := range Apps() {
		seeds := uint64(3)
		if app == "partner" { // only there are keys in queries and Basic
			seeds = 10
		}
		for seed := range seeds {
			w := run(t, Options{Seed: seed*31 + uint64(i), App: app, Users: 15, Length: 16 * time.Hour}, func(x *Exchange) { checkHTTP(t, app, x) })
			styles[w.app.style.api], auths[w.app.style.auth] = true, true
			if n := len(w.app.ops); n < 30 || n > 700 {
				t.Errorf("%s: %d operations", app, n)
			}
			if w.truth.Exchanges < 50 {
				t.Errorf("%s, seed %d: only %d exchanges", app, seed, w.truth.Exchanges)
			}
			var doc struct {
				Paths map[string]map[string]any `json:"paths"`
			}
			if err := json.Unmarshal(w.Spec(), &doc); err != nil || len(doc.Paths) == 0 {
				t.Errorf("%s: description: %d paths, %v", app, len(doc.Paths), err)
			}
		}
	}
	if len(styles) != 4 || len(auths) != 6 {
		t.Errorf("%d of 4 styles and %d of 6 ways to say who one is", len(styles), len(auths))
	}
}

func checkHTTP(t *testing.T, app string, x *Exchange) {
	t.Helper()
	bad := func(format string, args ...any) {
		t.Fatalf("%s: %s %s → %d: "+format, append([]any{app, x.Method, x.Target, x.Status}, args...)...)
	}
	if u, err := url.ParseRequestURI(x.Target); err != nil || !strings.HasPrefix(x.Target, "/") || u.Host != "" {
		bad("target: %v", err)
	}
	if x.Status < 200 || x.Status > 599 || x.DurationNS <= 0 || !x.Peer.IsValid() || !x.Server.IsValid() || !x.Caller.IsValid() || x.Conn == 0 {
		bad("%+v", x)
	}
	check := func(headers []Header, body []byte, request bool) {
		length, kind, hosts := "", "", 0
		for _, h := range headers {
			if h.Name == "" || strings.ContainsAny(h.Name, " \r\n:") || strings.ContainsAny(h.Value, "\r\n\x00") || h.Value == "" {
				bad("header %q: %q", h.Name, h.Value)
			}
			switch h.Name {
			case "Content-Length":
				length = h.Value
			case "Content-Type":
				kind = h.Value
			case "Host":
				hosts++
			}
		}
		if request && hosts != 1 {
			bad("%d Host lines", hosts)
		}
		if len(body) > 0 && length != fmt.Sprint(len(body)) && x.Method != "HEAD" {
			bad("Content-Length %q of %d bytes", length, len(body))
		}
		if strings.Contains(kind, "json") && !json.Valid(body) {
			bad("not JSON: %s", body)
		}
		if len(body) > 0 && kind == "" {
			bad("a body without type")
		}
	}
	check(x.RequestHeaders, x.RequestBody, true)
	check(x.ResponseHeaders, x.ResponseBody, false)
}

func TestUnknownNamesAreRefused(t *testing.T) {
	for _, o := range []Options{{App: "bakery"}, {Scenarios: []Choice{{ID: "B99"}}}, {Scenarios: []Choice{{ID: "B01", Level: "L9"}}}, {Scenarios: []Choice{{ID: "B01", Twin: true}}}, {Users: -1}, {Length: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

func TestRunEndsWhenTold(t *testing.T) {
	w, err := New(Options{Seed: 1, Users: 50})
	if err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	n := 0
	err = w.Run(context.Background(), func(*Exchange) error {
		if n++; n == 100 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 100 {
		t.Errorf("%v after %d", err, n)
	}
	if w.Truth().Exchanges != 100 {
		t.Errorf("the truth holds %d", w.Truth().Exchanges)
	}
	if err := w.Run(context.Background(), func(*Exchange) error { return nil }); err == nil {
		t.Error("a world ran twice")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if w, err = New(Options{Seed: 1, Users: 300}); err != nil {
		t.Fatal(err)
	}
	if err := w.Run(ctx, func(*Exchange) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestIdentifiersAreUndone(t *testing.T) {
	for kind := range idKind(idKinds) {
		d := newNaming(kind, 42, "order", 5000, 1_772_000_000_000)
		seen := map[string]bool{}
		for n := range uint32(3000) {
			s := d.text(n)
			if got, ok := d.number(s); !ok || got != n {
				t.Fatalf("%s: %q is %d, read as %d (%v)", idNames[kind], s, n, got, ok)
			}
			if seen[s] {
				t.Fatalf("%s: %q twice", idNames[kind], s)
			}
			seen[s] = true
		}
		r := newRandom(1, "like", 0)
		known := 0
		for range 200 {
			if n, ok := d.number(d.like(r)); ok && n < 3000 {
				known++
			}
		}
		if kind != idInt && kind != idSlug && kind != idComposite && known > 0 {
			t.Errorf("%s: %d made-up identifiers of 200 exist", idNames[kind], known)
		}
		for _, s := range []string{"", "x", "00000000-0000-4000-8000-000000000000", strings.Repeat("9", 60), "ZZZZZZZZZZZZZZZZZZZZZZZZZZ"} {
			if n, ok := d.number(s); ok && n < 3000 {
				t.Errorf("%s: %q is object %d", idNames[kind], s, n)
			}
		}
	}
}

func FuzzNaming(f *testing.F) {
	for kind := range idKind(idKinds) {
		d := newNaming(kind, 7, "ticket", 100, 1_772_000_000_000)
		f.Add(uint8(kind), d.text(3))
	}
	f.Fuzz(func(t *testing.T, kind uint8, s string) {
		d := newNaming(idKind(kind%idKinds), 7, "ticket", 100, 1_772_000_000_000)
		if n, ok := d.number(s); ok && d.text(n) != s {
			t.Errorf("%q is %d, which is %q", s, n, d.text(n))
		}
	})
}

func TestPermutationIsOne(t *testing.T) {
	for _, n := range []uint64{2, 3, 10, 97, 1000, 4096} {
		p := permute(n, 99)
		seen := make([]bool, n)
		for i := range n {
			x := p.at(i)
			if x >= n || seen[x] || p.of(x) != i {
				t.Fatalf("n %d: %d goes to %d and back to %d", n, i, x, p.of(x))
			}
			seen[x] = true
		}
	}
}

func TestPopularityFollowsZipf(t *testing.T) {
	for _, s := range []float64{.5, .9, 1.3} {
		r := newRandom(3, "zipf", 0)
		counts := make([]int, 1000)
		for range 400_000 {
			counts[popular(r, 1000, s)]++
		}
		ratio := float64(counts[9]+counts[10]+counts[11]) / float64(counts[99]+counts[100]+counts[101])
		if want := math.Pow(10, s); math.Abs(math.Log(ratio/want)) > .25 {
			t.Errorf("s %.1f: the tenth is %.1f times as popular as the hundredth, want %.1f", s, ratio, want)
		}
	}
}

func TestOwnersAreWhoseListsShowThem(t *testing.T) {
	a := newApplication(kindNamed("shop"), 8, 200, 1_772_409_600_000_000_000)
	for _, res := range a.resources {
		if res.access != owned || res.single {
			continue
		}
		for n := range int32(200) {
			list := res.of(n, nil)
			for i, o := range list {
				if res.owner(o) != n || res.nth(n, len(list)-1-i) != o {
					t.Fatalf("%s: object %d of %d belongs to %d", res.concept, o, n, res.owner(o))
				}
			}
		}
		n := res.add(3)
		if res.owner(n) != 3 || !slices.Contains(res.of(3, nil), n) || !res.exists(n) {
			t.Errorf("%s: a new object is lost", res.concept)
		}
		res.drop(n)
		if res.exists(n) || slices.Contains(res.of(3, nil), n) {
			t.Errorf("%s: a deleted object is there", res.concept)
		}
	}
}

func BenchmarkRun(b *testing.B) {
	b.ReportAllocs()
	bytes := 0
	for n, seed := 0, uint64(0); n < b.N; seed++ {
		b.StopTimer()
		w, err := New(Options{Seed: seed, Users: 1000})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		stop := errors.New("stop")
		err = w.Run(context.Background(), func(x *Exchange) error {
			bytes += len(x.ResponseBody)
			if n++; n >= b.N {
				return stop
			}
			return nil
		})
		if err != nil && !errors.Is(err, stop) {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(bytes)/float64(b.N), "body-bytes/op")
}

func TestDates(t *testing.T) {
	for _, at := range []time.Time{time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC), time.Date(1999, 12, 31, 12, 0, 1, 0, time.UTC), time.Date(2100, 3, 1, 1, 2, 3, 0, time.UTC)} {
		if got, want := string(appendDate(nil, at.Unix())), at.Format("Mon, 02 Jan 2006 15:04:05")+" GMT"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got, want := string(appendTime(nil, at.UnixNano(), '"')), at.Format(time.RFC3339)+`"`; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
