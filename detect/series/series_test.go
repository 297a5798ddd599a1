package series

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"lapwing/detect/snapshot"
)

const level = 17.3 // 12 + ln 200: one of two hundred

func testDesign() *Design { return &Design{Rate: .10, Least: .002, Most: .5, Level: level} }

const week = 7 * 24 * 60 // minutes

// Rates that wander by up to 20 % do not alarm, month after month; at 30 %
// they do every few weeks. Where there is a tide over the day, too.
func TestFalseAlarms(t *testing.T) {
	seeds := uint64(2)
	if testing.Short() {
		seeds = 1
	}
	for _, c := range []struct {
		perMin, sd, tide float64
		most             int // alarms in twice five weeks
	}{{6, .15, 0, 0}, {60, .1, .6, 0}, {60, .2, 0, 0}, {600, .1, .6, 0}, {600, .15, 0, 1}, {600, .2, .6, 4}, {600, .3, 0, 12}} {
		d, alarms, over := testDesign(), 0, 0
		for seed := range seeds {
			b := newBenign(seed, c.perMin, .02, c.sd)
			b.tide = c.tide
			var s Series
			feed(&s, b, d, Prior{}, 3*week, 0, func(int, float64) bool {
				_, best := s.Best()
				if best.S >= level {
					over++
					s.cusums = [Tests]Cusum{}
				}
				return true
			})
			feed(&s, b, d, Prior{}, 5*week, 0, func(int, float64) bool {
				if _, best := s.Best(); best.S >= level {
					alarms++
					s.cusums = [Tests]Cusum{}
				}
				return true
			})
		}
		t.Logf("%4.0f a minute, wander %.2f, tide %.1f: %d alarms in %d minutes, %d more while it learned", c.perMin, c.sd, c.tide, alarms, int(seeds)*5*week, over)
		if alarms > c.most || over > c.most+1 {
			t.Errorf("%.0f a minute, wander %.2f: %d alarms, %d while learning, want at most %d", c.perMin, c.sd, alarms, over, c.most)
		}
	}
}

// Delays at level 17.3 after three weeks, wander 15 %, in minutes and in
// attempts of the attack, against what the design was computed for.
func TestDelays(t *testing.T) {
	for _, c := range []struct {
		name            string
		perMin, attack  float64 // a minute
		minutes, tries  float64 // median at most
		tries95, rounds float64
	}{
		{"rare program, 600 logins a minute, share .1 %", 6, .6, 80, 50, 90, 60},
		{"rare program, 600 logins a minute, share .5 %", 6, 3, 8, 22, 35, 60},
		{"rare program, 60 logins a minute, share .1 %", .6, .06, 700, 45, 70, 60},
		{"rare program, 60 logins a minute, share .5 %", .6, .3, 60, 18, 25, 60},
		{"popular program, 600 logins a minute, share 1 %", 180, 6, 24, 130, 300, 60},
		{"popular program, 600 logins a minute, share 2 %", 180, 12, 6, 60, 80, 60},
		{"popular program, 60 logins a minute, share 2 %", 18, 1.2, 50, 60, 100, 60},
		{"all programs, 600 logins a minute, share 2 %", 600, 12, 60, 700, 4000, 60},
		{"all programs, 600 logins a minute, share 5 %", 600, 30, 7, 200, 260, 60},
		{"all programs, 60 logins a minute, share 5 %", 60, 3, 25, 75, 120, 60},
	} {
		d := testDesign()
		var minutes, tries []float64
		b := newBenign(9, c.perMin, .02, .15)
		var s Series
		feed(&s, b, d, Prior{}, 3*week, 0, nil)
		for k := range uint64(c.rounds) {
			v, world := s.clone(), *b
			world.rng = rand.New(rand.NewPCG(k, 5))
			feed(v, &world, d, Prior{}, 6*60, 0, nil) // another day
			minute, tried := float64(2*24*60), math.Inf(1)
			feed(v, &world, d, Prior{}, 2*24*60, c.attack, func(m int, n float64) bool {
				if _, best := v.Best(); best.S >= level {
					minute, tried = float64(m+1), n
					return false
				}
				return true
			})
			minutes, tries = append(minutes, minute), append(tries, tried)
		}
		m, n, n95 := quantile(minutes, .5), quantile(tries, .5), quantile(tries, .95)
		t.Logf("%-50s %4.0f min (%.0f), %4.0f attempts (%.0f)", c.name, m, quantile(minutes, .95), n, n95)
		if m > c.minutes || n > c.tries || n95 > c.tries95 {
			t.Errorf("%s: %.0f minutes, %.0f attempts (%.0f), want at most %.0f, %.0f (%.0f)", c.name, m, n, n95, c.minutes, c.tries, c.tries95)
		}
	}
}

