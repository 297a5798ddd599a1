package credentials

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"lapwing/event"
)

var number = regexp.MustCompile(`\d+`)

// checkAlert holds every alert to the contract: contributions add up, and no
// number is told that is not a field.
func checkAlert(tb testing.TB, a *event.Alert) {
	tb.Helper()
	sum := 0.0
	for _, f := range a.Evidence.Features {
		sum += f.Contribution
		if f.LikelihoodRatio != 0 && math.Abs(f.Value*math.Log10(f.LikelihoodRatio)-f.Contribution) > 1e-9 {
			tb.Errorf("%s: feature %+v does not recompute", a.Title, f)
		}
	}
	if math.Abs(sum-a.Evidence.ScoreLog10) > 1e-9 {
		tb.Errorf("%s: contributions add up to %v, score is %v", a.Title, sum, a.Evidence.ScoreLog10)
	}
	if len(a.Evidence.Calls) == 0 || len(a.Evidence.Calls) > 10 {
		tb.Errorf("%s: %d calls quoted", a.Title, len(a.Evidence.Calls))
	}
	text := strings.NewReplacer(a.Entity.Value, "", a.Endpoint.Host+a.Endpoint.Route, "").Replace(a.Summary)
	for _, f := range a.Evidence.Features {
		if _, name, ok := strings.Cut(f.Name, ":"); ok {
			text = strings.ReplaceAll(text, name, "")
		}
	}
	for _, n := range number.FindAllString(text, -1) {
		v, _ := strconv.ParseInt(n, 10, 64)
		found := false
		for _, c := range a.Counts {
			found = found || c == v
		}
		if !found {
			tb.Errorf("%q: %s is no field of %v", a.Summary, n, a.Counts)
		}
	}
	if a.Hunt == "" || a.NextStep == "" || len(a.Tags.OWASP) == 0 || a.LastSeenAt.Before(a.StartedAt) {
		tb.Errorf("alert is incomplete: %+v", a)
	}
}
