package credentials

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/distributed"
	"lapwing/detect/login"
	"lapwing/event"
)

// A list that has many passwords for each of few accounts, tried with ten
// programs from everywhere, is one story; what another does to one of these
// accounts, far beyond what the run tries at each, is one of its own.
func TestRunExplainsItsAccounts(t *testing.T) {
	for _, besides := range []bool{false, true} {
		tr := newTraffic(41)
		tr.warm(0, 60)
		for i := range 30 * 40 {
			tr.login(time.Hour+time.Duration(i)*20*time.Second, fmt.Sprintf("203.%d.%d.7", i%200, i%251), fmt.Sprintf("py%d", tr.rng.IntN(10)), fmt.Sprintf("victim%d", i%30), false)
		}
		if besides {
			tr.guess(8*time.Hour, 20*time.Second, 150, func(i int) string { return fmt.Sprintf("198.%d.7.7", i%70) }, "ceo", false)
		}
		var stuffed int
		accounts := map[string]bool{}
		e := detect.New(detect.Config{Seed: 1}, func(a event.Alert) {
			switch {
			case a.Detector == "brute_force" && a.Entity.Kind == event.KindAccount:
				accounts[a.Entity.Value] = true
			case a.Detector == "credential_stuffing" || a.Detector == "password_spraying":
				stuffed++
			}
		}, login.New(login.Config{Seed: 1}), New(Config{Seed: 1}), distributed.New(distributed.Config{Seed: 1}))
		slices.SortStableFunc(tr.calls, func(a, b *event.Call) int { return a.Time.Compare(b.Time) })
		for _, c := range tr.calls {
			e.Observe(c)
			e.Advance(c.Time.UnixNano())
		}
		e.Close()
		if stuffed == 0 || len(accounts) != map[bool]int{true: 1}[besides] || besides && !accounts["nm-ceo"] {
			t.Errorf("besides %v: the run was told %d times, accounts %v", besides, stuffed, accounts)
		}
	}
}
