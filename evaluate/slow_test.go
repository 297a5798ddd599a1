package evaluate

import (
	"strings"
	"testing"
	"time"

	"lapwing/detect/standard"
	"lapwing/event"
)

// Who goes ten or a hundred times slower is found after as many calls, within
// a fifth, or sooner: who is very fast gets further within one tick. Everybody goes slower with him, so that the mixture stays. Scraping
// is left out: there the pace itself is evidence, and who reads no faster than
// people do must read for longer.
func TestSlowDownChangesNoCount(t *testing.T) {
	for name, calls := range streams(t) {
		want := callsBefore(t, calls)
		if len(want) < 3 {
			t.Fatalf("%s: %d attacks are told, too few to show anything", name, len(want))
		}
		for _, factor := range []int{10, 100} {
			got := callsBefore(t, slowed(calls, factor))
			for who, n := range want {
				if strings.HasPrefix(who, "scraping ") {
					continue
				}
				m, ok := got[who]
				if !ok {
					t.Errorf("%s, %d times slower: %s is no longer told", name, factor, who)
					continue
				}
				if float64(m-n) > max(2, 0.2*float64(n)) {
					t.Errorf("%s, %d times slower: %s is told after %d calls, before after %d", name, factor, who, m, n)
				}
			}
		}
	}
}

// slowed stretches the time between calls, not the calls.
func slowed(calls []*event.Call, factor int) []*event.Call {
	begin := calls[0].Time
	list := make([]*event.Call, len(calls))
	for i, c := range calls {
		d := *c
		d.Time = begin.Add(time.Duration(factor) * c.Time.Sub(begin))
		list[i] = &d
	}
	return list
}

// callsBefore counts, for each alert of medium severity or above about a caller
// or user, its calls until it was told.
func callsBefore(t *testing.T, calls []*event.Call) map[string]int {
	t.Helper()
	counts := map[string]int{}
	var said []event.Alert
	for _, a := range told2(t, standard.Config{}, calls) {
		if a.Severity >= event.Medium {
			said = append(said, a)
		}
	}
	for i := len(said) - 1; i >= 0; i-- { // the first revision of each stands at the end
		a := &said[i]
		at := a.DetectedAt // or within the tick in which it was told
		if a.LastSeenAt.Sub(at) < time.Second && a.LastSeenAt.After(at) {
			at = a.LastSeenAt
		}
		n := 0
		for _, c := range calls {
			mine := a.Entity.Kind == event.KindClient && c.Client.String() == a.Entity.Value || c.Actor.Kind == a.Entity.Kind && c.Actor.Value == a.Entity.Value
			if mine && !c.End().After(at) {
				n++
			}
		}
		if n > 0 {
			counts[a.Detector+" "+string(a.Entity.Kind)+" "+a.Entity.Value] = n
		}
	}
	return counts
}
