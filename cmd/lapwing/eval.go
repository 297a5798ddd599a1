package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lapwing/evaluate"
	"lapwing/simulate"
)

type evalFlags struct {
	plan        evaluate.Plan
	view        string
	out         string
	reasons     string
	benignCalls int64
	measure     int
	adaptive    int
	noSpec      bool
	quick       bool
	from        string
	command     string
}

func newEval(c *common) *cobra.Command {
	f := &evalFlags{}
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Measure detection on made-up traffic, beside static rules",
		Long: `Make up worlds of API traffic, attacked in known ways or harmless in difficult
ones, detect over them, and print the scorecard: how much is found, how soon, how
much harm was done before, and how often it cries wolf. Static rules with their
published numbers see the same calls. Equal flags give equal results.

  lapwing eval --quick                            a couple of minutes
  lapwing eval --scenario 'A0*' --level L3        the slow attacks on logins
  lapwing eval --seeds 30 -o markdown             the whole scorecard; hours

Ctrl-C prints what there is.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.command = command(cmd.Flags())
			return eval(cmd.Context(), c, f)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.plan.Seeds, "seeds", 3, "worlds of each scenario and level")
	flags.Uint64Var(&f.plan.Seed0, "seed0", 1, "first seed")
	flags.StringArrayVar(&f.plan.Scenarios, "scenario", nil, "only scenarios of this name, such as A15 or 'B*' (repeatable)")
	flags.StringSliceVar(&f.plan.Levels, "level", nil, "only attacks of these levels: L1, L2, L3, L4")
	flags.IntVar(&f.plan.Users, "users", 0, "people of a world (0: the seed chooses)")
	flags.DurationVar(&f.plan.Length, "length", 0, "length of a world (0: a day, or what its scenario needs)")
	flags.IntVar(&f.plan.Everyday, "everyday", -1, "worlds without any scenario (-1: as many as seeds, none with --scenario)")
	flags.BoolVar(&f.plan.NoTwins, "no-twins", false, "leave out the harmless doubles of attacks")
	flags.Int64Var(&f.benignCalls, "benign-calls", 0, "go on with harmless worlds until they held so many calls")
	flags.StringVar(&f.view, "view", string(evaluate.Packets), "what kind of sensor sees the worlds: packet, log")
	flags.BoolVar(&f.noSpec, "no-spec", false, "never give detection the application's description")
	flags.IntVar(&f.measure, "measure", 0, "at the end, take time and memory of detection alone over so many calls")
	flags.IntVar(&f.adaptive, "adaptive", 0, "let adversaries try so many tactics, and report the most that goes unnoticed")
	flags.StringVar(&f.out, "out", "", "write to this file instead of standard output")
	flags.StringVar(&f.reasons, "reasons", "", "with -o markdown: a file of text to end the page with")
	flags.StringVar(&f.from, "from", "", "do nothing, and write a report that was made with -o json")
	flags.BoolVar(&f.quick, "quick", false, "a small fixed subset for continuous integration")
	return cmd
}

func eval(ctx context.Context, c *common, f *evalFlags) error {
	format, err := c.format("table", "json", "markdown")
	if err != nil {
		return err
	}
	var reasons []byte
	if f.reasons != "" {
		if reasons, err = os.ReadFile(f.reasons); err != nil {
			return fmt.Errorf("--reasons: %w", err)
		}
	}
	if f.from != "" {
		report, err := evalFrom(f.from)
		if err != nil {
			return err
		}
		return f.write(format, report, string(reasons))
	}
	r, runs, err := f.prepare()
	if err != nil {
		return err
	}
	report := &evaluate.Report{About: r.Describe(runs, version, f.command)}
	p := &evalProgress{total: len(runs), began: time.Now(), calls: f.benignCalls}
	add := func(s *evaluate.Score) {
		report.Add(s)
		p.done(s)
	}
	err = r.All(ctx, runs, add)
	if err == nil && f.benignCalls > 0 {
		err = r.Benign(ctx, f.plan, simulate.Scenarios(), f.benignCalls, add)
	}
	if err == nil && f.measure > 0 {
		report.Measured, err = r.Measure(ctx, simulate.Options{Seed: f.plan.Seed0, Users: f.plan.Users, Length: f.plan.Length}, f.measure)
	}
	if err == nil && f.adaptive > 0 {
		err = f.adapt(ctx, r, report)
	}
	p.end()
	if errors.Is(err, context.Canceled) {
		report.About.Partial, err = true, nil
	}
	if err != nil {
		return err
	}
	report.Finish()
	return f.write(format, report, string(reasons))
}

// evalFrom reads a report that was written with -o json.
func evalFrom(path string) (*evaluate.Report, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	r := &evaluate.Report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("--from %s: no report of eval -o json: %w", path, err)
	}
	return r, nil
}

// adversaries live in worlds of two days with few people, so that an episode
// takes seconds.
const (
	adversaryUsers  = 120
	adversaryLength = 48 * time.Hour
)

// adapt lets each adversary learn against detection, and against all static
// rules at once.
func (f *evalFlags) adapt(ctx context.Context, r *evaluate.Runner, report *evaluate.Report) error {
	for _, kind := range evaluate.Adversaries() {
		for _, against := range []string{"lapwing", "rules"} {
			a := evaluate.Adversary{Kind: kind, Against: against, Episodes: f.adaptive, Seed: f.plan.Seed0, Users: cmp.Or(f.plan.Users, adversaryUsers), Length: cmp.Or(f.plan.Length, adversaryLength)}
			u, err := r.Adapt(ctx, a)
			if err != nil {
				return err
			}
			report.Undetected = append(report.Undetected, *u)
			fmt.Fprintf(os.Stderr, "\n%s against %s: %.4g %s a day", kind, against, u.PerDay, u.Unit)
		}
	}
	return nil
}

// prepare checks the flags and lists the runs.
func (f *evalFlags) prepare() (*evaluate.Runner, []evaluate.Run, error) {
	r := &evaluate.Runner{View: evaluate.View(f.view), NoSpec: f.noSpec, Make: func(o simulate.Options) (evaluate.World, error) { return simulate.New(o) }}
	if r.View != evaluate.Packets && r.View != evaluate.Log {
		return nil, nil, usageError("--view %q is neither packet nor log", f.view)
	}
	if f.benignCalls < 0 || f.measure < 0 || f.measure > 10_000_000 || f.adaptive < 0 || f.adaptive > 2000 {
		return nil, nil, usageError("--benign-calls must not be negative, --measure be 0 to 10000000, --adaptive 0 to 2000")
	}
	if f.quick {
		f.plan = evaluate.Quick(f.plan.Seed0)
	}
	if f.plan.Everyday < 0 {
		f.plan.Everyday = 0
		if len(f.plan.Scenarios) == 0 {
			f.plan.Everyday = f.plan.Seeds
		}
	}
	runs, err := f.plan.Runs(simulate.Scenarios())
	if err != nil {
		return nil, nil, usageError("%w", err)
	}
	return r, runs, nil
}

func (f *evalFlags) write(format string, report *evaluate.Report, reasons string) (err error) {
	var out io.Writer = os.Stdout
	if f.out != "" {
		var files outputs
		defer files.abort()
		w, err := files.create(f.out)
		if err != nil {
			return err
		}
		if err := printScorecard(w, format, report, reasons); err != nil {
			return err
		}
		return files.commit()
	}
	b := bufio.NewWriter(out)
	return errors.Join(printScorecard(b, format, report, reasons), b.Flush())
}

func printScorecard(w io.Writer, format string, report *evaluate.Report, reasons string) error {
	switch format {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(report)
	case "markdown":
		return report.Markdown(w, reasons)
	}
	return report.Table(w)
}

// command is what a reader would type for the same report.
func command(set *pflag.FlagSet) string {
	parts := []string{"lapwing eval"}
	set.Visit(func(f *pflag.Flag) {
		if f.Name == "out" || f.Name == "reasons" || f.Name == "config" {
			return
		}
		values := []string{f.Value.String()}
		if many, ok := f.Value.(pflag.SliceValue); ok {
			values = many.GetSlice()
		}
		for _, v := range values {
			switch {
			case f.Value.Type() == "bool" && v == "true":
				parts = append(parts, "--"+f.Name)
			case strings.ContainsAny(v, "*?[ "):
				parts = append(parts, "--"+f.Name+" '"+v+"'")
			default:
				parts = append(parts, "--"+f.Name+" "+v)
			}
		}
	})
	return strings.Join(parts, " ")
}

// evalProgress tells on stderr how far it is.
type evalProgress struct {
	total, n int
	calls    int64 // of harmless worlds wanted
	had      int64
	began    time.Time
	shown    time.Time
}

func (p *evalProgress) done(s *evaluate.Score) {
	p.n++
	p.had += s.Calls
	now := time.Now()
	if now.Sub(p.shown) < time.Second {
		return
	}
	p.shown = now
	fmt.Fprintf(os.Stderr, "\r%d runs of %d, %d calls, %s   ", p.n, max(p.n, p.total), p.had, now.Sub(p.began).Round(time.Second))
}

func (p *evalProgress) end() {
	if !p.shown.IsZero() {
		fmt.Fprintln(os.Stderr)
	}
}
