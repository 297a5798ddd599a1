package alerting

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

var (
	// ErrUnknown is wrapped by errors about an incident or silence that is not there.
	ErrUnknown = errors.New("unknown id")
	// ErrRefused is what errors are about requests that are wrong in themselves.
	ErrRefused = errors.New("refused")
)

// A refusal is an error that is ErrRefused.
type refusal struct{ error }

func (refusal) Is(target error) bool { return target == ErrRefused }

func (r refusal) Unwrap() error { return r.error }

// Acknowledge notes that by works on the incident, durably: no more updates
// about it are sent, only a rise of its severity and its end. id is the
// incident's, or that of one of its alerts. Twice is once; a resolved incident
// cannot be acknowledged.
func (p *Pipeline) Acknowledge(id, by string) error {
	return p.operate(id, by, func(t *tracked, e *entry, now time.Time) error {
		switch t.State {
		case StateResolved:
			return errors.New("it is resolved")
		case StateAcknowledged:
			return nil
		}
		t.State, t.AcknowledgedBy, t.AcknowledgedAt, t.UpdatedAt = StateAcknowledged, by, now, now
		e.Incidents = append(e.Incidents, t)
		for _, r := range p.routes {
			if t.Told[r.Destination.Name()].Open {
				p.enqueue(e, r, t.ID, KindAcknowledged, now)
			}
		}
		return nil
	})
}

// Resolve ends the incident, durably. It opens again for a new alert or a higher
// severity, not for a mere repetition. id is as for Acknowledge.
func (p *Pipeline) Resolve(id, by string) error {
	return p.operate(id, by, func(t *tracked, e *entry, now time.Time) error {
		if t.State == StateResolved {
			return nil
		}
		t.State, t.ResolvedBy, t.ResolvedAt, t.UpdatedAt = StateResolved, by, now, now
		e.Incidents = append(e.Incidents, t)
		for _, r := range p.routes {
			if k := t.end(r.Destination.Name()); k != "" {
				p.enqueue(e, r, t.ID, k, now)
			}
		}
		return nil
	})
}

func (p *Pipeline) operate(id, by string, do func(*tracked, *entry, time.Time) error) error {
	if by == "" {
		return fmt.Errorf("incident %s: who does it is missing", id)
	}
	p.lock()
	defer p.unlock()
	have := p.find(id)
	if have == nil {
		return fmt.Errorf("incident %s: %w", id, ErrUnknown)
	}
	var e entry
	if err := do(have.clone(), &e, p.cfg.Now().UTC()); err != nil {
		return fmt.Errorf("incident %s: %w", id, err)
	}
	if len(e.Incidents) == 0 {
		return nil
	}
	return p.commit(&e)
}

// find returns the incident with that ID, or with an alert of that ID.
func (p *Pipeline) find(id string) *tracked {
	if t := p.state.incidents[id]; t != nil {
		return t
	}
	for _, t := range p.state.incidents {
		for i := range t.Alerts {
			if t.Alerts[i].ID == id {
				return t
			}
		}
	}
	return nil
}

// AddSilence puts s in force, durably, and returns it with the ID and creation
// time it got. A silence with an ID replaces the one that has it. It holds for
// alerts that come from now on.
func (p *Pipeline) AddSilence(s Silence) (Silence, error) {
	p.lock()
	defer p.unlock()
	now := p.cfg.Now().UTC()
	if err := s.check(now); err != nil {
		return Silence{}, refusal{fmt.Errorf("silence: %w", err)}
	}
	e := entry{Seq: p.state.seq}
	if s.ID == "" {
		e.Seq++
		s.ID = "sil-" + strconv.FormatUint(e.Seq, 10)
	} else if _, ok := p.state.silences[s.ID]; !ok {
		return Silence{}, fmt.Errorf("silence %s: %w", s.ID, ErrUnknown)
	}
	s.CreatedAt, s.Until = now, s.Until.UTC()
	old := p.state.silences[s.ID]
	s.Matched, s.LastMatched = old.Matched, old.LastMatched
	if !s.From.IsZero() {
		s.From = s.From.UTC()
	}
	if err := p.makeRoom(&e, s.ID, now); err != nil {
		return Silence{}, err
	}
	e.Silences = []Silence{s}
	return s, p.commit(&e)
}

// makeRoom has e forget silences that are long over, so that the one with the
// ID added can be there.
func (p *Pipeline) makeRoom(e *entry, added string, now time.Time) error {
	for id, old := range p.state.silences {
		if id != added && !old.Until.After(now.Add(-defaultRetention)) {
			e.Unsilenced = append(e.Unsilenced, id)
		}
	}
	slices.Sort(e.Unsilenced)
	if len(p.state.silences)-len(e.Unsilenced) >= maxSilences {
		return fmt.Errorf("silence: there are %d already: expire some", maxSilences)
	}
	return nil
}

// ExpireSilence ends a silence now, durably.
func (p *Pipeline) ExpireSilence(id string) error {
	p.lock()
	defer p.unlock()
	s, ok := p.state.silences[id]
	if !ok {
		return fmt.Errorf("silence %s: %w", id, ErrUnknown)
	}
	now := p.cfg.Now().UTC()
	if !s.Until.After(now) {
		return nil
	}
	s.Until = now
	return p.commit(&entry{Silences: []Silence{s}})
}

// Silences returns all silences, those in force and those lately over, by
// creation.
func (p *Pipeline) Silences() []Silence {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Silence, 0, len(p.state.silences))
	for _, s := range p.state.silences {
		if s.Allows != nil {
			allows := *s.Allows
			allows.Counts = maps.Clone(allows.Counts)
			s.Allows = &allows
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Silence) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	return out
}

// Incidents returns deep copies of all incidents, the latest opened first.
func (p *Pipeline) Incidents() []Incident {
	p.mu.Lock()
	all := make([]*tracked, 0, len(p.state.incidents))
	for _, t := range p.state.incidents {
		all = append(all, t)
	}
	p.mu.Unlock() // tracked values are never changed: they may be read without the lock
	slices.SortFunc(all, func(a, b *tracked) int { return cmp.Or(b.OpenedAt.Compare(a.OpenedAt), cmp.Compare(a.ID, b.ID)) })
	out := make([]Incident, len(all))
	for i, t := range all {
		out[i] = t.Clone()
	}
	return out
}
