package https

import (
	"context"
	"fmt"
	"time"

	"lapwing/event"
	"lapwing/stream"
	"lapwing/stream/wire"
)

// A remote is one process of one sensor. Its records are taken one by one.
type remote struct {
	sensor string
	turn   chan struct{} // holds one token: who has it has the turn
	done   uint64        // highest sequence number stored
	gaps   uint64        // numbers passed over since this receiver follows it
	drops  uint64        // of Drops, as of the newest record
	before uint64        // of Drops, as this receiver first saw it
	known  bool
	spoke  time.Time
	beats  map[string]int64 // by source as it is published: the time told last
}

// progressPrefix begins the names under which the progress of sensors is stored.
const progressPrefix = "sensor:"

func progressName(sensor string, boot uint64) string {
	return fmt.Sprintf("%s%s@%d", progressPrefix, sensor, boot)
}

// remote returns what is known of the process that sent a record.
func (r *Receiver) remote(rec *wire.Record) (*remote, error) {
	name := progressName(rec.Sensor, rec.Boot)
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.sensors[name]; m != nil {
		return m, nil
	}
	if len(r.sensors) >= maxSensors {
		return nil, fmt.Errorf("more than %d sensors send records", maxSensors)
	}
	if r.sensors == nil {
		r.sensors = map[string]*remote{}
	}
	m := &remote{sensor: rec.Sensor, turn: make(chan struct{}, 1), done: max(uint64(max(r.Resume[name], 0)), r.stored[name]), spoke: r.now()}
	m.turn <- struct{}{}
	r.sensors[name] = m
	return m, nil
}

// await waits for the turn of the process that sent a record.
func (r *Receiver) await(ctx context.Context, rec *wire.Record) (*remote, error) {
	for {
		m, err := r.remote(rec)
		if err != nil {
			return nil, err
		}
		select {
		case <-m.turn:
		case <-ctx.Done():
			return nil, ctx.Err() // the sender went away while an earlier record of its was stored
		}
		if again, err := r.remote(rec); err == nil && again == m {
			return m, nil
		}
		m.turn <- struct{}{} // it was forgotten meanwhile
	}
}

// note follows the numbers of a record that was stored. The turn is held.
func (r *Receiver) note(m *remote, rec *wire.Record, beats []event.Heartbeat, repeated uint64) {
	var drops uint64
	for _, d := range rec.Drops {
		drops += d.Calls
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Stored++
	r.stats.Repeated += repeated
	r.stats.Calls += uint64(len(rec.Calls)) - repeated
	lost := m.lost()
	if !m.known {
		// Whoever received before us has judged what was missing then.
		m.known = true
		if m.done > 0 {
			gap := max(rec.First, m.done+1) - m.done - 1
			m.before = drops - min(drops, gap)
			m.drops = m.before
		}
	}
	if rec.First > m.done+1 {
		m.gaps += rec.First - m.done - 1
	}
	if drops > m.drops {
		r.stats.Dropped += drops - m.drops
		m.drops = drops
	}
	m.done = max(m.done, rec.Next()-1)
	r.stats.Lost += m.lost() - lost // a drop that is told later takes it back
	m.spoke = r.now()
	if m.beats == nil {
		m.beats = map[string]int64{}
	}
	for _, h := range beats {
		if h.Retired {
			delete(m.beats, h.Source)
		} else if len(m.beats) < 1024 {
			m.beats[h.Source] = max(m.beats[h.Source], h.LowNS)
		}
	}
}

// lost is how many numbers are missing that no drop explains.
func (m *remote) lost() uint64 {
	if told := m.drops - m.before; m.gaps > told {
		return m.gaps - told
	}
	return 0
}

// Run retires the sources of sensors that have gone silent, until ctx ends:
// nobody waits for their time any longer. If they speak again, they are waited
// for again. At the end it retires all.
func (r *Receiver) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := r.retire(ctx, r.now().Add(-r.silence())); err != nil && ctx.Err() == nil {
				return err
			}
		case <-ctx.Done():
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return r.retire(bounded, r.now().Add(time.Hour))
		}
	}
}

func (r *Receiver) silence() time.Duration {
	if r.Silence > 0 {
		return r.Silence
	}
	return time.Minute
}

// retire says of all that spoke last before a time that they have ended.
func (r *Receiver) retire(ctx context.Context, before time.Time) error {
	r.mu.Lock()
	alive := map[string]bool{} // sources that a later process of the sensor speaks for
	for _, m := range r.sensors {
		if !m.spoke.Before(before) {
			for source := range m.beats {
				alive[source] = true
			}
		}
	}
	var b stream.Batch
	for name, m := range r.sensors {
		if !m.spoke.Before(before) {
			continue
		}
		for source, low := range m.beats {
			if !alive[source] {
				b.Heartbeats = append(b.Heartbeats, event.Heartbeat{Source: source, LowNS: low, Retired: true})
			}
		}
		m.beats = nil
		select {
		case <-m.turn: // nobody is storing: it can be forgotten, the store remembers
			if r.stored == nil {
				r.stored = map[string]uint64{}
			}
			r.stored[name] = m.done
			delete(r.sensors, name)
			m.turn <- struct{}{}
		default:
		}
	}
	r.mu.Unlock()
	if len(b.Heartbeats) == 0 {
		return nil
	}
	return r.Pub.Publish(ctx, b, nil)
}
