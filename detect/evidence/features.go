package evidence

import "lapwing/event"

// Features spells out a score as the features of an alert. Their contributions
// add up to Log10(s.S): Value times the base-10 logarithm of LikelihoodRatio.
// extra says what the bonus was for; it is left out when there was none.
func (s *Score) Features(t Test, hits, misses, extra string) []event.Feature {
	list := []event.Feature{{
		Name: hits, Value: s.Hits, Baseline: t.P0 * (s.Hits + s.Misses),
		LikelihoodRatio: t.P1 / t.P0, Contribution: Log10(s.Hits * t.Hit()),
	}}
	if s.Misses > 0 {
		list = append(list, event.Feature{
			Name: misses, Value: s.Misses, Baseline: (1 - t.P0) * (s.Hits + s.Misses),
			LikelihoodRatio: (1 - t.P1) / (1 - t.P0), Contribution: Log10(s.Misses * t.Miss()),
		})
	}
	if s.Bonus != 0 {
		list = append(list, event.Feature{Name: extra, Value: 1, Contribution: Log10(s.Bonus)})
	}
	return list
}
