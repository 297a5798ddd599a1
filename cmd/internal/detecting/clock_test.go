package detecting

import (
	"math/rand/v2"
	"testing"

	"lapwing/event"
)

func beat(source string, s int64) event.Heartbeat {
	return event.Heartbeat{Source: source, LowNS: s * second}
}

func TestClock(t *testing.T) {
	c := newClock(2)
	want := func(step string, seconds int64, wantMoved bool) {
		t.Helper()
		low, moved := c.advance()
		if low != seconds*second || moved != wantMoved {
			t.Errorf("%s: %d s, moved %v; want %d, %v", step, low/second, moved, seconds, wantMoved)
		}
	}
	want("nobody spoke", 0, false)
	c.expect("b")
	c.heartbeat(0, "a", beat("eth0", 10))
	want("a spoke in one partition", 0, false)
	c.heartbeat(1, "a", beat("eth0", 12))
	want("b is expected", 0, false)
	c.heartbeat(0, "b", beat("log", 9))
	c.heartbeat(1, "b", beat("log", 11))
	want("both spoke", 9, true)
	c.heartbeat(0, "b", beat("log", 8))
	want("a promise is not taken back", 9, false)
	c.heartbeat(0, "b", beat("log", 30))
	want("a is slowest", 10, true)
	c.heartbeat(0, "a", event.Heartbeat{Source: "eth0", LowNS: 13 * second, Retired: true})
	want("a retired in one partition", 11, true)
	c.heartbeat(1, "a", event.Heartbeat{Source: "eth0", LowNS: 13 * second, Retired: true})
	if c.heartbeat(1, "b", beat("log", 20)); c.finished() {
		t.Error("finished while b speaks")
	}
	want("b is alone", 20, true)
	held := 0
	c.heartbeat(0, "c", beat("eth1", 21))
	c.holding(func(x cell) {
		held++
		if x.name.sensor == "c" && (x.partition != 1 || x.lowNS != unspoken) {
			t.Errorf("held by %+v", x)
		}
	})
	if held == 0 {
		t.Error("nobody holds time up")
	}
	if c.retire(1, sourceName{"b", "log"}, 19*second) {
		t.Error("b has spoken since and was retired")
	}
	if !c.retire(1, sourceName{"c", "eth1"}, 0) || !c.retire(1, sourceName{"b", "log"}, 20*second) {
		t.Error("the silent were not retired")
	}
	want("the silent are gone", 21, true)
	c.heartbeat(0, "b", event.Heartbeat{Source: "log", LowNS: 30 * second, Retired: true})
	c.heartbeat(0, "c", event.Heartbeat{Source: "eth1", LowNS: 22 * second, Retired: true})
	if !c.finished() {
		t.Error("not finished though all have retired")
	}
	// One whose clock was ahead may have been among them: what it promised
	// must not make those late that come back.
	want("nobody says that time goes on", 21, false)
	c.heartbeat(0, "b", beat("log", 25))
	c.heartbeat(1, "b", beat("log", 25))
	want("one is back", 25, true)
}

// The sums that make the clock cheap agree with looking at every cell.
func TestClockAgainstModel(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 9))
		c := newClock(3)
		low := int64(0)
		for range 2000 {
			p, name := rng.IntN(3), string(rune('a'+rng.IntN(4)))
			switch rng.IntN(12) {
			case 0:
				c.heartbeat(p, name, event.Heartbeat{Source: "s", LowNS: rng.Int64N(60) * second / 2, Retired: true})
			case 1:
				c.retire(p, sourceName{name, "s"}, rng.Int64N(60)*second/2)
			default:
				c.heartbeat(p, name, event.Heartbeat{Source: "s", LowNS: low + rng.Int64N(5)*second/2})
			}
			least, blocking := int64(gone), 0
			for _, cells := range c.sources {
				for _, ns := range cells {
					least = min(least, ns)
					if ns < c.targetNS {
						blocking++
					}
				}
			}
			if blocking != c.blocking {
				t.Fatalf("%d cells hold time up, the clock counts %d", blocking, c.blocking)
			}
			now, _ := c.advance()
			if now < low {
				t.Fatal("time goes back")
			}
			low = now
			if least != gone && now < least-least%second && least >= c.targetNS {
				t.Fatalf("time stands at %d, all are at %d", now, least)
			}
		}
		if low == 0 {
			t.Error("time never moved")
		}
	}
}
