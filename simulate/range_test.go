package simulate

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// The ranges of docs/simulator.md, measured from the exchanges of several
// worlds together, as somebody would who sees only them.
func TestEverydayLifeKeepsItsRanges(t *testing.T) {
	if testing.Short() {
		t.Skip("a world is one goroutine: the whole test looks at more of them")
	}
	var sessions, v6, calls, machine, notFound, logins, failed, reads, untold float64
	class := map[string]float64{}
	var lengths []float64
	perSession := map[string]int{}
	for seed := range uint64(5) {
		app := []string{"shop", "bank", "saas", "travel", "iot"}[seed]
		w, err := New(Options{Seed: seed + 20, App: app, Users: 200, Length: 30 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		nets := w.Networks()
		type visit struct{ first, last int64 }
		open := map[string]*visit{}
		tries := map[string]int64{}
		told := map[string]map[string]bool{}
		var hours [24]float64 // of the first day
		login := w.app.login.template()
		look := func(x *Exchange) error {
			calls++
			if x.AtNS < w.startNS+dayNS {
				hours[(x.AtNS+w.clock.zoneNS)/3600e9%24]++
			}
			person := x.User != "" && !strings.HasPrefix(x.User, "svc-")
			if robot := strings.Contains(strings.ToLower(agentOf(x)), "bot"); !person && (x.User != "" || robot) {
				machine++
			}
			if x.Status == 404 {
				notFound++
			}
			if !person {
				return nil
			}
			if x.Target == login && x.Method == "POST" && (w.app.style.api == apiREST) {
				if x.AtNS-tries[x.User] > 600e9 {
					logins++
					if x.Status >= 400 || strings.Contains(string(x.ResponseBody), "rror") {
						failed++
					}
				}
				tries[x.User] = x.AtNS
			}
			v := open[x.User]
			if v == nil || x.AtNS-v.last > 1800e9 {
				if v != nil {
					lengths = append(lengths, float64(v.last-v.first)/60e9)
				}
				sessions++
				class[classOf(nets, x.Caller)]++
				if x.Caller.Is6() {
					v6++
				}
				v = &visit{x.AtNS, x.AtNS}
				open[x.User] = v
			}
			v.last = x.AtNS
			perSession[x.User]++
			// What a person reads by identifier has been told, or is the person's own.
			if w.app.style.api == apiREST && x.Method == "GET" {
				if op, ids, _ := w.app.route("GET", x.Target); op != nil && op.kind == opGet && op.ids == 1 && op.res.access <= authored {
					reads++
					if !told[x.User][ids[0]] {
						untold++
					}
				}
				if told[x.User] == nil {
					told[x.User] = map[string]bool{}
				}
				for _, f := range strings.FieldsFunc(string(x.ResponseBody), func(r rune) bool { return strings.ContainsRune(`{}[]:,"`, r) }) {
					told[x.User][f] = true
				}
			}
			return nil
		}
		if err := w.Run(t.Context(), look); err != nil {
			t.Fatal(err)
		}
		if ratio := slices.Max(hours[:]) / max(1, slices.Min(hours[:])); ratio < 2 {
			t.Errorf("%s: the busiest hour has only %.1f times the calls of the quietest", app, ratio)
		}
	}
	slices.Sort(lengths)
	within := func(what string, got, low, high float64) {
		t.Logf("%-40s %8.3f", what, got)
		if got < low || got > high {
			t.Errorf("%s: %.3f, want %.3f to %.3f", what, got, low, high)
		}
	}
	within("share of machines", machine/calls, .05, .25)
	within("share of 404", notFound/calls, .0003, .02)
	within("sessions at home", class["residential"]/sessions, .45, .7)
	within("sessions over a carrier", class["mobile"]/sessions, .15, .4)
	within("sessions in offices", class["office"]/sessions, .01, .15)
	within("sessions over a VPN", class["vpn"]/sessions, .01, .06)
	within("sessions from data centres", class["hosting"]/sessions, .005, .04)
	within("IPv6", v6/sessions, .2, .5)
	within("median session, minutes", lengths[len(lengths)/2], 2, 9)
	within("logins in sessions", logins/sessions, .015, .2)
	within("first attempts that fail", failed/max(1, logins), .02, .35)
	within("public objects that nothing told of", untold/max(1, reads), 0, .08)
}

func agentOf(x *Exchange) string {
	for _, h := range x.RequestHeaders {
		if h.Name == "User-Agent" {
			return h.Value
		}
	}
	return ""
}

func classOf(nets []Network, a netip.Addr) string {
	for _, n := range nets {
		if n.Prefix.Contains(a) {
			return n.Class
		}
	}
	return ""
}

// Memory belongs to people and objects: a run ten times as long holds hardly more.
func TestMemoryIsBoundedByPeople(t *testing.T) {
	if testing.Short() {
		t.Skip("a world is one goroutine: the whole test looks at more of them")
	}
	held := func(d time.Duration) int {
		w, err := New(Options{Seed: 2, App: "bank", Users: 60, Length: d})
		if err != nil {
			t.Fatal(err)
		}
		most := 0
		if err := w.Run(t.Context(), func(*Exchange) error {
			n := len(w.queue.heap) + len(w.body) + len(w.app.accounts)
			for _, p := range w.proxies {
				n += len(p[0].conns)
			}
			most = max(most, n)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return most
	}
	if short, long := held(24*time.Hour), held(10*24*time.Hour); float64(long) > 1.5*float64(short) {
		t.Errorf("a day holds %d, ten days hold %d", short, long)
	}
}
