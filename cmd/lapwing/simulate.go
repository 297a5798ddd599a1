package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lapwing/cmd/internal/report"
	"lapwing/simulate"
	"lapwing/simulate/wire"
)

type simulateFlags struct {
	opt       simulate.Options
	start     string
	scenarios []string
	list      bool
	out       string
	logStyle  string
	live      string
	speed     float64
	truth     string
	spec      string
}

func newSimulate(*common) *cobra.Command {
	f := &simulateFlags{}
	cmd := &cobra.Command{
		Use:   "simulate {--out FILE | --live ADDR | --list}",
		Short: "Make up API traffic with the truth beside it",
		Long: `Make up the traffic of an application, its people and machines, and of those who
abuse it, as a capture, an access log, or real HTTP on this machine. Equal flags
give equal files. What happened stands in a truth file beside.

  lapwing simulate --list
  lapwing simulate -o world.pcap.gz --seed 7 --length 6h --scenario A15:L3
  lapwing simulate -o twin.log --scenario A15:L3:twin
  lapwing simulate --live 127.0.0.1:8080 --speed 60 --scenario A01:L1
  lapwing analyze world.pcap.gz`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fl := cmd.Flags()
	fl.Uint64Var(&f.opt.Seed, "seed", 1, "chooses everything that no other flag says")
	fl.StringVar(&f.opt.App, "app", "", "kind of application, as shop or bank; the seed chooses by default")
	fl.IntVar(&f.opt.Users, "users", 0, "people with an account; the seed chooses by default")
	fl.DurationVar(&f.opt.Length, "length", 0, "how much time the traffic covers (default 24h)")
	fl.Float64Var(&f.opt.Rate, "rate", 0, "how often people come, as a multiple of what is usual (default 1)")
	fl.StringVar(&f.start, "start", "", "begin, as 2026-03-02 or 2026-03-02T08:00:00Z (default 2026-03-02)")
	fl.StringArrayVar(&f.scenarios, "scenario", nil, "what happens besides everyday life, as A15:L3, B01, or A15:L3:twin for its harmless double (repeatable)")
	fl.BoolVar(&f.list, "list", false, "print the scenarios and end")
	// Elsewhere -o chooses the format of a print. Here nothing is printed: it
	// names the file, whose ending chooses the format.
	fl.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "out" {
			name = "output"
		}
		return pflag.NormalizedName(name)
	})
	fl.StringVarP(&f.out, "output", "o", "", "write to this file, by its ending: "+wire.Endings)
	fl.StringVar(&f.logStyle, "log-style", "", "how the access log is written: combined, vhost_combined, nginx, envoy, caddy")
	fl.StringVar(&f.live, "live", "", "replay as real HTTP, a server at this loopback address and clients in 127.0.0.0/8")
	fl.Float64Var(&f.speed, "speed", 1, "with --live: so many times faster")
	fl.StringVar(&f.truth, "truth", "", "write what happened to this file (default OUT.truth.json)")
	fl.StringVar(&f.spec, "spec", "", "write the application's OpenAPI document to this file")
	return cmd
}

func (f *simulateFlags) run(cmd *cobra.Command) error {
	if f.list {
		return listScenarios(os.Stdout)
	}
	if err := f.check(); err != nil {
		return err
	}
	world, err := simulate.New(f.opt)
	if err != nil {
		return usageError("%w", err)
	}
	var files outputs
	defer files.abort()
	if f.spec != "" {
		w, err := files.create(f.spec)
		if err != nil {
			return err
		}
		if _, err := w.Write(world.Spec()); err != nil {
			return err
		}
	}
	var sink wire.Sink
	var live *wire.Live
	if f.live != "" {
		if live, err = wire.NewLive(cmd.Context(), wire.LiveOptions{Addr: f.live, Speed: f.speed}); err != nil {
			return err
		}
		sink = live
		fmt.Fprintf(os.Stderr, "serving on http://%s, %g times faster than the traffic was\n", live.Addr(), f.speed)
	} else {
		w, err := files.create(f.out)
		if err != nil {
			return err
		}
		if sink, err = wire.New(f.out, wire.Style(f.logStyle), w); err != nil {
			return usageError("%w", err)
		}
	}
	err = f.play(cmd.Context(), world, sink)
	if err = errors.Join(err, sink.Close()); live != nil && cmd.Context().Err() != nil {
		return nil // how a replay is ended that nobody waits for
	}
	if err != nil {
		return err
	}
	truth := world.Truth()
	if f.truth != "" {
		w, err := files.create(f.truth)
		if err != nil {
			return err
		}
		if err := wire.WriteTruth(w, truth); err != nil {
			return err
		}
	}
	if err := files.commit(); err != nil {
		return err
	}
	tell(os.Stderr, truth, live)
	return nil
}

