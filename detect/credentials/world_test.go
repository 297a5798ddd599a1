package credentials

import (
	"fmt"
	"testing"
	"time"
)

// people log in for days: from homes, carriers and offices, with a dozen
// programs; they mistype, forget, give up, and use old devices.
func people(t *traffic, users, days int) {
	for u := range users {
		name := fmt.Sprintf("u%d", u)
		mistype := 0.05 + 0.2*t.rng.Float64()
		home := fmt.Sprintf("10.%d.%d.%d", u/3%200, u/600, 1+u%3/2)
		program := fmt.Sprintf("fp%d", t.rng.IntN(12))
		for day := range days {
			at := time.Duration(day)*24*time.Hour + time.Duration(t.rng.Int64N(int64(16*time.Hour)))
			from := home
			switch r := t.rng.Float64(); {
			case r < 0.3:
				from = fmt.Sprintf("100.64.0.%d", t.rng.IntN(20))
			case r < 0.45:
				from = fmt.Sprintf("198.51.100.%d", u%4)
			}
			for range 8 {
				if t.rng.Float64() >= mistype {
					t.login(at, from, program, name, true)
					break
				}
				t.login(at, from, program, name, false)
				if t.rng.Float64() < 0.05 {
					break // gives up
				}
				at += time.Duration(4+t.rng.IntN(90)) * time.Second
			}
		}
	}
}

func TestOrdinaryDaysAreSilent(t *testing.T) {
	for seed := range uint64(3) {
		tr := newTraffic(100 + seed)
		people(tr, 1000, 7)
		tr.run(t).silent(t)
	}
}

// The same days with an attack in them: it alone is told.
func TestAttackInOrdinaryDays(t *testing.T) {
	tr := newTraffic(200)
	people(tr, 1000, 4)
	tr.stuff(30*time.Hour, 7*time.Minute, 120, always("203.0.113.7"), "fp3", func(i int) bool { return i == 90 })
	tr.run(t).one(t, "credential_stuffing", clientEntity("203.0.113.7"))
}
