package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"lapwing/alerting/journal"
	"lapwing/event"
)

// Config is what a Pipeline needs. Zero values of the optional fields mean
// their defaults.
type Config struct {
	Dir    string // data directory; the log is Dir/alerts.log. Required
	Routes []Route
	Reveal func(name string) string // turns a pseudonym "nm-…" into the name; nil: nobody may
	// Replica keeps a copy of the log for a successor elsewhere; what it holds
	// wins over the log in Dir. Nothing is sent before the copy says that it is
	// due. nil: there is no copy.
	Replica Replica
	Logger  *slog.Logger // failures of delivery; never secrets. Default: discard

	Now    func() time.Time // default time.Now
	Jitter func() float64   // in [0, 1), spreads retries; default math/rand

	MaxAge       time.Duration // of an undelivered notification, then it is dead; default 24 h
	SendTimeout  time.Duration // of one attempt; default 30 s
	MaxIncidents int           // kept, running or not; default 10,000
	Retention    time.Duration // of resolved incidents; default 30 days
}

// A Route says what a destination gets.
type Route struct {
	Destination Destination
	MinSeverity event.Severity // incidents below are not sent there
	Reveal      bool           // send names readable instead of pseudonyms
	PerMinute   int            // messages a minute before the rest is folded into one; default 20
}

const (
	defaultMaxAge       = 24 * time.Hour
	defaultSendTimeout  = 30 * time.Second
	defaultMaxIncidents = 10_000
	defaultRetention    = 30 * 24 * time.Hour
	defaultPerMinute    = 20

	// acceptChunk is how many alerts share a record: large enough to share an
	// fsync, small enough to keep records far from the journal's limit.
	acceptChunk = 64

	// compactAbove is the size of the log below which compaction is not worth it.
	compactAbove = 8 << 20
)

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var faults []error
	if c.Dir == "" {
		faults = append(faults, errors.New("alerting: data directory is missing"))
	}
	seen := map[string]bool{}
	for i, r := range c.Routes {
		switch {
		case r.Destination == nil:
			faults = append(faults, fmt.Errorf("alerting: route %d has no destination", i))
			continue
		case seen[r.Destination.Name()]:
			faults = append(faults, fmt.Errorf("alerting: two destinations are named %q", r.Destination.Name()))
		case r.Reveal && c.Reveal == nil:
			faults = append(faults, fmt.Errorf("alerting: %s asks for names, and there is no key to reveal them", r.Destination.Name()))
		case r.PerMinute < 0:
			faults = append(faults, fmt.Errorf("alerting: %s: messages a minute must not be negative (got %d)", r.Destination.Name(), r.PerMinute))
		}
		seen[r.Destination.Name()] = true
	}
	return errors.Join(faults...)
}

// A Pipeline keeps incidents and delivers notifications. Make it with Open.
type Pipeline struct {
	cfg    Config
	routes []*route

	// Who changes anything has the turn for all of it, and gives up mu alone
	// while the replica writes: those who only look need not wait for a broker.
	turn    sync.Mutex
	mu      sync.Mutex
	journal *journal.Journal
	state   state
	unsaved []done // delivered, but the log did not take it yet
	base    int64  // size of the log after the last compaction
	tight   int64  // size below which compaction is not worth it
	counts  counts
}

type counts struct {
	accepted, redelivered, silenced, evicted, unrouted int64
}

