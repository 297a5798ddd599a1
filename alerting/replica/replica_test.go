package replica_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"lapwing/alerting"
	"lapwing/alerting/replica"
	"lapwing/event"
)

var errDown = errors.New("broker is away")

// A topic is a compacted topic in memory that fails as it is told.
type topic struct {
	mu      sync.Mutex
	records []alerting.Record
	fuse    int // records that are still taken; below zero: without end
}

func (l *topic) burn(fuse int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fuse = fuse
}

func newTopic() *topic { return &topic{fuse: -1} }

func (l *topic) ReadAll(_ context.Context, fn func(string, []byte) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		if err := fn(r.Key, r.Value); err != nil {
			return err
		}
	}
	return nil
}

func (l *topic) Write(ctx context.Context, records []alerting.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range records {
		if l.fuse == 0 {
			return errDown
		}
		l.fuse--
		l.records = append(l.records, alerting.Record{Key: r.Key, Value: slices.Clone(r.Value)})
	}
	return nil
}

// compact keeps the last record of each key, as a broker does when it likes.
func (l *topic) compact() {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := map[string]int{}
	for i, r := range l.records {
		last[r.Key] = i
	}
	var out []alerting.Record
	for i, r := range l.records {
		if last[r.Key] == i && r.Value != nil {
			out = append(out, r)
		}
	}
	l.records = out
}

// A sink takes each key once, as idempotent destinations do.
type sink struct {
	name string
	fail atomic.Bool

	mu    sync.Mutex // an owner that is believed dead sends too
	keys  map[string]bool
	opens map[string]int // by alert: keys of openings that told of it
}

func (s *sink) Name() string { return s.name }

func (s *sink) Send(_ context.Context, n alerting.Notification) error {
	if s.fail.Load() {
		return errDown
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.keys[n.Key] {
		s.keys[n.Key] = true
		if n.Kind == alerting.KindOpen {
			for _, a := range n.Incident.Alerts {
				s.opens[a.ID]++
			}
		}
	}
	return nil
}

func newSink(name string) *sink {
	return &sink{name: name, keys: map[string]bool{}, opens: map[string]int{}}
}

func alert(n, revision int) event.Alert {
	id := fmt.Sprintf("A%04d", n)
	return event.Alert{ID: id, IncidentID: id, Revision: revision, Detector: "scraping", Severity: event.High, Status: event.StatusOpen, Summary: strings.Repeat("x", 3000)}
}

func open(t testing.TB, log replica.Log, dir, owner string, sinks ...*sink) *alerting.Pipeline {
	t.Helper()
	p, err := tryOpen(log, dir, owner, sinks...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tryOpen(log replica.Log, dir, owner string, sinks ...*sink) (*alerting.Pipeline, error) {
	var routes []alerting.Route
	for _, s := range sinks {
		routes = append(routes, alerting.Route{Destination: s, PerMinute: 1000})
	}
	return alerting.Open(alerting.Config{
		Dir: dir, Routes: routes, Jitter: func() float64 { return 0 },
		Replica: replica.New(context.Background(), context.Background(), log, replica.Owner{Name: owner, Since: time.Now()}),
	})
}

// Whatever fails and whoever takes over, with whatever left of a copy: each
// alert that was accepted is told to an idempotent destination, and its
// opening once.
func TestTakeOversLoseAndDoubleNothing(t *testing.T) {
	if testing.Short() {
		if err := flag.Set("rapid.checks", "15"); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			log, s, slow := newTopic(), newSink("machine"), newSink("other")
			accepted := map[int]bool{}
			tried, silences := 0, map[string]bool{}
			var zombies []*alerting.Pipeline
			steps := rapid.IntRange(1, 4).Draw(rt, "owners")
			for owner := range steps {
				last := owner == steps-1
				log.burn(-1)
				if !last && rapid.IntRange(0, 3).Draw(rt, "dies while it takes over") == 0 {
					log.burn(rapid.IntRange(0, 8).Draw(rt, "records"))
					if p, err := tryOpen(log, t.TempDir(), "half", s, slow); err == nil {
						zombies = append(zombies, p)
					}
					log.burn(-1)
				}
				time.Sleep(time.Second)
				p := open(t, log, t.TempDir(), fmt.Sprint("owner ", owner), s, slow)
				held := p.Silences()
				for id := range silences {
					if !slices.ContainsFunc(held, func(q alerting.Silence) bool { return q.ID == id }) {
						rt.Fatalf("silence %s is gone after the take-over", id)
					}
				}
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan struct{})
				go func() { defer close(ended); _ = p.Run(ctx) }()
				for range rapid.IntRange(0, 6).Draw(rt, "acts") {
					s.fail.Store(rapid.IntRange(0, 4).Draw(rt, "sink") == 0)
					slow.fail.Store(rapid.Bool().Draw(rt, "other sink"))
					if rapid.IntRange(0, 3).Draw(rt, "broker") == 0 {
						log.burn(rapid.IntRange(0, 5).Draw(rt, "records"))
					} else {
						log.burn(-1)
					}
					switch rapid.IntRange(0, 5).Draw(rt, "act") {
					case 0, 1, 2:
						n := rapid.IntRange(1, 4).Draw(rt, "alerts")
						var batch []event.Alert
						for i := range n {
							batch = append(batch, alert(tried+i, 1))
						}
						if p.Accept(ctx, batch) == nil {
							for i := range n {
								accepted[tried+i] = true
							}
							tried += n
						} // else the same alerts come again, as an uncommitted offset has it
					case 3:
						if q, err := p.AddSilence(alerting.Silence{Matcher: alerting.Matcher{Detector: "bola"}, Until: time.Now().Add(time.Hour), Reason: "r", By: "b"}); err == nil {
							silences[q.ID] = true
						}
					case 4:
						if rapid.Bool().Draw(rt, "compact") {
							log.compact()
						}
					}
					time.Sleep(time.Duration(rapid.IntRange(0, 3000).Draw(rt, "ms")) * time.Millisecond)
					synctest.Wait()
				}
				if last {
					s.fail.Store(false)
					slow.fail.Store(false)
					log.burn(-1)
					time.Sleep(2 * time.Hour)
					synctest.Wait()
				} else if rapid.Bool().Draw(rt, "zombie") {
					zombies = append(zombies, p) // writes on, under its own epoch
					s.fail.Store(true)
				}
				cancel()
				<-ended
				for _, z := range zombies {
					_ = z.Accept(context.Background(), []event.Alert{alert(9000, 1+owner)}) // nobody reads it
				}
				if last {
					for _, d := range p.Stats().Destinations {
						if d.Pending != 0 {
							rt.Fatalf("%s: %d notifications are still waiting", d.Name, d.Pending)
						}
					}
				}
			}
			for _, d := range []*sink{s, slow} {
				for n := range accepted {
					if got := d.opens[alert(n, 1).ID]; got != 1 {
						rt.Fatalf("%s: the opening of alert %d of %d was told %d times", d.name, n, tried, got)
					}
				}
			}
		})
	})
}

