package clickhouse

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// A server that is away for a moment is no trouble; one that stays away is
// said once, named by Trouble until it answers, and that is said too.
func TestTroubleIsTold(t *testing.T) {
	var said bytes.Buffer
	s := &Store{addresses: []string{"ch:9000"}, sleep: func(context.Context, time.Duration) error { return nil }}
	s.trouble.log, s.trouble.explain = slog.New(slog.NewTextHandler(&said, nil)), s.explain
	away := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	failing := func(times int, seen *string) func() error {
		return func() error {
			if times--; times < 0 {
				*seen = s.Trouble()
				return nil
			}
			return away
		}
	}
	var at string
	if err := s.patiently(t.Context(), failing(patient-1, &at)); err != nil || at != "" || said.Len() > 0 {
		t.Fatalf("%v; trouble %q after %d attempts; said %q", err, at, patient-1, said.String())
	}
	if err := s.patiently(t.Context(), failing(patient+20, &at)); err != nil || !strings.Contains(at, "ch:9000 cannot be reached") {
		t.Fatalf("%v; trouble %q", err, at)
	}
	if s.Trouble() != "" {
		t.Errorf("trouble %q after the answer", s.Trouble())
	}
	text := said.String()
	if strings.Count(text, "does not answer") != 1 || strings.Count(text, "answers again") != 1 {
		t.Errorf("said:\n%s", text)
	}
	// Given up is not answered, and not waited for either.
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	if err := s.patiently(ctx, func() error {
		if n++; n > patient {
			cancel()
		}
		return away
	}); err == nil || s.Trouble() != "" {
		t.Errorf("%v, trouble %q", err, s.Trouble())
	}
	if strings.Count(said.String(), "answers again") != 1 {
		t.Errorf("said:\n%s", said.String())
	}
}
