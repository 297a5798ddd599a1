package simulate

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// small is a world that is quick to run: few people who seldom come. Each
// scenario has an application of its own.
func small(ch Choice) Options {
	seed, _ := strconv.ParseUint(ch.ID[1:], 10, 64)
	return Options{Seed: seed, Users: 60, Rate: .03, Scenarios: []Choice{ch}}
}

// An observed run is what a part looked like from outside.
type observed struct {
	w       *World
	part    Part
	calls   int64
	harm    int64
	agents  map[string]bool
	callers map[netip.Addr]bool
	statics *statics
}

func observe(t *testing.T, o Options) *observed {
	t.Helper()
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ob := &observed{w: w, agents: map[string]bool{}, callers: map[netip.Addr]bool{}, statics: newStatics()}
	err = w.Run(t.Context(), func(e *Exchange) error {
		if e.Part != 1 {
			return nil
		}
		ob.calls++
		ob.harm += int64(e.Harm)
		ob.callers[e.Caller] = true
		for _, h := range e.RequestHeaders {
			if strings.EqualFold(h.Name, "User-Agent") {
				ob.agents[h.Value] = true
			}
		}
		if level := o.Scenarios[0].Level; level > "L2" || o.Scenarios[0].Twin {
			return nil // static rules are meant for the others
		}
		path, _, _ := strings.Cut(e.Target, "?")
		secret, user := w.attempt(e, path)
		x := *e
		x.Peer = netip.AddrPortFrom(e.Caller, 1) // rules look behind trusted proxies
		ob.statics.see(&x, path, secret, e.Harm == 0 && !w.entered(e), user)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ob.part = w.Truth().Parts[0]
	return ob
}

// attempt reports whether an exchange presents a secret, and for whom.
func (w *World) attempt(e *Exchange, path string) (secret bool, user string) {
	op, _, _ := w.app.route(e.Method, path)
	body := string(e.RequestBody)
	if op == nil || w.app.style.api != apiREST {
		for _, o := range w.app.ops { // GraphQL and RPC name the operation in the body
			if o.login != "" && (o.title != "" && strings.Contains(body, `"operationName":"`+o.title+`"`) || o.name != "" && strings.Contains(body, `"method":"`+o.name+`"`)) {
				op = o
			}
		}
	}
	if op == nil || op.login != "password" && op.login != "mfa" && op.login != "reset" {
		return false, ""
	}
	if form, err := url.ParseQuery(body); err == nil && !strings.HasPrefix(body, "{") {
		for _, name := range []string{"username", w.app.loginField()} {
			if v := form.Get(name); v != "" {
				return true, v
			}
		}
	}
	for _, name := range []string{w.app.loginField(), "username", "challenge"} {
		if i := strings.Index(body, `"`+name+`":"`); i >= 0 {
			v, _, _ := strings.Cut(body[i+len(name)+4:], `"`)
			return true, v
		}
	}
	for _, h := range e.RequestHeaders {
		if h.Name == "Authorization" {
			return true, h.Value
		}
	}
	return true, body
}

// entered reports whether an answer hands out a credential or asks for a code.
func (w *World) entered(e *Exchange) bool {
	body := string(e.ResponseBody)
	for _, h := range e.ResponseHeaders {
		if h.Name == "Set-Cookie" {
			return true
		}
	}
	return strings.Contains(body, `"mfa_required":true`) || strings.Contains(body, "oken\":") || strings.Contains(body, `"changed":true`)
}

// What an alert may be called, and whom it may name.
var (
	detectorNames = list(`credential_stuffing password_spraying brute_force account_takeover user_enumeration token_abuse jwt_weakness auth_posture bola object_enumeration
 scraping parameter_pollution probing bfla data_exposure mass_assignment resource_abuse business_flow_abuse ssrf injection misconfiguration shadow_endpoint
 zombie_endpoint orphan_endpoint unsafe_consumption evasion capture_health`)
	entityKinds = list(`client user account token key session cluster network object endpoint host sensor`)
)

// lucky needs luck, or a host with something to find, to do harm.
var lucky = list(`A06 A07 A08 A09 A10 A29 A30 A31 A33 A37`)

func eachAttack(t *testing.T, f func(t *testing.T, s Scenario, level string)) {
	for _, s := range Scenarios() {
		if s.Attack {
			for _, level := range s.Levels {
				t.Run(s.ID+level, func(t *testing.T) { f(t, s, level) })
			}
		}
	}
}

func TestAttacksHappenAndAreTold(t *testing.T) {
	if testing.Short() {
		t.Skip("a world is one goroutine: the whole test looks at more of them")
	}
	eachAttack(t, func(t *testing.T, s Scenario, level string) {
		ob := observe(t, small(Choice{ID: s.ID, Level: level}))
		p := ob.part
		if s.Twin {
			looksAlike(t, s, ob, observe(t, small(Choice{ID: s.ID, Level: level, Twin: true})))
		}
		if ob.calls < 25 {
			t.Errorf("only %d calls", ob.calls)
		}
		if p.Calls != ob.calls || p.Harm != ob.harm || len(p.Callers) != len(ob.callers) {
			t.Errorf("truth says %d calls, %d harm, %d callers; %d, %d, %d were seen", p.Calls, p.Harm, len(p.Callers), ob.calls, ob.harm, len(ob.callers))
		}
		if !p.Attack || p.Twin || p.Level != level || p.Scenario != s.ID {
			t.Errorf("truth is about another scenario: %s %s attack %v twin %v", p.Scenario, p.Level, p.Attack, p.Twin)
		}
		if p.HarmUnit != "" && p.Harm == 0 && !slices.Contains(lucky, s.ID) {
			t.Errorf("no %s", p.HarmUnit)
		}
		if p.HarmUnit == "" && p.Harm > 0 {
			t.Errorf("%d of what?", p.Harm)
		}
		if len(p.Detectors) == 0 || len(p.Entities) == 0 {
			t.Error("nothing may tell it")
		}
		for _, d := range p.Detectors {
			if !slices.Contains(detectorNames, d) {
				t.Errorf("there is no detector %q", d)
			}
		}
		for _, e := range p.Entities {
			if !slices.Contains(entityKinds, e.Kind) {
				t.Errorf("there is no entity %q", e.Kind)
			}
		}
		if level == "L2" && len(ob.statics.tripped) > 0 {
			t.Errorf("trips static rules: %v", ob.statics.tripped)
		}
		if level == "L1" && slices.Contains(list(`A01 A06 A07 A08 A09 A10 A24 A26 A27 A29 A33 A34`), s.ID) && len(ob.statics.tripped) == 0 {
			t.Error("overt, and yet below all static rules")
		}
		if level == "L4" && s.ID != "A52" && len(ob.callers) < 8 {
			t.Errorf("divided among %d addresses", len(ob.callers))
		}
	})
}

// looksAlike checks that a double has the pace and the spread of its attack,
// and does no harm.
func looksAlike(t *testing.T, s Scenario, attack, twin *observed) {
	t.Helper()
	gathered := list(`A08 A14 A35 A36`)                       // whose harmlessness is that they come from one place
	habits := list(`A01 A02 A03 A04 A05 A06 A13 A24 A26 A27`) // that were there before, and rest in between
	crowds := list(`A01 A02 A03 A04 A05 A13`)                 // of as many people as there are, which are few in a small world
	p := twin.part
	if p.Attack || !p.Twin || p.Harm != 0 || p.HarmUnit != "" || len(p.Detectors)+len(p.Entities) > 0 {
		t.Errorf("the double passes for an attack: %+v", p)
	}
	pace := func(o *observed) float64 { return float64(o.calls) / (o.part.End.Sub(o.part.Start).Seconds() + 1) }
	for _, c := range []struct {
		what         string
		a, b, factor float64
		except       []string
	}{
		{"calls", float64(attack.calls), float64(twin.calls), 6, crowds},
		{"calls a second", pace(attack), pace(twin), 6, habits},
		{"callers", float64(len(attack.callers)), float64(len(twin.callers)), 6, append(gathered, crowds...)},
	} {
		if !slices.Contains(c.except, s.ID) && (c.a > c.factor*c.b || c.b > c.factor*c.a) {
			t.Errorf("%s: attack %.4g, double %.4g", c.what, c.a, c.b)
		}
	}
}

func TestAttacksAreDeterministic(t *testing.T) {
	if testing.Short() {
		t.Skip("a world is one goroutine: the whole test looks at more of them")
	}
	for _, ch := range []Choice{{ID: "A03", Level: "L1"}, {ID: "A01", Level: "L1", Twin: true}, {ID: "A20", Level: "L4"}, {ID: "A35", Level: "L1"}, {ID: "A44", Level: "L1"}} {
		sum := func(seed uint64) string {
			o := small(ch)
			o.Seed = seed
			w, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			h := sha256.New()
			if err := w.Run(t.Context(), func(e *Exchange) error {
				fmt.Fprintln(h, e.AtNS, e.DurationNS, e.Peer, e.Conn, e.Method, e.Target, e.RequestHeaders, e.Status, e.User, e.Part, e.Harm)
				h.Write(e.RequestBody)
				h.Write(e.ResponseBody)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(h, "%+v", *w.Truth())
			return fmt.Sprintf("%x", h.Sum(nil))
		}
		first := sum(5)
		if again := sum(5); again != first {
			t.Errorf("%v: two runs of one seed differ", ch)
		}
		if first == sum(6) {
			t.Errorf("%v: the seed changes nothing", ch)
		}
	}
}

// Nothing beside the deed tells an attacker: addresses come from the networks
// that everybody uses, and tools are those of ordinary machines.
func TestAttackersUseWhatEverybodyUses(t *testing.T) {
	ordinary := map[string]bool{}
	shape := func(headers []Header) string {
		var names []string
		for _, h := range headers {
			switch h.Name {
			case "Authorization", "X-Api-Key", "Cookie", "Content-Type", "Content-Length", "Origin", "Referer", "X-Forwarded-For", "X-Real-IP", "X-Forwarded-Proto", "Connection", "X-Role":
			default:
				names = append(names, h.Name)
			}
		}
		return strings.Join(names, ",")
	}
	ps := newPrograms()
	for _, p := range ps.all {
		w, err := New(Options{Seed: 1, Users: 20, Rate: .01})
		if err != nil {
			t.Fatal(err)
		}
		a := &agent{w: w, rng: newRandom(1, "shape", 0), now: w.startNS}
		c := w.newClient(p, 7, w.net.rent(hosting, a.rng), w.startNS)
		a.client = c
		var x Exchange
		w.write(a, c, &request{op: w.app.config, anonymous: true}, &x)
		ordinary[shape(w.requestHeaders)] = true
	}
	for _, ch := range []Choice{{ID: "A01", Level: "L1"}, {ID: "A03", Level: "L4"}, {ID: "A15", Level: "L4"}, {ID: "A27", Level: "L1"}, {ID: "A29", Level: "L1"}, {ID: "A35", Level: "L1"}} {
		w, err := New(small(ch))
		if err != nil {
			t.Fatal(err)
		}
		nets := w.Networks()
		odd, homeless := 0, 0
		if err := w.Run(t.Context(), func(e *Exchange) error {
			if e.Part != 1 {
				return nil
			}
			if !ordinary[shape(e.RequestHeaders)] {
				if odd++; odd == 1 {
					t.Logf("%v: %s", ch, shape(e.RequestHeaders))
				}
			}
			if !slices.ContainsFunc(nets, func(n Network) bool { return n.Prefix.Contains(e.Caller) }) {
				homeless++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if odd+homeless > 0 {
			t.Errorf("%v: %d calls with header lines of no ordinary program, %d from no network", ch, odd, homeless)
		}
	}
}

// Attackers are added to everyday life; they do not change it.
func TestAttackLeavesEverydayLifeAlone(t *testing.T) {
	everyday := func(list ...Choice) string {
		w, err := New(Options{Seed: 3, Users: 40, Rate: .2, Length: 24 * 3600e9, Scenarios: list})
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		if err := w.Run(t.Context(), func(e *Exchange) error {
			if e.Part == 0 {
				fmt.Fprintln(h, e.AtNS, e.Caller, e.Method, e.Target, e.Status)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", h.Sum(nil))
	}
	alone := everyday()
	for _, ch := range []Choice{{ID: "A29", Level: "L1"}, {ID: "A03", Level: "L2"}, {ID: "A31", Level: "L1"}} {
		if everyday(ch) != alone {
			t.Errorf("%v changes what others do", ch)
		}
	}
}

// The page that lists the attacks is true to the code.
func TestThePageListsEveryAttack(t *testing.T) {
	page, err := os.ReadFile("../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range Scenarios() {
		if s.Attack && !strings.Contains(string(page), "| "+s.ID+" "+s.Name+" |") {
			t.Errorf("docs/simulator.md does not list %s %s", s.ID, s.Name)
		}
		if s.Attack && !strings.Contains(string(page), s.Says) {
			t.Errorf("docs/simulator.md does not say what %s does", s.ID)
		}
	}
}
