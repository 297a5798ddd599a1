package pollution_test

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/objects"
	"lapwing/detect/pollution"
	"lapwing/detect/snapshot/snapshottest"
	"lapwing/detect/state"
	"lapwing/event"
)

// A desk is an API in which everybody has orders, and asks for them.
type desk struct {
	at    time.Time
	calls []*event.Call
}

func (d *desk) call(who, method, path string, flags event.Flags, query, body, answer []string) {
	d.at = d.at.Add(2 * time.Second)
	c := &event.Call{
		ID: event.MakeID(uint64(len(d.calls)+1), 4), Time: d.at, Duration: 15 * time.Millisecond, Client: netip.MustParseAddr("10.0.0.1"),
		Method: method, Host: "api.test", Path: path, Status: 200, Fingerprint: "app", Flags: flags, Actor: event.Actor{Kind: event.KindUser, Value: who},
	}
	c.Shape.Response.Type = "json"
	shape := strings.Split(path, "/")
	for i, seg := range shape {
		if n, err := strconv.ParseInt(seg, 10, 64); err == nil {
			c.IDs = append(c.IDs, event.IDRef{In: event.InPath, Name: strconv.Itoa(i), Class: event.ClassInt, Int: n, Hash: state.Hash(9, seg)})
			shape[i] = "{int}"
		}
	}
	c.PathShape = strings.Join(shape, "/")
	add := func(response bool, in event.Place, list []string) {
		for _, kv := range list {
			k, v, _ := strings.Cut(kv, "=")
			n, _ := strconv.ParseInt(v, 10, 64)
			c.IDs = append(c.IDs, event.IDRef{Response: response, In: in, Name: k, Class: event.ClassInt, Int: n, Hash: state.Hash(9, v)})
		}
	}
	add(false, event.InQuery, query)
	add(false, event.InBody, body)
	add(true, event.InBody, answer)
	d.calls = append(d.calls, c)
}

// orders of user u are 1000+10u … 1009+10u.
func (d *desk) list(u int) {
	var ids []string
	for k := range 10 {
		ids = append(ids, fmt.Sprintf("[].id=%d", 1000+10*u+k))
	}
	d.call(fmt.Sprint("user", u), "GET", "/orders", 0, nil, nil, ids)
}

