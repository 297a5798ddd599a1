package clickhouse

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// patient is how many attempts may fail before anybody is told: a server
	// that is busy for a moment is no trouble.
	patient = 3
	// sayAgain is how often trouble that lasts is said.
	sayAgain = time.Minute
)

// A trouble is what statements wait for that the server does not answer. They
// wait as long as it takes, so somebody has to be told.
type trouble struct {
	log     *slog.Logger // nil: nobody
	explain func(what string, err error) error

	mu      sync.Mutex
	waiting int // statements of which more than patient attempts have failed
	since   time.Time
	said    time.Time
	reason  string
}

// A wait is one statement that is repeated until it is answered.
type wait struct {
	t      *trouble
	failed int
}

// failure notes one more attempt that failed.
func (w *wait) failure(what string, err error) {
	if w.failed++; w.failed < patient || w.t.explain == nil {
		return
	}
	t, now := w.t, time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.failed == patient {
		if t.waiting++; t.waiting == 1 {
			t.since, t.said = now, time.Time{}
		}
	}
	t.reason = t.explain(what, err).Error()
	if t.log != nil && now.Sub(t.said) >= sayAgain {
		t.said = now
		t.log.Error("the store does not answer, and is asked again until it does", "waiting", t.waiting, "since", t.since.UTC().Format(time.RFC3339), "error", t.reason)
	}
}

// end notes that the statement is answered or given up.
func (w *wait) end(answered bool) {
	if w.failed < patient || w.t.explain == nil {
		return
	}
	t := w.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting--; t.waiting > 0 {
		return
	}
	t.reason = ""
	if t.log != nil && answered {
		t.log.Info("the store answers again", "after", time.Since(t.since).Round(time.Millisecond))
	}
}

// Trouble says in one sentence why statements wait for the server; "" if none
// does.
func (s *Store) Trouble() string {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	return s.trouble.reason
}
