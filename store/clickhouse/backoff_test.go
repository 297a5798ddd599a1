package clickhouse

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

func TestBackOff(t *testing.T) {
	for attempt := range 100 {
		for range 20 {
			d, slow := backOff(attempt, 0), backOff(attempt, codeTooManyParts)
			if d < 25*time.Millisecond || d > 10*time.Second {
				t.Fatalf("attempt %d waits %s", attempt, d)
			}
			if slow < time.Second || slow > 10*time.Second {
				t.Fatalf("attempt %d at an overloaded server waits %s", attempt, slow)
			}
		}
	}
	if late := backOff(50, 0); late < 5*time.Second {
		t.Errorf("a late attempt waits %s only", late)
	}
	different := make(map[time.Duration]bool)
	for range 50 {
		different[backOff(20, 0)] = true
	}
	if len(different) < 40 {
		t.Errorf("only %d different pauses of 50: those who fail together come back together", len(different))
	}
}

func TestWhatRepetitionMends(t *testing.T) {
	server := func(code int32) error { return fmt.Errorf("insert: %w", &ch.Exception{Code: code}) }
	for _, tc := range []struct {
		err       error
		permanent bool
	}{
		{io.EOF, false}, {syscall.ECONNREFUSED, false}, {errors.New("read: connection reset"), false},
		{server(codeTooManyParts), false}, {server(codeMemoryLimit), false}, {server(codeTimeout), false}, {server(999), false}, {server(216), false},
		{server(codeUnknownTable), true}, {server(codeAccessDenied), true}, {server(codeReadonly), true}, {server(codeAuthentication), true},
		{fmt.Errorf("fill: %w", ch.ErrBatchInvalid), true},
	} {
		if got := permanent(tc.err); got != tc.permanent {
			t.Errorf("%v (code %d): permanent is %v", tc.err, codeOf(tc.err), got)
		}
	}
}