// Open reads the log in c.Dir, making it if there is none, and returns the
// pipeline as it stood. Nothing is delivered before Run.
func Open(c Config) (*Pipeline, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.MaxAge = or(c.MaxAge, defaultMaxAge)
	c.SendTimeout = or(c.SendTimeout, defaultSendTimeout)
	c.MaxIncidents = or(c.MaxIncidents, defaultMaxIncidents)
	c.Retention = or(c.Retention, defaultRetention)
	p := &Pipeline{cfg: c, state: newState(), tight: compactAbove}
	for _, r := range c.Routes {
		r.PerMinute = or(r.PerMinute, defaultPerMinute)
		_, keyed := r.Destination.(Keyed)
		if keyed {
			keyed = r.Destination.(Keyed).Keyed()
		}
		p.routes = append(p.routes, &route{Route: r, keyed: keyed, wake: make(chan struct{}, 1)})
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("alerting: %w", err)
	}
	j, err := journal.Open(filepath.Join(c.Dir, "alerts.log"), func(record []byte) error {
		var e entry
		if err := json.Unmarshal(record, &e); err != nil {
			return fmt.Errorf("record is no entry: %w", err)
		}
		p.state.apply(&e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("alerting: %w", err)
	}
	p.journal = j
	p.lock()
	defer p.unlock()
	if err = p.takeOver(); err == nil {
		p.base = j.Size()
		err = p.dropUnrouted()
	}
	if err != nil {
		_ = j.Close() // the first error is the one that matters
		return nil, err
	}
	return p, nil
}

// lock takes the turn; see Pipeline.
func (p *Pipeline) lock() {
	p.turn.Lock()
	p.mu.Lock()
}

func (p *Pipeline) unlock() {
	p.mu.Unlock()
	p.turn.Unlock()
}

// takeOver takes the copy that the last owner left, and becomes its owner.
// Without any copy the log in the directory begins it.
func (p *Pipeline) takeOver() error {
	if p.cfg.Replica == nil {
		return nil
	}
	found := newState()
	known, err := p.cfg.Replica.Load(found.restore)
	if err != nil {
		return fmt.Errorf("alerting: take over: %w", err)
	}
	if known {
		found.settle()
		p.state = found
		if err := p.journal.Rewrite(p.state.snapshot); err != nil {
			return fmt.Errorf("alerting: take over: %w", err)
		}
	}
	if err := p.cfg.Replica.Begin(p.state.whole); err != nil {
		return fmt.Errorf("alerting: take over: %w", err)
	}
	return nil
}

// dropUnrouted gives up what is pending for destinations that were taken out of
// the configuration.
func (p *Pipeline) dropUnrouted() error {
	var e entry
	for name, items := range p.state.pending {
		if p.routeOf(name) == nil {
			p.counts.unrouted += int64(len(items))
			for _, it := range items {
				e.Done = append(e.Done, done{name, it.Seq, it.Incident})
			}
		}
	}
	if len(e.Done) == 0 {
		return nil
	}
	return p.commit(&e)
}

func (p *Pipeline) routeOf(name string) *route {
	for _, r := range p.routes {
		if r.Destination.Name() == name {
			return r
		}
	}
	return nil
}

func or[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Close closes the log. Call it after Run has returned.
func (p *Pipeline) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.journal.Close()
}

// Accept takes alerts. It returns nil once they, and what is to be sent because
// of them, are on stable storage. On an error some may have been taken: call
// again with the same alerts, those count once.
func (p *Pipeline) Accept(ctx context.Context, alerts []event.Alert) error {
	for len(alerts) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(len(alerts), acceptChunk)
		if err := p.accept(alerts[:n]); err != nil {
			return fmt.Errorf("accept %d alerts: %w", len(alerts), err)
		}
		alerts = alerts[n:]
	}
	return nil
}

func (p *Pipeline) accept(alerts []event.Alert) error {
	p.lock()
	defer p.unlock()
	now := p.cfg.Now().UTC()
	var e entry
	var add counts
	touched, matched := map[string]*tracked{}, map[string]int64{}
	for i := range alerts {
		a := finite(alerts[i])
		id := a.IncidentID
		if id == "" {
			id = a.ID
		}
		if id == "" {
			return errors.New("alert without an id")
		}
		t := touched[id]
		if t == nil {
			if have := p.state.incidents[id]; have != nil {
				t = have.clone()
			} else {
				t = &tracked{Incident: Incident{ID: id, FirstAlert: a.ID, State: StateOpen, OpenedAt: now}}
			}
		}
		silence := p.state.silencedBy(&a, now)
		met := ""
		if silence != nil {
			met = silence.ID
			a.Flags = withFlag(a.Flags, silence.flag())
		}
		c := t.take(a, met, now)
		if !c.fresh {
			add.redelivered++
			continue
		}
		add.accepted++
		if touched[id] == nil {
			touched[id] = t
			e.Incidents = append(e.Incidents, t)
		}
		if silence != nil {
			add.silenced++
			matched[met]++
		}
		for _, r := range p.routes {
			if k := t.due(&r.Route, c, now); k != "" {
				p.enqueue(&e, r, id, k, now)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(matched)) {
		s := p.state.silences[id]
		s.Matched, s.LastMatched = s.Matched+matched[id], now
		e.Silences = append(e.Silences, s)
	}
	if len(e.Incidents) > 0 {
		e.Dropped = p.state.surplus(p.cfg.MaxIncidents, touched)
		if err := p.commit(&e); err != nil {
			return err
		}
	}
	p.counts.accepted += add.accepted
	p.counts.redelivered += add.redelivered
	p.counts.silenced += add.silenced
	p.counts.evicted += int64(len(e.Dropped))
	return nil
}

// enqueue adds a notification to e, unless one of the same incident is waiting
// there that will tell the same: they are written when they are sent.
func (p *Pipeline) enqueue(e *entry, r *route, incident string, k Kind, now time.Time) {
	name := r.Destination.Name()
	if k == KindOpen || k == KindSeverity || k == KindUpdate {
		last := Kind("") // what the queue's newest about this incident is
		for _, queue := range [...][]item{p.state.pending[name], e.Queued} {
			for _, it := range queue {
				if it.Destination == name && it.Incident == incident && !r.inFlight(it.Seq) {
					last = it.Kind
				}
			}
		}
		if last == KindOpen || last == KindSeverity || last == KindUpdate {
			r.coalesced++
			return
		}
	}
	e.Seq = max(e.Seq, p.state.seq) + 1
	e.Queued = append(e.Queued, item{Seq: e.Seq, Destination: name, Incident: incident, Kind: k, At: now})
}

// commit makes e durable, then true, then wakes whom it concerns. The caller
// has the turn.
func (p *Pipeline) commit(e *entry) error {
	e.Done = append(e.Done, p.unsaved...)
	record, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode entry: %w", err)
	}
	if err := p.replicate(e); err != nil {
		// The copy may hold these numbers: they are given to nothing else.
		p.state.seq = max(p.state.seq, e.Seq)
		return err
	}
	if err := p.journal.Append(record); err != nil {
		p.state.seq = max(p.state.seq, e.Seq)
		return err
	}
	p.unsaved = nil
	p.state.apply(e)
	for _, it := range e.Queued {
		p.routeOf(it.Destination).queued++
	}
	for _, r := range p.routes {
		if len(p.state.pending[r.Destination.Name()]) > 0 {
			select {
			case r.wake <- struct{}{}:
			default: // it is awake
			}
		}
	}
	p.compact()
	return nil
}

// replicate puts into the copy what e changes.
func (p *Pipeline) replicate(e *entry) error {
	if p.cfg.Replica == nil {
		return nil
	}
	records, err := p.state.copies(e)
	if err != nil {
		return err
	}
	p.mu.Unlock()
	defer p.mu.Lock()
	if err := p.cfg.Replica.Put(records); err != nil {
		return fmt.Errorf("copy the alert log: %w", err)
	}
	return nil
}

// compact rewrites the log once it is much longer than what it says.
func (p *Pipeline) compact() {
	if size := p.journal.Size(); size < p.tight || size < 4*p.base {
		return
	}
	old := p.state.old(p.cfg.Now().Add(-p.cfg.Retention))
	if err := p.replicate(old); err != nil {
		p.cfg.Logger.Error("old incidents could not be forgotten", "error", err)
		old = &entry{}
	}
	p.state.apply(old)
	p.counts.evicted += int64(len(old.Dropped))
	if err := p.journal.Rewrite(p.state.snapshot); err != nil {
		p.cfg.Logger.Error("alert log could not be compacted", "error", err)
		p.base = p.journal.Size() // do not try again at every record
		return
	}
	p.base = p.journal.Size()
}

// finite replaces numbers that JSON cannot hold; they would make the alert
// impossible to store.
func finite(a event.Alert) event.Alert {
	fix := func(v *float64) {
		switch {
		case math.IsNaN(*v):
			*v = 0
		case math.IsInf(*v, 0):
			*v = math.Copysign(math.MaxFloat64, *v)
		}
	}
	a = cloneAlert(a)
	fix(&a.Evidence.ScoreLog10)
	for i := range a.Evidence.Features {
		f := &a.Evidence.Features[i]
		fix(&f.Value)
		fix(&f.Baseline)
		fix(&f.LikelihoodRatio)
		fix(&f.Contribution)
	}
	return a
}