// check completes the options and says what does not go together.
func (f *simulateFlags) check() error {
	if (f.out == "") == (f.live == "") {
		return usageError("say where the traffic goes: --out FILE or --live ADDR (or --list for the scenarios)")
	}
	if f.live != "" && f.logStyle != "" {
		return usageError("--log-style goes with --out")
	}
	if !(f.speed > 0) {
		return usageError("--speed %g is not above 0", f.speed)
	}
	if f.opt.Length < 0 || f.opt.Users < 0 || f.opt.Rate < 0 {
		return usageError("--length, --users and --rate cannot be negative")
	}
	if f.truth == "" && f.out != "" {
		f.truth = f.out + ".truth.json"
	}
	if f.start != "" {
		at, err := time.Parse(time.RFC3339, f.start)
		if err != nil {
			if at, err = time.Parse(time.DateOnly, f.start); err != nil {
				return usageError("--start %q is no time: want 2026-03-02 or 2026-03-02T08:00:00Z", f.start)
			}
		}
		f.opt.Start = at.UTC()
	}
	for _, s := range f.scenarios {
		c, err := choice(s)
		if err != nil {
			return err
		}
		f.opt.Scenarios = append(f.opt.Scenarios, c)
	}
	return nil
}

// choice reads A15:L3, A15:L3:twin or B01. Of an attack without a level the
// first is meant.
func choice(s string) (simulate.Choice, error) {
	parts := strings.Split(s, ":")
	c := simulate.Choice{ID: strings.ToUpper(parts[0])}
	for _, p := range parts[1:] {
		switch {
		case strings.EqualFold(p, "twin") && !c.Twin:
			c.Twin = true
		case c.Level == "" && !c.Twin && p != "":
			c.Level = strings.ToUpper(p)
		default:
			return c, usageError("--scenario %q: want ID, ID:LEVEL or ID:LEVEL:twin, as A15:L3", s)
		}
	}
	all := simulate.Scenarios()
	i := slices.IndexFunc(all, func(sc simulate.Scenario) bool { return sc.ID == c.ID })
	if i < 0 {
		return c, usageError("--scenario %q: there is no %s (see lapwing simulate --list)", s, c.ID)
	}
	sc := &all[i]
	switch {
	case c.Level == "" && len(sc.Levels) > 0:
		c.Level = sc.Levels[0]
	case c.Level != "" && !slices.Contains(sc.Levels, c.Level):
		if len(sc.Levels) == 0 {
			return c, usageError("--scenario %q: %s has no levels", s, c.ID)
		}
		return c, usageError("--scenario %q: %s has the levels %s", s, c.ID, strings.Join(sc.Levels, ", "))
	}
	if c.Twin && !sc.Twin {
		return c, usageError("--scenario %q: %s has no harmless double", s, c.ID)
	}
	return c, nil
}

// play runs the world into the sink, with progress on a terminal.
func (f *simulateFlags) play(ctx context.Context, world *simulate.World, sink wire.Sink) error {
	shown := time.Now()
	terminal := isTerminal(os.Stderr)
	var n int64
	err := world.Run(ctx, func(e *simulate.Exchange) error {
		if n++; terminal && n%256 == 0 && time.Since(shown) > 200*time.Millisecond {
			shown = time.Now()
			fmt.Fprintf(os.Stderr, "\r\x1b[K%s  %d calls", time.Unix(0, e.AtNS).UTC().Format("2006-01-02 15:04"), n)
		}
		return sink.Exchange(e)
	})
	if terminal {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	return err
}

// tell says in a few lines what was made.
func tell(w io.Writer, t *simulate.Truth, live *wire.Live) {
	fmt.Fprintf(w, "%d calls of %d people at a %s (%s), %s to %s\n", t.Exchanges, t.Users, t.App, t.Style,
		t.Start.UTC().Format("2006-01-02 15:04"), t.End.UTC().Format("2006-01-02 15:04"))
	for i := range t.Parts {
		p := &t.Parts[i]
		name := p.Scenario
		if p.Level != "" {
			name += ":" + p.Level
		}
		if p.Twin {
			name += ":twin"
		}
		line := fmt.Sprintf("  %-12s %d calls", name, p.Calls)
		if p.HarmUnit != "" {
			line += fmt.Sprintf(", %d %s", p.Harm, p.HarmUnit)
		}
		fmt.Fprintf(w, "%s: %s\n", line, p.Says)
	}
	if len(t.Proxies) > 0 && live == nil {
		fmt.Fprintf(w, "  the callers stand behind proxies: read with --trusted-proxies %s\n", strings.Join(t.Proxies, ","))
	}
	if live != nil {
		s := live.Stats()
		fmt.Fprintf(w, "  answered %d over %d connections, at most %s late\n", s.Exchanges, s.Connections, s.Lag.Round(time.Millisecond))
	}
}

// listScenarios prints what --scenario knows.
func listScenarios(w io.Writer) error {
	rows := [][]string{}
	for _, s := range simulate.Scenarios() {
		twin := ""
		if s.Twin {
			twin = "twin"
		}
		rows = append(rows, []string{s.ID, s.Name, strings.Join(s.Levels, " "), twin, s.Says})
	}
	return report.Table(w, []string{"ID", "NAME", "LEVELS", "", "WHAT HAPPENS"}, rows)
}
