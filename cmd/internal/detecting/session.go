package detecting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"lapwing/stream/kafka"
	"lapwing/stream/wire"
)

// A session is the time for which a detector has all partitions.
type session struct {
	d       *Detector
	f       *Follower
	readers []*reader
	arrived chan arrival
	saving  chan saved // a snapshot is being written; nil: none is
	reading sync.WaitGroup

	since      map[cell]time.Time // when a source was first seen to hold time up
	savedAt    time.Time
	savedSeen  uint64
	publishAt  time.Time
	finishedAt time.Time // when it was first seen that everything is read; zero: there is more
}

// saved is how writing a snapshot ended.
type saved struct {
	positions []int64
	bytes     int64
	took      time.Duration
	err       error
}

func (d *Detector) session(process, claimed context.Context, claims []Claim, committed []int64) (err error) {
	d.count(func(s *Stats) {
		s.Active, s.Waits, s.TakeOvers = true, "it is reading the last snapshot", s.TakeOvers+1
	})
	defer func() {
		waits := ""
		if err != nil && !errors.Is(err, errDrained) {
			// Until Run is begun again this process neither works nor stands by to.
			waits = err.Error()
		}
		d.count(func(s *Stats) { s.Active, s.Waits = false, waits })
	}()
	f, err := d.follower(claimed, committed)
	if err != nil {
		if claimed.Err() != nil {
			return nil
		}
		return fmt.Errorf("detector: %w", err)
	}
	now := d.cfg.Now()
	s := &session{d: d, f: f, arrived: make(chan arrival, len(claims)), savedAt: now, savedSeen: f.counts.Seen, publishAt: now.Add(d.cfg.InventoryEvery), since: map[cell]time.Time{}}
	ctx, stop := context.WithCancel(claimed)
	for p, c := range claims {
		c.SeekTo(f.Position(p))
		r := newReader(p, c, f.detection.Keeps())
		s.readers = append(s.readers, r)
		s.reading.Go(func() { r.run(ctx, s.arrived) })
	}
	err = s.run(ctx)
	stop()
	s.reading.Wait()
	if s.saving != nil {
		s.kept(<-s.saving)
	}
	d.note(s)
	switch {
	case errors.Is(err, errDrained):
		return err
	case claimed.Err() != nil:
		if process.Err() != nil {
			s.last(context.WithoutCancel(process))
		}
		// The state belongs to its positions whatever others have done
		// meanwhile: the next session may go on from it.
		d.warm = f
		return nil
	}
	return fmt.Errorf("detector: %w", err)
}

// follower goes on with the state of the last session, or restores the newest
// snapshot if another detector has come further.
func (d *Detector) follower(ctx context.Context, committed []int64) (*Follower, error) {
	warm := d.warm
	d.warm = nil
	if warm != nil {
		for p, c := range committed {
			if c > warm.Position(p) {
				warm = nil
				break
			}
		}
	}
	if warm != nil {
		return warm, nil
	}
	fresh := func() (*Follower, error) { return NewFollower(d.cfg.Partitions, d.cfg.Expect, d.cfg.Build) }
	f, err := d.states.restore(ctx, fresh, func(text string, args ...any) { d.cfg.Log.Info(text, args...) })
	if err != nil || d.cfg.Learn == 0 || f.counts.Records > 0 {
		return f, err
	}
	for p := range committed {
		at, err := d.broker.OffsetAt(ctx, d.cfg.Topics.Calls, p, d.cfg.Now().Add(-d.cfg.Learn))
		if err != nil {
			return nil, err
		}
		f.begin(p, at)
	}
	return f, nil
}

