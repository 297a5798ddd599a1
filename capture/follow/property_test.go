package follow

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// A writer writes one log the way servers and logrotate do, at random.
type writer struct {
	*world
	rnd     *rand.Rand
	written []string
	partial string
}

func (w *writer) exists(name string) bool {
	_, err := os.Stat(w.path(name))
	return err == nil
}

// shift makes room for a new first rotated file.
func (w *writer) shift() {
	for i := 8; i > 0; i-- {
		for _, ext := range []string{"", ".gz", ".zst"} {
			if from := fmt.Sprintf("a.log.%d%s", i, ext); w.exists(from) {
				w.rename(from, fmt.Sprintf("a.log.%d%s", i+1, ext))
			}
		}
	}
}

func (w *writer) step() {
	switch op := w.rnd.IntN(8); {
	case op < 4:
		for range 1 + w.rnd.IntN(3) {
			line := fmt.Sprintf("line-%d%s", len(w.written), strings.Repeat(".", w.rnd.IntN(700)))
			w.append("a.log", line[len(w.partial):]+"\n")
			w.written = append(w.written, line)
			w.partial = ""
		}
	case op == 4 && w.partial == "":
		w.partial = fmt.Sprintf("line-%d", len(w.written))
		w.append("a.log", w.partial)
	case op == 5 && w.partial == "" && w.exists("a.log"):
		w.shift()
		w.rename("a.log", "a.log.1")
		if w.rnd.IntN(2) == 0 {
			w.append("a.log", "")
		}
	case op == 6 && w.partial == "" && w.exists("a.log"):
		w.shift()
		w.copyTruncate("a.log", "a.log.1")
	case op == 7:
		for i := 1; i < 9; i++ {
			if name := fmt.Sprintf("a.log.%d", i); w.exists(name) {
				w.pack(name, name+[]string{".gz", ".zst"}[w.rnd.IntN(2)])
				break
			}
		}
	}
}

// Whatever happens to the files, and whenever the follower is killed, each line
// comes exactly once and in order.
func TestExactlyOnce(t *testing.T) {
	const rounds = 30
	for seed := range rounds {
		rnd := rand.New(rand.NewPCG(uint64(seed), 7))
		w := &writer{world: newWorld(t), rnd: rnd}
		cfg := func() Config { return Config{Paths: []string{"a.log"}, Backfill: seed%2 == 0} }
		if seed%2 == 1 {
			// Without Backfill what was rotated before there is any progress is
			// not wanted, so there must be some.
			w.append("a.log", "line-0\n")
			w.written = append(w.written, "line-0")
			w.runUntil(cfg(), 1)
		}
		var steps []func()
		for range 5 + rnd.IntN(20) {
			steps = append(steps, w.step)
		}
		for len(steps) > 0 {
			steps = w.runUntil(cfg(), rnd.IntN(12), steps...)
			for range rnd.IntN(4) { // while nobody looks
				w.step()
			}
		}
		if w.partial != "" {
			w.append("a.log", "\n")
			w.written = append(w.written, w.partial)
		}
		w.run(cfg())
		if got, want := strings.Join(w.lines, "\n"), strings.Join(w.written, "\n"); got != want {
			for i := range max(len(w.lines), len(w.written)) {
				if i == len(w.lines) {
					t.Fatalf("seed %d: line %d of %d is missing at the end", seed, i, len(w.written))
				}
				if i == len(w.written) || w.lines[i] != w.written[i] {
					t.Fatalf("seed %d: line %d of %d differs, %d came: %.20q", seed, i, len(w.written), len(w.lines), w.lines[min(i, len(w.lines)-1):min(i+5, len(w.lines))])
				}
			}
		}
	}
}
