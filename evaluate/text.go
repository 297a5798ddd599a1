package evaluate

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Table writes a report for a terminal.
func (r *Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "%d runs, %s calls, configuration %s, seeds %s, view %s\n", r.Runs, count(r.Calls), r.About.ConfigHash, r.About.SeedsHash, r.About.View)
	if r.About.Partial {
		fmt.Fprintf(t, "interrupted: %d of %d runs\n", r.Runs, r.About.Planned)
	}
	if len(r.Attacks) > 0 {
		fmt.Fprintln(t, "\nSCENARIO\tFOUND\tTARGETS\tCALLS\tMINUTES\tHARM\tALERTS\tFALSE\tTWIN SILENT\tBEST STATIC RULE")
		for _, c := range r.Attacks {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s %s\n", strings.TrimSpace(c.Scenario+" "+c.Level), interval(c.Recall), spreadText(c.Targets), spreadText(c.Calls),
				spreadText(c.Minutes), spreadText(c.Harm), short(c.Told), short(c.Beside), silent(c.TwinSilent), percent(c.RuleRecall), c.BestRule)
		}
		fmt.Fprintf(t, "\nprecision\t%s\n", interval(r.Precision))
		for _, l := range r.Levels {
			fmt.Fprintf(t, "%s\t%s\tworst %s %s\n", level(l.Level), interval(l.Recall), l.Worst, percent(l.Lowest))
		}
	}
	if len(r.Hard) > 0 {
		fmt.Fprintln(t, "\nHARMLESS\tSILENT\tCALLS\tABOUT IT\tELSE\tHIGH\tSTATIC RULES\tDETECTORS")
		for _, c := range r.Hard {
			fmt.Fprintf(t, "%s\t%d of %d\t%s\t%d\t%d\t%d\t%d\t%s\n", c.Name, c.Silent.Hits, c.Silent.Tries, count(c.Calls), c.About, c.Else, c.High, c.Rules, tally(c.Detectors))
		}
		fmt.Fprintln(t)
		for _, c := range r.Benign {
			fmt.Fprintf(t, "%s\t%d false (%d high) in %s calls\t%s per million\tat most %s\n", c.Class, c.Medium, c.High, count(c.Calls), short(c.PerMillion), short(c.Upper))
		}
	}
	fmt.Fprintf(t, "explanations without a fault\t%s\n", interval(r.Faithful))
	if m := r.Measured; m != nil {
		fmt.Fprintf(t, "speed\t%s calls/s\tmemory\t%s bytes per actor\n", count(int64(m.CallsPerS)), count(int64(m.BytesPerActor)))
	}
	for _, u := range r.Undetected {
		fmt.Fprintf(t, "unnoticed: %s against %s\t%s %s a day\t%d of %d episodes noticed\n", u.Kind, u.Against, short(u.PerDay), u.Unit, u.Noticed, u.Episodes)
	}
	for i, s := range r.FalseSamples {
		if i == 0 {
			fmt.Fprintln(t, "\nFalse alerts of medium severity and above:")
		}
		fmt.Fprintf(t, "%s seed %d\t%s %s %s\t%s\n", s.Run, s.Seed, s.Verdict, s.Severity, s.Detector, s.Summary)
	}
	for i, f := range r.FaultSamples {
		if i == 0 {
			fmt.Fprintln(t, "\nFaults of explanations:")
		}
		fmt.Fprintln(t, f)
	}
	return t.Flush()
}
