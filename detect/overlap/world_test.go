package overlap_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/objects"
	"lapwing/detect/overlap"
	"lapwing/detect/snapshot/snapshottest"
	"lapwing/detect/state"
	"lapwing/event"
)

// A fair is a catalogue that many read: who draws what is the whole point.
type fair struct {
	rng   *rand.Rand
	at    time.Time
	pace  time.Duration
	n     int
	calls []*event.Call
	cdf   []float64 // popularity of the things in the catalogue
}

// newFair has size things, of which the i-th most popular is read with weight
// i^-slope.
func newFair(seed uint64, size int, slope float64) *fair {
	f := &fair{rng: rand.New(rand.NewPCG(seed, 5)), at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), pace: 300 * time.Millisecond}
	sum := 0.0
	for i := range size {
		sum += math.Pow(float64(i+1), -slope)
		f.cdf = append(f.cdf, sum)
	}
	return f
}

func (f *fair) popular() int {
	return sort.SearchFloat64s(f.cdf, f.rng.Float64()*f.cdf[len(f.cdf)-1])
}

func (f *fair) read(who int, print, agent string, thing int) {
	f.n++
	f.at = f.at.Add(f.pace)
	id := 100_000 + thing
	c := &event.Call{
		ID: event.MakeID(uint64(f.n), 3), Time: f.at, Duration: 20 * time.Millisecond, Client: netip.AddrFrom4([4]byte{11, byte(who >> 16), byte(who >> 8), byte(who)}),
		Method: "GET", Host: "shop.test", Path: fmt.Sprintf("/products/%d", id), PathShape: "/products/{int}", Status: 200, Fingerprint: print, UserAgent: agent,
	}
	c.Actor = event.Actor{Kind: event.KindClient, Value: c.Client.String()}
	c.Shape.Response.Type = "json"
	c.IDs = []event.IDRef{{In: event.InPath, Name: "2", Class: event.ClassInt, Int: int64(id), Hash: state.Hash(9, strconv.Itoa(id))}}
	f.calls = append(f.calls, c)
}

// list tells a visitor of things.
func (f *fair) list(who int, print string, things []int) {
	f.read(who, print, "Mozilla/5.0", 0)
	c := f.calls[len(f.calls)-1]
	c.Path, c.PathShape, c.IDs = "/products", "/products", nil
	for _, thing := range things {
		id := 100_000 + thing
		c.IDs = append(c.IDs, event.IDRef{Response: true, In: event.InBody, Name: "[].id", Class: event.ClassInt, Int: int64(id), Hash: state.Hash(9, strconv.Itoa(id))})
	}
}

// visitors read what is popular, each a number of things that varies as
// people's do; from is the first of their addresses.
func (f *fair) visitors(from, n int, mean float64) {
	for i := range n {
		k := 1 + int(f.rng.ExpFloat64()*(mean-1)+0.5)
		for range k {
			f.read(from+i, fmt.Sprint("browser-", i%5), "Mozilla/5.0", f.popular())
		}
	}
}

type routes struct {
	detect.NoFacts
	detect.NoAdvance
	detect.NoClose
}

func (routes) Name() string { return "inventory" }
func (routes) Observe(o *detect.Observation, _ *detect.Output) {
	t := strings.ReplaceAll(o.Call.PathShape, "{int}", "{id}")
	o.Route = detect.Route{Family: state.Hash(1, o.Call.Host+t), Key: state.Hash(1, o.Call.Method+t), Template: t, Standing: detect.Established}
}

func judge(calls []*event.Call) (alerts []event.Alert) {
	e := engine(func(a event.Alert) { alerts = append(alerts, a) })
	for _, c := range calls {
		e.Observe(c)
	}
	e.Close()
	return alerts
}

func engine(emit func(event.Alert)) *detect.Engine {
	return detect.New(detect.Config{Sensor: "t", Seed: 7}, emit, routes{}, objects.New(7), overlap.New(7))
}

// first returns the first alert about programs, at medium or above.
func first(alerts []event.Alert) *event.Alert {
	for i := range alerts {
		if k := alerts[i].Entity.Kind; (k == event.KindCluster || k == event.KindEndpoint) && alerts[i].Severity >= event.Medium {
			return &alerts[i]
		}
	}
	return nil
}

func sound(t *testing.T, alerts []event.Alert) {
	t.Helper()
	for _, a := range alerts {
		sum := 0.0
		for _, f := range a.Evidence.Features {
			sum += f.Contribution
		}
		if math.Abs(sum-a.Evidence.ScoreLog10) > 1e-9 || len(a.Evidence.Calls) == 0 || len(a.Benign) != 2 || a.Hunt == "" || a.NextStep == "" {
			t.Errorf("incomplete: %+v", a)
		}
		rest := strings.NewReplacer(a.Entity.Value, "", a.Endpoint.Route, "", a.Endpoint.Host, "").Replace(a.Summary)
		for _, word := range strings.FieldsFunc(rest, func(r rune) bool { return r < '0' || r > '9' }) {
			n, _ := strconv.ParseInt(word, 10, 64)
			ok := false
			for _, v := range a.Counts {
				ok = ok || v == n
			}
			if !ok {
				t.Errorf("%d in %q is no field", n, a.Summary)
			}
		}
	}
}

func interrupted(t *testing.T, calls []*event.Call) {
	t.Helper()
	if testing.Short() {
		return
	}
	if err := snapshottest.Interrupted(calls, engine); err != nil {
		t.Error(err)
	}
}
