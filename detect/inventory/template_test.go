package inventory

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/event"
)

var syllables = []string{"ka", "ri", "to", "men", "sol", "va", "ne", "dor", "lu", "pi", "qua", "zen", "ho", "bra", "mi", "tek"}

// name makes a different plain word of every number.
func name(i int) string {
	b := strings.Builder{}
	for range 4 {
		b.WriteString(syllables[i%len(syllables)])
		i /= len(syllables)
	}
	return b.String()
}

// A vocabulary is how one API spells its identifiers.
type vocabulary struct {
	name   string
	prefix string
	nouns  []string
	id     func(r *rand.Rand, i int) string
}

var vocabularies = []vocabulary{
	{"numbers", "/api/v1", []string{"orders", "users", "invoices", "carts"}, func(_ *rand.Rand, i int) string { return fmt.Sprint(1000 + i) }},
	{"uuids", "", []string{"konten", "buchungen", "kunden"}, func(r *rand.Rand, _ int) string {
		return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", r.Uint32(), r.Uint32()&0xffff, r.Uint32()&0xfff, r.Uint32()&0xfff, r.Uint64()&0xffffffffffff)
	}},
	{"names", "/rest", []string{"utilisateurs", "equipes", "depots"}, func(_ *rand.Rand, i int) string { return name(i) }},
	{"slugs", "/v3", []string{"artigos", "produtos", "lojas"}, func(_ *rand.Rand, i int) string { return name(i) + "-" + name(i*7+3) }},
	{"codes", "/svc", []string{"flights", "tickets", "parcels"}, func(_ *rand.Rand, i int) string { return fmt.Sprintf("%c%c%04d", 'A'+i%26, 'A'+i/26%26, i*37%10000) }},
	{"prefixed", "/v1", []string{"customers", "charges"}, func(r *rand.Rand, _ int) string { return fmt.Sprintf("cus_9s%08xZ", r.Uint32()) }},
	{"objectids", "/api/2", []string{"posts", "comments"}, func(r *rand.Rand, _ int) string { return fmt.Sprintf("5f%06x%016x", r.Uint32()&0xffffff, r.Uint64()) }},
}

type truthCall struct{ method, path, template string }

// traffic plays an API of the vocabulary: lists, items, items of items, verbs
// on items, and literals beside the parameter.
func (v *vocabulary) traffic(r *rand.Rand, calls int) []truthCall {
	var out []truthCall
	for range calls {
		i := r.IntN(300)
		k := r.IntN(len(v.nouns))
		noun := v.nouns[k]
		base := v.prefix + "/" + noun
		item := base + "/" + v.id(r, i)
		switch r.IntN(8) {
		case 0:
			out = append(out, truthCall{"GET", base, base})
		case 1:
			out = append(out, truthCall{"POST", base, base})
		case 2, 3:
			out = append(out, truthCall{"GET", item, base + "/{id}"})
		case 4:
			out = append(out, truthCall{"PUT", item, base + "/{id}"})
		case 5:
			sub := v.nouns[(k+1)%len(v.nouns)]
			out = append(out, truthCall{"GET", item + "/" + sub, base + "/{id}/" + sub})
		case 6:
			sub := v.nouns[(k+1)%len(v.nouns)]
			out = append(out, truthCall{"GET", item + "/" + sub + "/" + v.id(r, r.IntN(300)), base + "/{id}/" + sub + "/{id}"})
		case 7:
			out = append(out, truthCall{"GET", v.prefix + "/status/summary", v.prefix + "/status/summary"})
		}
	}
	return out
}

// Grouping F1 over pairs of (method, path) and template: learned from one half
// of the traffic, judged on the other.
func TestTemplatesOfUnseenVocabularies(t *testing.T) {
	for _, v := range vocabularies {
		t.Run(v.name, func(t *testing.T) {
			w := newWorld(t)
			r := rand.New(rand.NewPCG(1, 2))
			play := func(list []truthCall, judge bool) (hits, wrong int) {
				ids := make([]event.ID, len(list))
				for i, c := range list {
					ids[i] = w.call(i%60, c.method, "h", c.path, 200, shape(shapeOf(c.template), c.template+":string", c.method+":int"))
				}
				w.engine.Advance(w.at.Add(time.Second).UnixNano())
				for i, c := range list {
					if judge && w.routes[ids[i]].Template == c.template {
						hits++
					} else if judge {
						wrong++
						if wrong < 4 {
							t.Logf("%s named %s, want %s", c.path, w.routes[ids[i]].Template, c.template)
						}
					}
				}
				return hits, wrong
			}
			play(v.traffic(r, 6000), false)
			w.at = w.at.Add(3 * time.Minute)
			hits, wrong := play(v.traffic(r, 4000), true)
			f1 := float64(hits) / float64(hits+wrong) // one name given for one true name: precision is recall
			t.Logf("F1 %.4f", f1)
			if f1 < 0.995 {
				t.Errorf("F1 %.4f, want .995", f1)
			}
			rows := w.close()
			for _, row := range rows {
				if row.State != event.StateNew {
					t.Errorf("%s %s is %s", row.Method, row.Route, row.State)
				}
			}
			want := map[string]bool{}
			for _, c := range v.traffic(rand.New(rand.NewPCG(3, 4)), 4000) {
				want[c.method+" "+c.template] = true
			}
			for _, row := range rows {
				if !want[row.Method+" "+row.Route] {
					t.Errorf("row %s %s is no endpoint", row.Method, row.Route)
				}
			}
			if len(rows) != len(want) {
				t.Errorf("%d rows, want %d", len(rows), len(want))
			}
		})
	}
}

