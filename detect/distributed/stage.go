package distributed

import (
	"errors"
	"slices"

	"lapwing/detect"
	"lapwing/detect/state"
)

// Config bounds a Stage. Its zero value is usable; with every table full it
// takes some 120 MB, in quiet times a few.
type Config struct {
	Seed     uint64 // of the hashes behind table keys; from the deployment key
	Places   int    // endpoints that take logins; 0: 512
	Bins     int    // programs, agents and networks at them, 3 KB each; 0: 20,480
	Accounts int    // accounts that strangers failed at; 0: 262,144
	Familiar int    // traits that are familiar to accounts, in 45 days; 0: 4,194,304 (20 MB)
	Counted  int    // (source, account) pairs in an hour, and as many with failures in a day; 0: 524,288 (4 MB)
	Pending  int    // attempts that wait for ten minutes; 0: 262,144 (22 MB)
}

// Stats count what a Stage did and could not keep.
type Stats struct {
	Attempts int64 // attempts with an account
	Owned    int64 // left to whoever judges single sources
	Dropped  int64 // attempts that could not wait to be resolved
	Refused  int64 // bins that found no room
	Evicted  int64 // bins pushed out
}

// A Stage judges attempts over all sources. It implements detect.Stage.
type Stage struct {
	cfg      Config                `snapshot:"same"`
	familiar *state.Filter         // (account, trait)
	counted  *state.Filter         // (source, account) in this hour
	failed   *state.Filter         // (source, account) that failed as a stranger on this day
	accounts *state.Table[account] // by account
	pending  queue
	crowds   []uint64 // model: networks and programs of a fifth of everybody, in order
	places   *state.Table[place]
	bins     *state.Table[bin]
	active   []uint64 // bins that something came into in this minute
	busy     []uint64 // their places
	minuteNS int64    // end of the last minute that was judged
	hourNS   int64
	stats    Stats
}

// New returns a Stage.
func New(cfg Config) *Stage {
	cfg.Places = def(cfg.Places, 512)
	cfg.Bins = def(cfg.Bins, 20480)
	cfg.Accounts = def(cfg.Accounts, 1<<18)
	cfg.Familiar = def(cfg.Familiar, 4<<20)
	cfg.Counted = def(cfg.Counted, 1<<19)
	cfg.Pending = def(cfg.Pending, 1<<18)
	s := &Stage{
		cfg: cfg, familiar: state.NewFilter(cfg.Familiar, familiarNS), counted: state.NewFilter(cfg.Counted, hourNS), failed: state.NewFilter(cfg.Counted, dayNS),
		accounts: state.NewTable[account](cfg.Accounts), places: state.NewTable[place](cfg.Places), bins: state.NewTable[bin](cfg.Bins),
		pending: queue{most: cfg.Pending},
	}
	s.bins.OnEvict(s.evicted)
	return s
}

func def(v, otherwise int) int {
	if v <= 0 {
		return otherwise
	}
	return v
}

func (s *Stage) evicted(key uint64, b *bin) {
	s.stats.Evicted++
	p := s.places.Get(b.place)
	if p == nil {
		return
	}
	p.siblings[b.kind]--
	if i, ok := slices.BinarySearch(p.suspects, key); ok {
		p.suspects = slices.Delete(p.suspects, i, i+1)
	}
}

// Name returns For.
func (s *Stage) Name() string { return For }

// Stats returns a copy of the counters.
func (s *Stage) Stats() Stats { return s.stats }

// SnapshotTypes names the cases that incidents hold.
func (*Stage) SnapshotTypes() []any { return []any{(*campaign)(nil), (*rounds)(nil)} }

// Restored checks what a snapshot brought.
func (s *Stage) Restored() error {
	if q := &s.pending; q.n < 0 || q.n > len(q.list) || q.head < 0 || q.head > 0 && q.head >= len(q.list) {
		return errors.New("a queue of attempts is out of its bounds")
	}
	return nil
}

// Observe does nothing: attempts come as facts.
func (s *Stage) Observe(*detect.Observation, *detect.Output) {}

// Fact takes an attempt to its account, and from there to its endpoint.
func (s *Stage) Fact(f *detect.Fact, out *detect.Output) {
	switch p := f.Payload.(type) {
	case Attempt:
		s.try(&p, out)
	case tried:
		s.join(f, &p)
	case settled:
		s.settle(f, &p)
	}
}

// Advance sends on what has waited, and judges the minutes that are over.
func (s *Stage) Advance(nowNS int64, out *detect.Output) {
	s.release(nowNS, out)
	if nowNS-s.minuteNS < minuteNS && nowNS/minuteNS == s.minuteNS/minuteNS {
		return
	}
	s.minuteNS = nowNS
	s.minute(nowNS, out)
	if nowNS/hourNS != s.hourNS/hourNS {
		s.hourNS = nowNS
		s.hour(nowNS)
		s.places.Each(func(_ uint64, _ int64, p *place) bool {
			s.weigh(p, nowNS, out)
			return true
		})
	}
}

func (s *Stage) release(nowNS int64, out *detect.Output) {
	for {
		w, ok := s.pending.pop(nowNS)
		if !ok {
			return
		}
		if w.settled.marks&(failed|stranger) == failed|stranger {
			// Not known any more means that there was no room to tell.
			if acc := s.accounts.Get(w.account); acc == nil || acc.goodNS >= w.dueNS-resolveNS {
				w.settled.marks &^= failed
			}
		}
		out.Fact(For, w.place, w.settled)
	}
}

// Close judges what has waited for two minutes, as most people who mistyped
// have come in by then.
func (s *Stage) Close(out *detect.Output) { s.release(s.minuteNS+resolveNS-2*minuteNS, out) }
