// Package series watches counts for lasting rises: how many of the logins of a
// minute were failures of strangers, how many paths of an hour nobody knew.
//
// A Series runs sequential likelihood-ratio tests (Page's CUSUM) of negative
// binomial counts at three resolutions side by side: minutes, against rises by
// half, threefold and eightfold; hours, by 15 %; days, by 5 %. What they test
// against is not what is usual but a ceiling of it: the baseline of this hour
// times exp(2·wobble), where the wobble is how far counts of past hours were
// off their forecast. A test against the mean itself would alarm several times a
// day, because real rates wander slowly; textbook tables for CUSUMs assume that
// they do not.
//
// Counts are normalised by an exposure where there is one (logins, calls): ten
// times the visitors are then no news.
//
// Baselines learn from three weeks by hour of the day and kind of day, robustly:
// medians where counts allow, else means without excess. An hour during which
// there is evidence enters as its forecast, so that an attack does not teach
// that it is usual.
//
// Promises. A Series takes at most 2 KB, its memory grows with the days it has
// seen, and it can be copied and written by a snapshot. No clock: the caller
// says when minutes end. Minutes without exposure change nothing, so that a
// series that nothing happens to needs no care but one call an hour.
package series