func shapeOf(template string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(template) {
		h = (h ^ uint64(template[i])) * 1099511628211
	}
	return h
}

// An API of many verbs at one place is not a parameter.
func TestManyLiteralsStay(t *testing.T) {
	for _, log := range []bool{false, true} {
		w := newWorld(t)
		var verbs []string
		for i := range 60 {
			verbs = append(verbs, name(i*31))
		}
		for i := range 3000 {
			verb := verbs[i*7919%len(verbs)]
			opts := []option{shape(shapeOf(verb), verb+"A:int", verb+"B:string", "ok:bool")}
			if log {
				opts = append(opts, fromLog)
			}
			w.call(i%40, "GET", "h", "/rpc/"+verb, 200, opts...)
		}
		if rows := w.close(); len(rows) != len(verbs) {
			t.Errorf("log %v: %d rows, want %d:\n%s", log, len(rows), len(verbs), table(rows))
		}
	}
}

func TestLiteralWithItsOwnSignatureStays(t *testing.T) {
	w := newWorld(t)
	for i := range 400 {
		w.call(i%30, "GET", "h", "/users/"+name(i%120), 200, shape(5, "name:string", "bio:string", "joined:string"))
		w.call(i%30, "GET", "h", "/users/me", 200, shape(6, "email:string", "settings.theme:string", "tokens[].id:int"))
	}
	if got := table(w.close()); got != "GET h/users/me new\nGET h/users/{id} new\n" {
		t.Errorf("inventory:\n%s", got)
	}
}

func TestMergeKeepsKeysAndTakesEffectLater(t *testing.T) {
	w := newWorld(t)
	old := w.call(1, "GET", "h", "/users/"+name(0), 200)
	for i := range 40 {
		w.call(i%9, "GET", "h", "/users/"+name(i), 200)
	}
	before := w.call(1, "GET", "h", "/users/"+name(0), 200)
	w.at = w.at.Add(3 * time.Minute)
	after := w.call(1, "GET", "h", "/users/"+name(0), 200)
	w.close()
	if w.routes[before].Key != w.routes[old].Key {
		t.Error("the route changed before its time")
	}
	if w.routes[after].Template != "/users/{id}" {
		t.Errorf("template %q after the merge", w.routes[after].Template)
	}
	if got := w.stage.Canonical(w.routes[old].Key); got != w.routes[after].Key {
		t.Errorf("old key leads to %x, want %x", got, w.routes[after].Key)
	}
}

func TestRouteKeys(t *testing.T) {
	w := newWorld(t)
	get := w.call(1, "GET", "h", "/a/1", 200)
	head := w.call(1, "HEAD", "h", "/a/2", 200)
	post := w.call(1, "POST", "h", "/a/3", 200)
	other := w.call(1, "GET", "g", "/a/1", 200)
	limbo := w.call(1, "GET", "h", "/never/x", 404)
	w.close()
	r := w.routes
	if r[get].Key != r[head].Key || r[get].Key == r[post].Key || r[get].Key == r[other].Key || r[get].Family != r[post].Family {
		t.Errorf("keys: get %x head %x post %x other host %x", r[get].Key, r[head].Key, r[post].Key, r[other].Key)
	}
	if r[limbo].Standing != detect.Limbo || r[limbo].Template != "/never/x" || r[limbo].Confirmed {
		t.Errorf("missing path: %+v", r[limbo])
	}
}

// Many small answers have the same size by chance. That is no soft 404.
func TestPeopleOfTheSameSize(t *testing.T) {
	for _, log := range []bool{false, true} {
		w := newWorld(t)
		w.step = 20 * time.Millisecond
		for i := range 1500 {
			opts := []option{bytes(int64(90 + i*7919%12))}
			if log {
				opts = append(opts, fromLog)
			}
			w.call(i, "GET", "h", "/users/"+name(i), 200, opts...)
		}
		if got := table(w.close()); got != "GET h/users/{id} new\n" {
			t.Errorf("log %v, inventory:\n%s", log, got[:min(len(got), 400)])
		}
	}
}