// The first alerter that copies brings the log it kept so far.
func TestBeginsWithTheLocalLog(t *testing.T) {
	dir, s := t.TempDir(), newSink("machine")
	before, err := alerting.Open(alerting.Config{Dir: dir, Routes: []alerting.Route{{Destination: s}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := before.Accept(t.Context(), []event.Alert{alert(1, 1)}); err != nil {
		t.Fatal(err)
	}
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	log := newTopic()
	_ = open(t, log, dir, "first", s)
	other := open(t, log, t.TempDir(), "second", s)
	if got := other.Incidents(); len(got) != 1 || got[0].ID != "A0001" || other.Stats().Destinations[0].Pending != 1 {
		t.Errorf("the second alerter holds %+v", got)
	}
}

// What a successor wrote removes what was before, and says who is active.
func TestOwnersReplaceOneAnother(t *testing.T) {
	log, s := newTopic(), newSink("machine")
	if o, err := replica.ActiveOwner(t.Context(), log); err != nil || o.Name != "" {
		t.Fatalf("%+v, %v", o, err)
	}
	log.records = append(log.records, alerting.Record{Key: "detect/1/0", Value: []byte("of others")}, alerting.Record{Key: "alerting/odd", Value: []byte("?")})
	for i := range 5 {
		p := open(t, log, t.TempDir(), fmt.Sprint("owner ", i), s)
		if err := p.Accept(t.Context(), []event.Alert{alert(i, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	if o, err := replica.ActiveOwner(t.Context(), log); err != nil || o.Name != "owner 4" {
		t.Errorf("active: %+v, %v", o, err)
	}
	log.compact()
	// Five incidents, the sequence number, the mark; two records of others.
	if len(log.records) != 9 {
		t.Errorf("%d records are left", len(log.records))
	}
}

// An incident beyond what a broker takes is copied with less in it.
func TestLargeIncidentsAreCopiedWithLess(t *testing.T) {
	log, s := newTopic(), newSink("machine")
	p := open(t, log, t.TempDir(), "a", s)
	seed := uint64(1)
	noise := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			seed = seed*6364136223846793005 + 1442695040888963407
			b[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[seed>>58]
		}
		return string(b)
	}
	for i := range 50 {
		a := alert(i, 1)
		a.IncidentID = "BIG"
		a.Hunt = noise(20 << 10)
		for range 10 {
			a.Evidence.Calls = append(a.Evidence.Calls, event.CallSample{Path: noise(8 << 10)})
		}
		if err := p.Accept(t.Context(), []event.Alert{a}); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range log.records {
		if len(r.Value) > alerting.MaxCopy {
			t.Fatalf("a record of %d bytes", len(r.Value))
		}
	}
	next := open(t, log, t.TempDir(), "b", s)
	got := next.Incidents()
	if len(got) != 1 || len(got[0].Alerts) != 50 || got[0].Alerts[7].ID != "A0007" {
		t.Fatalf("%d incidents", len(got))
	}
	if err := next.Accept(t.Context(), []event.Alert{alert(7, 1)}); err != nil {
		t.Fatal(err)
	}
}

// Nothing that stands in the topic may hurt but by being refused.
func FuzzLoad(f *testing.F) {
	log, s := newTopic(), newSink("machine")
	p := open(f, log, f.TempDir(), "a", s)
	if err := p.Accept(context.Background(), []event.Alert{alert(1, 1)}); err != nil {
		f.Fatal(err)
	}
	for _, r := range log.records {
		f.Add(r.Key, r.Value)
	}
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		log := newTopic()
		_ = open(t, log, t.TempDir(), "a", newSink("machine"))
		epoch := log.records[0].Key[:len(replica.Prefix)+17]
		log.records = append(log.records, alerting.Record{Key: key, Value: value}, alerting.Record{Key: epoch + key, Value: value})
		if p, err := tryOpen(log, t.TempDir(), "b", newSink("machine")); err == nil {
			_ = p.Incidents()
			_ = p.Stats()
		}
	})
}