func newDesk(users int) *desk {
	d := &desk{at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	for u := range users {
		d.list(u)
		for k := range 4 {
			id := 1000 + 10*u + k
			d.call(fmt.Sprint("user", u), "GET", fmt.Sprintf("/orders/%d", id), 0, nil, nil, []string{fmt.Sprintf("id=%d", id)})
		}
	}
	return d
}

type routes struct {
	detect.NoFacts
	detect.NoAdvance
	detect.NoClose
}

func (routes) Name() string { return "inventory" }
func (routes) Observe(o *detect.Observation, _ *detect.Output) {
	t := strings.ReplaceAll(o.Call.PathShape, "{int}", "{id}")
	o.Route = detect.Route{Family: state.Hash(1, t), Key: state.Hash(1, o.Call.Method+t), Template: t, Standing: detect.Established}
}

func engine(emit func(event.Alert)) *detect.Engine {
	return detect.New(detect.Config{Sensor: "t", Seed: 7}, emit, routes{}, objects.New(7), pollution.New(7))
}

func judge(t *testing.T, calls []*event.Call) (found *event.Alert, n int) {
	t.Helper()
	var alerts []event.Alert
	e := engine(func(a event.Alert) { alerts = append(alerts, a) })
	for _, c := range calls {
		e.Observe(c)
	}
	e.Close()
	for i := range alerts {
		a := &alerts[i]
		if a.Detector != "parameter_pollution" {
			continue
		}
		if n++; found == nil || true {
			found = a
		}
		sum := 0.0
		for _, f := range a.Evidence.Features {
			sum += f.Contribution
		}
		if math.Abs(sum-a.Evidence.ScoreLog10) > 1e-9 || len(a.Evidence.Calls) == 0 || len(a.Benign) != 2 {
			t.Errorf("incomplete: %+v", a)
		}
		rest := strings.NewReplacer(a.Entity.Value, "", a.Endpoint.Route, "", a.Endpoint.Host, "").Replace(a.Summary)
		for _, word := range strings.FieldsFunc(rest, func(r rune) bool { return r < '0' || r > '9' }) {
			number, _ := strconv.ParseInt(word, 10, 64)
			ok := false
			for _, v := range a.Counts {
				ok = ok || v == number
			}
			if !ok {
				t.Errorf("%d in %q is no field", number, a.Summary)
			}
		}
	}
	if !testing.Short() {
		if err := snapshottest.Interrupted(calls, engine); err != nil {
			t.Error(err)
		}
	}
	return found, n
}

// Three to five objects of others, whatever the form and the pace.
func TestSecondObjectIsAnswered(t *testing.T) {
	send := map[string]func(d *desk, own, theirs int){
		"path and query": func(d *desk, own, theirs int) {
			d.call("mallory", "GET", fmt.Sprintf("/orders/%d", own), 0, []string{fmt.Sprintf("order_id=%d", theirs)}, nil, []string{fmt.Sprintf("id=%d", theirs)})
		},
		"path and plain id": func(d *desk, own, theirs int) {
			d.call("mallory", "GET", fmt.Sprintf("/orders/%d", own), 0, []string{fmt.Sprintf("id=%d", theirs)}, nil, []string{fmt.Sprintf("id=%d", theirs)})
		},
		"path and body": func(d *desk, own, theirs int) {
			d.call("mallory", "POST", fmt.Sprintf("/orders/%d", own), 0, nil, []string{fmt.Sprintf("orderId=%d", theirs)}, []string{fmt.Sprintf("data.id=%d", theirs)})
		},
		"case": func(d *desk, own, theirs int) {
			d.call("mallory", "GET", fmt.Sprintf("/orders/%d", own), 0, []string{fmt.Sprintf("ORDER-ID=%d", theirs)}, nil, []string{fmt.Sprintf("id=%d", theirs)})
		},
		"array": func(d *desk, own, theirs int) {
			d.call("mallory", "GET", fmt.Sprintf("/orders/%d", own), 0, []string{fmt.Sprintf("id[]=%d", theirs)}, nil, []string{fmt.Sprintf("id=%d", theirs)})
		},
	}
	for name, send := range send {
		for _, pause := range []time.Duration{0, 20 * time.Hour} {
			t.Run(fmt.Sprint(name, pause), func(t *testing.T) {
				d := newDesk(60)
				d.list(500)
				for i := range 12 {
					send(d, 6000+i%4, 1000+37*i%600)
					d.at = d.at.Add(pause)
				}
				a, _ := judge(t, d.calls)
				if a == nil || a.Entity.Value != "mallory" || a.Severity != event.High || a.Outcome != event.OutcomeSucceeded {
					t.Fatalf("got %+v", a)
				}
				first := 0
				for n := 1; n <= 12 && first == 0; n++ {
					e := engine(func(b event.Alert) {
						if b.Detector == "parameter_pollution" {
							first = n
						}
					})
					for _, c := range d.calls[:len(d.calls)-12+n] {
						e.Observe(c)
					}
					e.Close()
				}
				if first > 4 {
					t.Errorf("found after %d", first)
				}
			})
		}
	}
}

func TestTwiceInOnePlace(t *testing.T) {
	for name, tc := range map[string]struct {
		flags event.Flags
		query bool
		found bool
	}{"query": {0, true, true}, "duplicate key": {event.FlagDuplicateKeys, false, true}, "elements": {0, false, false}} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(60)
			for u := range 60 {
				id := fmt.Sprintf("id=%d", 1000+10*u)
				for range 4 {
					d.call(fmt.Sprint("user", u), "POST", "/orders/find", 0, nil, []string{id}, []string{id})
				}
			}
			for i := range 12 {
				own, theirs := fmt.Sprintf("id=%d", 6000+i), fmt.Sprintf("id=%d", 1000+37*i)
				if tc.query {
					d.call("mallory", "GET", "/orders/find", tc.flags, []string{own, theirs}, nil, []string{theirs})
				} else {
					d.call("mallory", "POST", "/orders/find", tc.flags, nil, []string{own, theirs}, []string{theirs})
				}
			}
			if a, _ := judge(t, d.calls); (a != nil) != tc.found {
				t.Errorf("got %+v", a)
			}
		})
	}
}

func TestHarmlessSeconds(t *testing.T) {
	for name, write := range map[string]func(d *desk, u int){
		"the same again": func(d *desk, u int) {
			id := fmt.Sprint(1000 + 10*u)
			d.call(fmt.Sprint("user", u), "PUT", "/orders/"+id, 0, nil, []string{"id=" + id}, []string{"id=" + id})
		},
		"something else": func(d *desk, u int) {
			id := fmt.Sprint(1000 + 10*u)
			d.call(fmt.Sprint("user", u), "PATCH", "/orders/"+id, 0, nil, []string{"customer_id=77", "items[].order_id=5"}, []string{"id=" + id})
		},
		"everybody does": func(d *desk, u int) { // friends of a user, named by user_id
			for k := range 8 {
				d.call(fmt.Sprint("user", u), "POST", fmt.Sprintf("/users/%d/friends", 100+u), 0, nil, []string{fmt.Sprintf("user_id=%d", 200+8*u+k)},
					[]string{fmt.Sprintf("user_id=%d", 200+8*u+k)})
			}
		},
		"a filter of few": func(d *desk, u int) {
			if u%40 != 0 {
				return
			}
			for k := range 10 {
				d.call(fmt.Sprint("user", u), "GET", fmt.Sprintf("/orders/%d", 1000+10*u+k), 0, []string{fmt.Sprintf("order_id=%d", 1000+10*u+9-k)}, nil, []string{fmt.Sprintf("id=%d", 1000+10*u+k)})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(80)
			for u := range 80 {
				write(d, u)
			}
			if a, _ := judge(t, d.calls); a != nil && a.Severity >= event.Medium {
				t.Errorf("%s", a.Summary)
			}
		})
	}
}