// Going slower buys nothing: the same series of exposures, spread over twenty
// times as many minutes, needs about as many attempts: more only as far as counts
// of one an hour cannot show how little they scatter.
func TestSlownessBuysNothing(t *testing.T) {
	median := func(slow float64) float64 {
		d, b := testDesign(), newBenign(4, 6/slow, .02, .1)
		var s Series
		feed(&s, b, d, Prior{}, 3*week, 0, nil)
		var tries []float64
		for k := range uint64(40) {
			v, world := s.clone(), *b
			world.rng = rand.New(rand.NewPCG(k, 6))
			feed(v, &world, d, Prior{}, int(6*60*slow), 0, nil) // another day
			feed(v, &world, d, Prior{}, 20*24*60, .6/slow, func(_ int, n float64) bool {
				_, best := v.Best()
				tries = append(tries, n)
				if best.S < level {
					tries = tries[:len(tries)-1]
				}
				return best.S < level
			})
		}
		if len(tries) < 36 {
			t.Fatalf("%d of 40 were found", len(tries))
		}
		return quantile(tries, .5)
	}
	fast, slow := median(1), median(20)

	if t.Logf("%.0f attempts, slowed down twentyfold %.0f", fast, slow); slow > 1.7*fast {
		t.Errorf("%.0f attempts at one pace, %.0f at a twentieth", fast, slow)
	}
}

// A week of attack during which there is evidence leaves the ceiling where it
// was, and so does one that was there half of the first three weeks at a tenth
// of what people do themselves.
func TestLearnsNothingFromAttacks(t *testing.T) {
	d := testDesign()
	b := newBenign(3, 60, .02, .1)
	var s Series
	feed(&s, b, d, Prior{}, 2*week, 0, nil)
	before := s.Ceiling()
	feed(&s, b, d, Prior{}, week, 3, nil)
	if _, best := s.Best(); best.S < level {
		t.Fatalf("a week of attack has left evidence of %.1f only", best.S)
	}
	if after := s.Ceiling(); after > 1.25*before {
		t.Errorf("the ceiling rose from %.4f to %.4f under attack", before, after)
	}
	feed(&s, b, d, Prior{}, 2*24*60, 0, nil)
	if _, best := s.Best(); best.S > level {
		t.Errorf("two days after the end there is evidence of %.1f", best.S)
	}
}

// An attack that grows by a twentieth a day is found before it is twice what
// people do, though the baseline follows what it sees.
func TestBoilingFrog(t *testing.T) {
	d := testDesign()
	b := newBenign(8, 60, .02, .1)
	var s Series
	feed(&s, b, d, Prior{}, 3*week, 0, nil)
	attack := 0.1
	people := 60 * .02
	for day := range 80 {
		found := false
		feed(&s, b, d, Prior{}, 24*60, attack, func(int, float64) bool {
			_, best := s.Best()
			found = found || best.S >= level
			return true
		})
		if found {
			t.Logf("found on day %d at %.2f a minute beside %.1f", day, attack, people)
			if attack > 2*people {
				t.Errorf("found only at %.2f a minute", attack)
			}
			return
		}
		attack *= 1.05
	}
	t.Errorf("not found when it had reached %.2f a minute", attack)
}

// Until there is a history only the design counts, and a rate below its
// ceiling does not alarm.
func TestCold(t *testing.T) {
	d := testDesign()
	for seed := range uint64(20) {
		b := newBenign(seed, 10, .13, .2) // above the ceiling, below what the test tolerates
		var s Series
		feed(&s, b, d, Prior{}, 12*60, 0, func(int, float64) bool {
			_, best := s.Best()
			if !s.Cold() || best.S >= level {
				t.Fatalf("cold %v, evidence %.1f", s.Cold(), best.S)
			}
			return true
		})
	}
	var s Series
	tried := 0.0
	feed(&s, newBenign(1, 0, 0, 0), d, Prior{}, 24*60, .2, func(_ int, n float64) bool {
		_, best := s.Best()
		tried = n
		return best.S < level
	})
	if tried > 18 {
		t.Errorf("nothing but failures took %.0f attempts while cold", tried)
	}
}

