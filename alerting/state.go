package alerting

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"lapwing/event"
)

// An entry is one record of the log. It says what is so from now on, not what
// to do: reading it back needs no rules and no configuration.
type entry struct {
	Incidents  []*tracked `json:"incidents,omitempty"`
	Dropped    []string   `json:"dropped,omitempty"`
	Silences   []Silence  `json:"silences,omitempty"`
	Unsilenced []string   `json:"unsilenced,omitempty"`
	Queued     []item     `json:"queued,omitempty"`
	Done       []done     `json:"done,omitempty"`
	Seq        uint64     `json:"seq,omitempty"` // the highest given out
}

// An item is a notification that is due. Its text is written when it is sent.
type item struct {
	Seq         uint64    `json:"seq"`
	Destination string    `json:"to"`
	Incident    string    `json:"incident"`
	Kind        Kind      `json:"kind"`
	At          time.Time `json:"at"`
}

// done says that an item needs no further sending.
type done struct {
	Destination string `json:"to"`
	Seq         uint64 `json:"seq"`

	incident string // which it was about, where that is known
}

// key is what tells one item from all others.
func (d done) key() done { return done{Destination: d.Destination, Seq: d.Seq} }

type state struct {
	incidents map[string]*tracked
	silences  map[string]Silence
	pending   map[string][]item // by destination, oldest first
	seq       uint64
}

func newState() state {
	return state{incidents: map[string]*tracked{}, silences: map[string]Silence{}, pending: map[string][]item{}}
}

func (s *state) apply(e *entry) {
	for _, t := range e.Incidents {
		s.incidents[t.ID] = t
	}
	for _, id := range e.Dropped {
		delete(s.incidents, id)
	}
	for _, q := range e.Silences {
		s.silences[q.ID] = q
	}
	for _, id := range e.Unsilenced {
		delete(s.silences, id)
	}
	for _, it := range e.Queued {
		s.pending[it.Destination] = append(s.pending[it.Destination], it)
	}
	if len(e.Done) > 0 {
		gone := make(map[done]bool, len(e.Done))
		for _, d := range e.Done {
			gone[d.key()] = true
		}
		for name, items := range s.pending {
			s.pending[name] = slices.DeleteFunc(items, func(it item) bool { return gone[done{Destination: name, Seq: it.Seq}] })
		}
	}
	s.seq = max(s.seq, e.Seq)
}

// silencedBy returns a silence that is in force for a, nil if none is.
func (s *state) silencedBy(a *event.Alert, now time.Time) (found *Silence) {
	for _, q := range s.silences {
		if q.covers(a, now) && (found == nil || compareSilences(&q, found) < 0) {
			found = &q
		}
	}
	return found
}

// surplus returns the incidents that have to go so that limit holds: resolved
// ones first, then those that were quiet longest; a twentieth at a time, so that
// the search is not made for each. What is still to be sent about them stays
// possible no longer, so incidents with pending notifications stay.
func (s *state) surplus(limit int, touched map[string]*tracked) []string {
	grow := 0
	for id := range touched {
		if s.incidents[id] == nil {
			grow++
		}
	}
	over := len(s.incidents) + grow - limit
	if over <= 0 {
		return nil
	}
	over += limit / 20
	busy := s.busy()
	var can []*tracked
	for id, t := range s.incidents {
		if touched[id] == nil && !busy[id] {
			can = append(can, t)
		}
	}
	slices.SortFunc(can, func(a, b *tracked) int {
		ended := func(t *tracked) int {
			if t.State == StateResolved {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(ended(a), ended(b)), a.UpdatedAt.Compare(b.UpdatedAt), cmp.Compare(a.ID, b.ID))
	})
	var out []string
	for _, t := range can[:min(over, len(can))] {
		out = append(out, t.ID)
	}
	return out
}

// busy are the incidents with something to send.
func (s *state) busy() map[string]bool {
	out := map[string]bool{}
	for _, items := range s.pending {
		for _, it := range items {
			out[it.Incident] = true
		}
	}
	return out
}

// old says which incidents were resolved before then, and which silences were
// over.
func (s *state) old(then time.Time) *entry {
	e, busy := &entry{}, s.busy()
	for id, t := range s.incidents {
		if t.State == StateResolved && t.ResolvedAt.Before(then) && t.UpdatedAt.Before(then) && !busy[id] {
			e.Dropped = append(e.Dropped, id)
		}
	}
	for id, q := range s.silences {
		if q.Until.Before(then) {
			e.Unsilenced = append(e.Unsilenced, id)
		}
	}
	return e
}

// snapshot adds records that say all of the state.
func (s *state) snapshot(add func([]byte) error) error {
	put := func(e *entry) error {
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return add(b)
	}
	head := &entry{Seq: s.seq}
	for _, id := range slices.Sorted(maps.Keys(s.silences)) {
		head.Silences = append(head.Silences, s.silences[id])
	}
	if err := put(head); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(s.incidents)) {
		if err := put(&entry{Incidents: []*tracked{s.incidents[id]}}); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.pending)) {
		for items := range slices.Chunk(s.pending[name], 1000) {
			if err := put(&entry{Queued: items}); err != nil {
				return err
			}
		}
	}
	return nil
}
