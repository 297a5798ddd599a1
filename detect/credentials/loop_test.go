package credentials

import "testing"

// A timetable stays one when single beats are missed, also early on; guesses
// at any other pace are none.
func TestBeatsThatWereMissed(t *testing.T) {
	for name, tc := range map[string]struct {
		at   []int64 // seconds
		even bool
	}{
		"even":           {[]int64{0, 300, 600, 900, 1200, 1500, 1800}, true},
		"second missing": {[]int64{0, 600, 900, 1200, 1500, 1800, 2100}, true},
		"third missing":  {[]int64{0, 300, 900, 1200, 1500, 1800, 2100}, true},
		"late":           {[]int64{0, 300, 900, 600, 1200, 1500, 1800}, true},
		"scattered":      {[]int64{0, 300, 720, 900, 1330, 1500, 1990}, false},
	} {
		var b beat
		for _, s := range tc.at {
			b.add((s + 1_000_000) * 1e9)
		}
		if b.even(true) != tc.even {
			t.Errorf("%s: even is %v, want %v", name, b.even(true), tc.even)
		}
	}
}
