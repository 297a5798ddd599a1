package distributed

import (
	"net/netip"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/state"
)

// everyone has people log in within an hour, from where they always are, with
// another share of mistakes.
func (w *site) everyone(at time.Time, people int, mistakes float64, from func(*person) netip.Addr) {
	for i := range people {
		p := &w.people[i%len(w.people)]
		w.attend(at.Add(time.Duration(w.rng.Int64N(int64(time.Hour)))), p, from(p), fingerprint(w.release+p.programs[0]), mistakes)
	}
}

func office(p *person) netip.Addr { return p.office }
func home(p *person) netip.Addr   { return p.home }

func carrier(*person) netip.Addr { return netip.AddrFrom4([4]byte{100, 127, 3, 77}) }

// Things that happen, on a site that has been watched for a week, and on one
// that nothing is known of: nobody is told.
func TestHarmlessThings(t *testing.T) {
	things := []struct {
		name   string
		happen func(w *site)
		cold   bool // on the first day, too
	}{
		{"Monday morning in the offices, one in four mistypes", func(w *site) { w.everyone(w.at, 1500, .25, office) }, true},
		{"passwords expired, six in ten fail at first", func(w *site) { w.everyone(w.at, 1500, .45, home) }, true},
		{"passwords expired in the offices", func(w *site) { w.everyone(w.at, 1500, .45, office) }, true},
		{"an outage of twenty minutes, then everybody again and again", func(w *site) {
			for i := range 2000 {
				p := &w.people[i%len(w.people)]
				w.call(w.at.Add(time.Duration(i)*600*time.Millisecond), p.home, fingerprint(p.programs[0]), p.name, 503, 9)
			}
			w.everyone(w.at.Add(20*time.Minute), 2500, .15, home)
		}, true},
		{"a carrier with one address for everybody, and one phone", func(w *site) {
			for i := range 1500 {
				p := &w.people[w.rng.IntN(len(w.people))]
				w.attend(w.at.Add(time.Duration(i)*4*time.Second), p, carrier(p), fingerprint(0), .15)
			}
		}, true},
		{"a new version of every program", func(w *site) { w.release = 100 }, true},
		{"a monitor with a wrong password", func(w *site) {
			for i := range 3000 {
				w.call(w.at.Add(time.Duration(i)*time.Minute), netip.MustParseAddr("192.0.2.9"), "monitor000000000", "monitor", 401, 8)
			}
		}, true},
		{"a class registers, and mistypes", func(w *site) {
			for i := range 120 {
				name, from := nmOf("pupil", i), netip.AddrFrom4([4]byte{203, 0, 113, 7})
				at := w.at.Add(time.Duration(i) * 10 * time.Second)
				w.call(at, from, fingerprint(3), name, 201, 9)
				w.attend(at.Add(time.Minute), &person{name: name}, from, fingerprint(3), .3)
			}
		}, true},
		{"everybody asks for a new password after failing", func(w *site) {
			for i := range 1500 {
				p := &w.people[i%len(w.people)]
				at := w.at.Add(time.Duration(i) * 2 * time.Second)
				w.call(at, w.where(p), fingerprint(p.programs[0]), p.name, 401, 9)
				w.call(at.Add(time.Minute), w.where(p), fingerprint(p.programs[0]), p.name, 202, 0)
				w.call(at.Add(time.Hour), w.where(p), fingerprint(p.programs[0]), p.name, 200, 9)
			}
		}, true},
		{"a holiday: a tenth of the people", func(w *site) { w.perMin /= 10 }, false},
		{"a sale: five times the people", func(w *site) { w.perMin *= 5 }, true},
		{"people travel: everybody from networks never seen", func(w *site) {
			w.everyone(w.at, 800, .12, func(*person) netip.Addr {
				return netip.AddrFrom4([4]byte{byte(60 + w.rng.IntN(90)), byte(w.rng.IntN(256)), byte(w.rng.IntN(256)), 5})
			})
		}, true},
	}
	for _, thing := range things {
		t.Run(thing.name, func(t *testing.T) {
			t.Run("known", func(t *testing.T) {
				w := warmSite(20)
				w.run(9*time.Hour, nil)
				thing.happen(w)
				w.run(30*time.Hour, nil)
				w.silent(t)
			})
			t.Run("first day", func(t *testing.T) {
				if !thing.cold {
					t.Skip("nothing to tell from on the first day")
				}
				w := newSite(21, 3000, 20)
				w.run(9*time.Hour, nil)
				thing.happen(w)
				w.run(8*time.Hour, nil)
				w.silent(t)
			})
		})
	}
}

func nmOf(stem string, n int) string { return stem + string(rune('a'+n/26)) + string(rune('a'+n%26)) }

// Behind a proxy that is not trusted everybody has its address: that says
// nothing about anybody, so that an attack through it is found.
func TestBehindAProxyThatIsNotTrusted(t *testing.T) {
	w := newSite(22, 1500, 15)
	w.cdn = true
	w.run(4*24*time.Hour, nil)
	w.silent(t)
	if len(w.stage.crowds) == 0 {
		t.Error("the network of the proxy is taken for somebody's own")
	}
	a := &attack{perMin: .4, program: always(900)}
	w.run(12*time.Hour, func(at time.Time) bool { a.minute(w, at); return true })
	if c, _, _ := w.stage.bins.Get(binKey(w.place(), program, hashOf(fingerprint(900)))).best(); float64(c.S) < detect.Medium {
		t.Errorf("evidence of %.1f against %d attempts through the proxy", c.S, a.tried)
	}
}

func (w *site) place() (key uint64) {
	w.stage.places.Each(func(k uint64, _ int64, _ *place) bool { key = k; return false })
	return key
}

func hashOf(fp string) uint64 { return state.Hash(1, fp) | 1 }