// What siblings teach makes a new series warm at once.
func TestPrior(t *testing.T) {
	d := testDesign()
	var s Series
	s.Add(1e18, 0, 1, d, Prior{Rate: .03, Weight: 200, Wobble: .2})
	if s.Cold() || math.Abs(s.Forecast()-.03) > 1e-9 || math.Abs(s.Ceiling()-.03*math.Exp(.4)) > 1e-9 {
		t.Errorf("cold %v, forecast %.4f, ceiling %.4f", s.Cold(), s.Forecast(), s.Ceiling())
	}
}

// The evidence of a test is what its count gained less what its exposure
// spent, and its bracket holds the attack.
func TestEvidenceAddsUp(t *testing.T) {
	d := testDesign()
	b := newBenign(2, 60, .02, .1)
	var s Series
	feed(&s, b, d, Prior{}, 2*week, 0, nil)
	from := b.minute * minuteNS
	feed(&s, b, d, Prior{}, 60, 6, func(int, float64) bool {
		for i := range s.cusums {
			c := &s.cusums[i]
			if math.Abs(float64(c.Gained-c.Spent-c.S)) > 1e-3 || c.S < 0 || float64(c.S) > 3*level {
				t.Fatalf("%+v", c)
			}
		}
		return true
	})
	test, c := s.Best()
	if begin, end := s.Bracket(test); begin < from-30*minuteNS || begin > from+5*minuteNS || end != (b.minute+1)*minuteNS {
		t.Errorf("the bracket is %d … %d minutes from the begin", (begin-from)/minuteNS, (end-from)/minuteNS)
	}
	if c.Count < 2*c.Expected || c.Exposure < 60*60*.9 {
		t.Errorf("%+v", c)
	}
}

// Packing keeps small counts and is off by half a step at most.
func TestPack(t *testing.T) {
	for v := 0.0; v < 1e6; v = v*1.013 + .5 {
		got := unpack(pack(v))
		if v < packExact && got != math.Round(v) || v >= packExact && math.Abs(math.Log(got/v)) > packStep/2+1e-9 {
			t.Fatalf("%.1f became %.1f", v, got)
		}
	}
}

func TestSnapshotGoesOn(t *testing.T) {
	type holder struct{ S *Series }
	d, b := testDesign(), newBenign(2, 60, .02, .1)
	a := &holder{&Series{}}
	feed(a.S, b, d, Prior{}, week+1000, .3, nil)
	var data bytes.Buffer
	if err := snapshot.Save(&data, a); err != nil {
		t.Fatal(err)
	}
	c := &holder{&Series{}}
	if err := snapshot.Load(&data, c); err != nil {
		t.Fatal(err)
	}
	one, two := *b, *b
	one.rng, two.rng = rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(1, 1))
	feed(a.S, &one, d, Prior{}, 3000, .3, nil)
	feed(c.S, &two, d, Prior{}, 3000, .3, nil)
	if a.S.cusums != c.S.cusums || a.S.base != c.S.base {
		t.Error("it goes on differently from a snapshot")
	}
}

// The promise of memory.
func TestSize(t *testing.T) {
	size := binary.Size(day{}) // without padding
	var s Series
	feed(&s, newBenign(1, 1, .02, .1), testDesign(), Prior{}, 5*week, 0, nil)
	if days := len(s.history.days); days != keptDays || days*(size+4) > 1600 {
		t.Errorf("%d days of %d bytes", days, size)
	}
	if size := binary.Size(s.cusums); size > 200 {
		t.Errorf("the tests take %d bytes", size)
	}
}

func BenchmarkMinute(b *testing.B) {
	d := testDesign()
	var s Series
	feed(&s, newBenign(1, 60, .02, .1), d, Prior{}, week, 0, nil)
	at := int64(29_800_000)
	b.ReportAllocs()
	for b.Loop() {
		s.Add(at*minuteNS, 1, 60, d, Prior{})
		at++
		s.Advance(at*minuteNS, d, Prior{})
	}
}