// run reads and judges until ctx ends or something fails.
func (s *session) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := s.tell(ctx); err != nil {
			return err
		}
		for n := 0; n < 256; n++ {
			r := next(s.readers)
			if r == nil {
				break
			}
			if err := s.apply(ctx, r.partition, takeTurn(s.readers, r)); err != nil {
				return err
			}
		}
		if err := s.saveIfDue(ctx, s.d.cfg.Now()); err != nil {
			return err
		}
		ready := next(s.readers) != nil
		select {
		case a := <-s.arrived:
			if a.err != nil {
				return a.err
			}
			a.reader.take(a.items)
			continue
		case done := <-s.saving:
			s.kept(done)
			continue
		case <-tick.C:
			if err := s.tick(ctx); err != nil {
				return err
			}
			continue
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if ready {
			continue
		}
		// Nothing has its turn. A partition may be found to be read to its end
		// without anything arriving, so look again soon.
		again := time.NewTimer(20 * time.Millisecond)
		select {
		case a := <-s.arrived:
			if a.err != nil {
				return a.err
			}
			a.reader.take(a.items)
		case done := <-s.saving:
			s.kept(done)
		case <-tick.C:
			if err := s.tick(ctx); err != nil {
				return err
			}
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		again.Stop()
	}
}

// apply judges one message and tells what it raised.
func (s *session) apply(ctx context.Context, p int, it item) error {
	switch {
	case it.err == nil:
		s.d.compare(it.record)
		s.f.Apply(p, it.message.Offset, it.record)
		return s.tell(ctx)
	case errors.Is(it.err, wire.ErrNewer):
		return fmt.Errorf("partition %d, offset %d: %w", p, it.message.Offset, it.err)
	case it.message.Offset < s.f.Position(p):
		return nil
	}
	s.d.cfg.Log.Warn("a record that cannot be read is set aside", "partition", p, "offset", it.message.Offset, "reason", it.err)
	if err := s.d.broker.Quarantine(ctx, it.message, it.err.Error()); err != nil {
		return err
	}
	s.f.Skip(p, it.message.Offset)
	return nil
}

// tell writes the alerts that were raised to their topic.
func (s *session) tell(ctx context.Context) error {
	raised := s.f.Raised()
	if len(raised) == 0 {
		return nil
	}
	out := make([]kafka.OutMessage, len(raised))
	for i := range raised {
		value, err := json.Marshal(&raised[i])
		if err != nil {
			return fmt.Errorf("alert %s: %w", raised[i].ID, err)
		}
		out[i] = kafka.OutMessage{Partition: -1, Key: []byte(raised[i].ID), Value: value}
	}
	if err := s.d.broker.Produce(ctx, s.d.cfg.Topics.Alerts, out...); err != nil {
		return fmt.Errorf("tell %d alerts: %w", len(out), err)
	}
	s.f.Told()
	s.d.count(func(st *Stats) { st.Alerts += uint64(len(out)) })
	return nil
}

// caughtUp reports that nothing is left to read, as far as is known.
func (s *session) caughtUp() bool {
	for _, r := range s.readers {
		if r.behind() {
			return false
		}
	}
	return true
}

// tick does what the wall clock asks for, once a second.
func (s *session) tick(ctx context.Context) error {
	s.d.note(s)
	now, cfg := s.d.cfg.Now(), &s.d.cfg
	caughtUp := s.caughtUp()
	if err := s.retire(ctx, now, caughtUp); err != nil {
		return err
	}
	if caughtUp && !now.Before(s.publishAt) {
		s.publishAt = now.Add(cfg.InventoryEvery)
		if err := s.publish(ctx); err != nil {
			return err
		}
	}
	if !cfg.Drain || !caughtUp || !s.f.Finished() {
		s.finishedAt = time.Time{}
		return nil
	}
	if s.finishedAt.IsZero() {
		s.finishedAt = now
	}
	if now.Sub(s.finishedAt) < drainQuiet {
		return nil
	}
	return s.drained(ctx)
}

// saveIfDue begins to write a snapshot if it is time for one.
func (s *session) saveIfDue(ctx context.Context, now time.Time) error {
	cfg := &s.d.cfg
	if s.saving != nil || now.Sub(s.savedAt) < cfg.SnapshotEvery && s.f.counts.Seen-s.savedSeen < cfg.SnapshotCalls {
		return nil
	}
	s.savedAt, s.savedSeen = now, s.f.counts.Seen
	data, result, err := s.snapshot()
	if err != nil {
		return err // a state that cannot be written will not be next time either
	}
	done := make(chan saved, 1)
	s.saving = done
	go func() {
		result.err = s.d.states.write(ctx, data, result.positions, result.low)
		done <- result.saved
	}()
	return nil
}

