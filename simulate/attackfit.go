package simulate

import "time"

// usualLength is how long a world is that has no length of its own: as long as
// its scenarios take, and a day at least.
func usualLength(chosen []chosenPlot) time.Duration {
	long := 24 * time.Hour
	for _, c := range chosen {
		if c.length != nil {
			long = max(long, c.length(c.choice.Level))
		}
	}
	return long
}

// maxDrawn bounds how many applications are drawn until one suits.
const maxDrawn = 200

// suitable draws the application: the first of the seed that suits all
// scenarios, or the very first if none of many does.
func (w *World) suitable(chosen []chosenPlot, draw func(seed uint64) *application) *application {
	var first *application
	for i := range uint64(maxDrawn) {
		a := draw(w.seed + i)
		if first == nil {
			first = a
		}
		ok := true
		for _, c := range chosen {
			ok = ok && (c.suits == nil || c.suits(a))
		}
		if ok {
			return a
		}
	}
	return first
}
