package evasion

import (
	"fmt"
	"math"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/series"
	"lapwing/detect/tell"
	"lapwing/event"
)

// level is what the evidence must pass: there are many programs and networks,
// each with its own chance of a false alarm (12 + ln 200).
const level = 17.3

// design: half of the calls may come from addresses never seen before while
// nothing is known; afterwards a program or network has its own past.
var design = series.Design{Rate: 0.50, Least: 0.02, Most: 0.90, Level: level}

// An influx watches the share of a group's calls that come from addresses never
// seen before.
type influx struct {
	rate  *series.Series
	fresh int64 // since there is evidence
	calls int64
	open  *growing
}

func (s *Stage) grow(f *detect.Fact, g *influx, t *tally, out *detect.Output) {
	if g.rate == nil {
		g.rate = &series.Series{}
	}
	g.rate.Add(f.AtNS, float64(t.fresh), float64(t.calls), &design, series.Prior{})
	which, best := g.rate.Best()
	if float64(best.S) < detect.Noted/2 {
		g.open, g.fresh, g.calls = nil, 0, 0
		return
	}
	g.fresh, g.calls = g.fresh+int64(t.fresh), g.calls+int64(t.calls)
	if t.fresh == 0 {
		return
	}
	if g.open == nil {
		g.open = &growing{entity: event.Entity{Kind: t.kind, Value: t.label}, startedNS: f.AtNS}
	}
	g.open.samples.AddSample(t.sample, 1)
	if float64(best.S) < detect.Noted || g.rate.Cold() {
		return // without a past of its own, nothing is out of the ordinary
	}
	o := g.open
	o.ref, o.lastNS, o.which, o.best = t.ref, f.AtNS, which, *best
	o.fresh, o.calls, o.ceiling = g.fresh, g.calls, g.rate.Ceiling()
	out.Suspect(&detect.Suspicion{
		Detector: detectorName, Entity: o.entity, StartedNS: o.startedNS, Score: float64(best.S), Threshold: level,
		Impact: int(min(g.fresh, math.MaxInt32)), Case: o,
	})
}

// A growing case tells of a group in which ever new addresses appear. It
// implements detect.Case.
type growing struct {
	entity    event.Entity
	ref       event.EndpointRef
	which     series.Test
	best      series.Cusum
	ceiling   float64
	fresh     int64
	calls     int64
	startedNS int64
	lastNS    int64
	samples   evidence.Samples
}

// Alert tells the case.
func (c *growing) Alert() event.Alert {
	duration := tell.Seconds(c.startedNS, c.lastNS)
	a := event.Alert{
		Detector: detectorName, Severity: event.Low, Outcome: event.OutcomeUnknown,
		Title:     "New addresses keep coming under " + c.entity.Value,
		Summary:   fmt.Sprintf("%d of %d calls of %s %s within %d s came from addresses never seen before", c.fresh, c.calls, c.entity.Kind, c.entity.Value, duration),
		StartedAt: tell.At(c.startedNS), LastSeenAt: tell.At(c.lastNS), Entity: c.entity, Endpoint: c.ref,
		Counts:   map[string]int64{"new_addresses": c.fresh, "calls": c.calls, "duration_s": duration},
		NextStep: "See what these calls ask for: work that is divided among many addresses is not counted at any of them.",
		Benign: []event.Hypothesis{
			{Hypothesis: "many new visitors", Against: fmt.Sprintf("by its own past at most %.0f of 100 calls would come from new addresses at this hour", 100*c.ceiling)},
		},
		Tags: event.Tags{Attack: []string{"T1090"}},
		Hunt: tell.Hunt(c.entity, event.EndpointRef{}, c.startedNS),
	}
	a.Evidence = event.Evidence{ScoreLog10: evidence.Log10(float64(c.best.Gained) - float64(c.best.Spent)), Calls: c.samples.Calls(), Features: []event.Feature{
		{Name: "calls_from_new_addresses", Value: float64(c.best.Count), Baseline: float64(c.best.Expected), Contribution: evidence.Log10(float64(c.best.Gained))},
		{Name: "calls", Value: float64(c.best.Exposure), Contribution: evidence.Log10(-float64(c.best.Spent))},
	}}
	return a
}
