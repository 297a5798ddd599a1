package follow

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// follow runs until the line that says end, and calls during with each line
// while the follower is still busy with it.
func (w *world) follow(cfg Config, end string, during func(line string)) {
	w.t.Helper()
	for i, p := range cfg.Paths {
		cfg.Paths[i] = w.path(p)
	}
	cfg.Poll = time.Millisecond
	f, err := New(cfg)
	w.must(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w.must(f.Run(ctx, func(_ context.Context, l Line) error {
		w.lines = append(w.lines, string(l.Data))
		if string(l.Data) == end {
			cancel()
		}
		during(string(l.Data))
		return nil
	}, nil))
}

// A rotation while an older generation is read moves the file that was about
// to be opened, which nobody has looked at yet.
func TestRotationDuringScan(t *testing.T) {
	for name, moved := range map[string]func(w *world){
		"numbers": func(w *world) {
			w.rename("a.log.2", "a.log.3")
			w.rename("a.log.1", "a.log.2")
			w.rename("a.log", "a.log.1")
		},
		"dates": func(w *world) { w.rename("a.log", "a.log-20261122") },
	} {
		for _, trigger := range []string{"2", "3"} {
			t.Run(name+", at "+trigger, func(t *testing.T) {
				w := newWorld(t)
				w.append("a.log", "1\n")
				w.follow(Config{Paths: []string{"a.log"}}, "5", func(line string) {
					if line == "1" { // before the next look: two generations more
						w.append("a.log", "2\n")
						w.rename("a.log", "a.log.2")
						w.append("a.log.1", "3\n")
						w.append("a.log", "4\n")
					}
					if line == trigger {
						moved(w)
						w.append("a.log", "5\n")
					}
				})
				w.want("1 2 3 4 5")
			})
		}
	}
}

// The same while the first look reads what was rotated before.
func TestRotationDuringBackfill(t *testing.T) {
	w := newWorld(t)
	w.append("a.log.1", "1\n")
	w.age("a.log.1", 1)
	w.append("a.log", "2\n")
	w.follow(Config{Paths: []string{"a.log"}, Backfill: true}, "3", func(line string) {
		if line == "1" {
			w.rename("a.log.1", "a.log.2")
			w.rename("a.log", "a.log.1")
			w.append("a.log", "3\n")
		}
	})
	w.want("1 2 3")
}

// The only generation that was known is removed before the next look.
func TestRemovedBetweenTwoLooks(t *testing.T) {
	w := newWorld(t)
	w.append("a.log", "1\n")
	w.run(Config{Paths: []string{"a.log"}},
		func() {
			w.must(os.Remove(w.path("a.log")))
			w.append("a.log.1", "2\n")
			w.append("a.log", "3\n")
		})
	w.want("1 2 3")
}

// A server that rotates as fast as it can, with no regard for who looks.
func TestRotationAtFullSpeed(t *testing.T) {
	const generations = 300
	w := newWorld(t)
	w.append("a.log", "line-0\n")
	var want []string
	for i := range generations {
		want = append(want, fmt.Sprint("line-", i))
	}
	gone := make(chan struct{})
	begun := false
	w.follow(Config{Paths: []string{"a.log"}}, want[generations-1], func(string) {
		if begun {
			return
		}
		begun = true
		go func() {
			defer close(gone)
			for i := 1; i < generations; i++ {
				w.rename("a.log", fmt.Sprintf("a.log-%08d", 20260000+i))
				w.append("a.log", want[i]+"\n")
				if i%40 == 0 {
					time.Sleep(5 * time.Millisecond) // some looks fall between
				}
			}
		}()
	})
	<-gone
	if got := strings.Join(w.lines, " "); got != strings.Join(want, " ") {
		t.Errorf("%d lines of %d: %s", len(w.lines), generations, got)
	}
}
