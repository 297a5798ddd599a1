package evaluate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"lapwing/detect/standard"
	"lapwing/evaluate/baseline"
	"lapwing/event"
	"lapwing/parse/pseudonym"
	"lapwing/simulate"
)

// A World makes exchanges, in the order of their begin; *simulate.World is one.
type World interface {
	Run(ctx context.Context, emit func(*simulate.Exchange) error) error
	Truth() *simulate.Truth // complete when Run has returned
	Spec() []byte           // OpenAPI document of the application; nil if there is none
}

// A Run is one world to judge.
type Run struct {
	Options simulate.Options
}

// Name is the scenario of a run in words of the report: "A15 L2", "A15 L2 twin", "B03" or
// "everyday".
func (r Run) Name() string {
	if len(r.Options.Scenarios) == 0 {
		return everyday
	}
	name := ""
	for i, c := range r.Options.Scenarios {
		if i > 0 {
			name += " + "
		}
		name += label(c.ID, c.Level, c.Twin)
	}
	return name
}

const everyday = "everyday"

func label(id, level string, twin bool) string {
	if level != "" {
		id += " " + level
	}
	if twin {
		id += " twin"
	}
	return id
}

// A Runner does runs. It may be used by several goroutines.
type Runner struct {
	Make func(simulate.Options) (World, error)
	View View
	// NoSpec keeps the application's description from detection. Else every
	// second seed has it, the even ones.
	NoSpec bool
	Keys   *pseudonym.Keyring // nil: the offline key
}

// Seed of the tables of detection, as the offline key gives it everywhere.
func (r *Runner) keys() *pseudonym.Keyring {
	if r.Keys != nil {
		return r.Keys
	}
	return pseudonym.Offline()
}

// Config is the configuration of detection for a run; specs names files.
func (r *Runner) config(keys *pseudonym.Keyring, specs []string) standard.Config {
	return standard.Config{Sensor: "eval", Seed: keys.Hash([]byte("lapwing detection tables")), Specs: specs}
}

// Run makes the world of a run, detects over it and scores what was told.
func (r *Runner) Run(ctx context.Context, run Run) (*Score, error) {
	score, err := r.run(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("%s, seed %d: %w", run.Name(), run.Options.Seed, err)
	}
	return score, nil
}

func (r *Runner) run(ctx context.Context, run Run) (*Score, error) {
	keys := r.keys()
	world, err := r.Make(run.Options)
	if err != nil {
		return nil, err
	}
	specs, remove, err := r.spec(world, run.Options.Seed)
	if err != nil {
		return nil, err
	}
	defer remove()
	v, err := newViewer(r.View, keys)
	if err != nil {
		return nil, err
	}
	l := newLedger(keys)
	d, err := standard.New(r.config(keys, specs), l.alert)
	if err != nil {
		return nil, err
	}
	rules := baseline.New(l.rule)
	began := time.Now()
	err = world.Run(ctx, func(x *simulate.Exchange) error {
		c := v.call(x)
		l.call(x, c)
		rules.Observe(c)
		d.Observe(c)
		step(d, x.AtNS, &l.nowNS)
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.nowNS = l.lastNS
	d.Close()
	s := l.score(world.Truth())
	s.Name, s.Seed, s.Spec, s.Seconds = run.Name(), run.Options.Seed, len(specs) > 0, time.Since(began).Seconds()
	return s, nil
}

// step judges everything that ended before watermarkNS, tick by tick, so that
// nowNS says of each alert at which tick it came.
func step(d *standard.Detection, watermarkNS int64, nowNS *int64) {
	for {
		next, ok := nextTick(d)
		if !ok || next > watermarkNS {
			return
		}
		*nowNS = next
		d.Advance(next)
	}
}

func nextTick(d *standard.Detection) (at int64, ok bool) {
	for _, name := range d.Cells() {
		if c := d.Cell(name); c != nil {
			if next, begun := c.NextNS(); begun && (!ok || next < at) {
				at, ok = next, true
			}
		}
	}
	return at, ok
}

// spec writes the world's description to a file that detection can load.
func (r *Runner) spec(w World, seed uint64) (paths []string, remove func(), err error) {
	remove = func() {}
	doc := w.Spec()
	if r.NoSpec || seed%2 == 1 || len(doc) == 0 {
		return nil, remove, nil
	}
	f, err := os.CreateTemp("", "lapwing-eval-*.json")
	if err != nil {
		return nil, remove, fmt.Errorf("specification of the world: %w", err)
	}
	remove = func() { os.Remove(f.Name()) }
	_, err = f.Write(doc)
	if err = errors.Join(err, f.Close()); err != nil {
		remove()
		return nil, func() {}, fmt.Errorf("specification of the world: %w", err)
	}
	return []string{f.Name()}, remove, nil
}

// trusted are the proxies that an operator would name: those of the private
// network that stands before the application.
var trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}

// All does runs, at most GOMAXPROCS at a time, and hands each score to each,
// one at a time, in the order of runs. It stops at the first error, and when
// ctx ends: then with the cause of that.
func (r *Runner) All(ctx context.Context, runs []Run, each func(*Score)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	workers := min(runtime.GOMAXPROCS(0), max(1, len(runs)))
	type done struct {
		i     int
		score *Score
	}
	todo, results := make(chan int), make(chan done)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range todo {
				s, err := r.Run(ctx, runs[i])
				if err != nil {
					cancel(err)
					return
				}
				select {
				case results <- done{i, s}:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() {
		defer close(todo)
		for i := range runs {
			select {
			case todo <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() { wg.Wait(); close(results) }()
	early, next := map[int]*Score{}, 0
	for d := range results {
		early[d.i] = d.score
		for s := early[next]; s != nil; s = early[next] {
			delete(early, next)
			next++
			each(s)
		}
	}
	return context.Cause(ctx)
}

// told is what the ledger keeps of one alert.
type told struct {
	last  event.Alert
	first [event.Critical + 1]int64 // event time at which it reached a severity; 0: never
	worst event.Severity
}
