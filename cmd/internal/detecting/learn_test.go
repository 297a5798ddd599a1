package detecting

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Where no snapshot fits, so much of the log is read as is to be learned from
// and no more, and what came before is not told as lost.
func TestLearnsFromTheLatterPart(t *testing.T) {
	w := newWorld(t, 2, part)
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		c.fill(w)
		log := w.log[0]
		span := log[len(log)-1].at.Sub(log[0].at)
		later := 0
		for p := range w.log {
			for _, e := range w.log[p] {
				if !e.at.Before(log[len(log)-1].at.Add(-span / 2)) {
					later += len(e.record.Calls)
				}
			}
		}
		h := &handle{cluster: c, left: -1}
		cfg := testConfig()
		last := log[len(log)-1].at
		began := time.Now()
		cfg.Now = func() time.Time { return last.Add(time.Since(began)) }
		cfg.Learn = span / 2
		d := New(cfg, h)
		if err := h.process(t.Context(), d, 100); !errors.Is(err, errDrained) {
			t.Fatal(err)
		}
		s := d.Stats()
		if int(s.Observed) >= w.calls || s.Observed == 0 || later-int(s.Observed) > later/10 || int(s.Observed) > later {
			t.Errorf("%d calls were read, want those of the latter half, some %d of %d", s.Observed, later, w.calls)
		}
		if s.Lost != 0 || s.Explained != 0 {
			t.Errorf("%d told as lost, %d as explained", s.Lost, s.Explained)
		}
	})
}