// drained closes all windows and ends the session.
func (s *session) drained(ctx context.Context) error {
	s.f.Close()
	if err := s.tell(ctx); err != nil {
		return err
	}
	if err := s.publish(ctx); err != nil {
		return err
	}
	if s.saving != nil {
		s.kept(<-s.saving)
	}
	if err := s.save(ctx); err != nil {
		return err
	}
	return errDrained
}

func (s *session) publish(ctx context.Context) error {
	n, err := s.d.model.publish(ctx, s.f.detection)
	s.d.count(func(st *Stats) { st.Endpoints += uint64(n) })
	return err
}

// retire writes into the log that sources are silent which have held time up
// for long enough while nothing was left to read.
func (s *session) retire(ctx context.Context, now time.Time, caughtUp bool) error {
	if !caughtUp {
		clear(s.since)
		return nil
	}
	since := map[cell]time.Time{}
	var out []kafka.OutMessage
	s.f.clock.holding(func(c cell) {
		at, ok := s.since[c]
		if !ok {
			at = now
		}
		if now.Sub(at) >= s.d.cfg.SilentAfter {
			s.d.cfg.Log.Warn("a source is silent and is no longer waited for", "sensor", c.name.sensor, "source", c.name.source, "partition", c.partition)
			out = append(out, kafka.OutMessage{Partition: c.partition, Value: retirement(c, s.d.boot).Append(nil)})
			at = now
		}
		since[c] = at
	})
	s.since = since
	if len(out) == 0 {
		return nil
	}
	return s.d.broker.Produce(ctx, s.d.cfg.Topics.Calls, out...)
}

// taken is a snapshot that is not written yet.
type taken struct {
	saved
	low int64
}

// snapshot writes the state into memory. Detection stands still meanwhile.
func (s *session) snapshot() ([]byte, taken, error) {
	began := time.Now()
	var b bytes.Buffer
	if err := s.f.Save(&b); err != nil {
		return nil, taken{}, err
	}
	t := taken{saved: saved{bytes: int64(b.Len()), took: time.Since(began)}, low: s.f.LowNS()}
	for p := range s.readers {
		t.positions = append(t.positions, s.f.Position(p))
	}
	return b.Bytes(), t, nil
}

// save writes a snapshot and commits its offsets.
func (s *session) save(ctx context.Context) error {
	data, t, err := s.snapshot()
	if err != nil {
		return err
	}
	t.err = s.d.states.write(ctx, data, t.positions, t.low)
	s.kept(t.saved)
	return t.err
}

// last keeps what was judged since the last snapshot, when the process ends:
// its successor then need not judge it again.
func (s *session) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	err := s.tell(ctx)
	if err == nil {
		err = s.save(ctx)
	}
	if err != nil {
		s.d.cfg.Log.Warn("the last snapshot was not written; a successor goes on from the one before", "error", err)
	}
}

// kept commits the offsets of a snapshot that is written.
func (s *session) kept(done saved) {
	s.saving = nil
	log := s.d.cfg.Log
	if done.err != nil {
		log.Error("a snapshot was not written; the next is tried in its time", "error", done.err)
		s.d.count(func(st *Stats) { st.SaveErrors++ })
		return
	}
	s.d.count(func(st *Stats) {
		st.Snapshots, st.SavedBytes, st.SaveTook, st.SavedAt = st.Snapshots+1, done.bytes, done.took, s.d.cfg.Now()
	})
	for p, next := range done.positions {
		if next < 0 {
			continue
		}
		// Offsets only say to others how far detection is; where to read on
		// stands in the snapshot.
		if err := s.readers[p].claim.Commit(context.Background(), next); err != nil {
			log.Warn("an offset was not committed", "partition", p, "error", err)
			return
		}
	}
}

// note copies what Stats shows.
func (d *Detector) note(s *session) {
	waits := ""
	if s.f.LowNS() == 0 && !s.caughtUp() {
		waits = "it is reading what came before it"
	}
	d.count(func(st *Stats) {
		st.Foreign = uint64(s.f.detection.Foreign)
		st.Counts, st.Detect, st.LowNS, st.Sources = s.f.counts, s.f.detection.Stats(), s.f.LowNS(), len(s.f.clock.sources)
		st.Waits = waits
	})
}
