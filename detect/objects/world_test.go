package objects_test

import (
	"fmt"
	"hash/fnv"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/objects"
	"lapwing/detect/snapshot/snapshottest"
	"lapwing/event"
)

var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// A world writes calls as a sensor would, and judges them.
type world struct {
	n     int
	at    time.Time
	calls []*event.Call
}

func newWorld() *world { return &world{at: epoch} }

func (w *world) sleep(d time.Duration) { w.at = w.at.Add(d) }

type caller struct {
	kind   event.Kind
	name   string
	client string
	print  string
	tenant string
	log    bool
}

func user(name string) caller {
	h := fnv.New32a()
	h.Write([]byte(name))
	v := h.Sum32()
	return caller{kind: event.KindUser, name: name, client: netip.AddrFrom4([4]byte{10, byte(v >> 16), byte(v >> 8), byte(v)}).String(), print: "app"}
}

func visitor(client string) caller { return caller{client: client, print: "browser"} }

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

func ref(class event.Class, response bool, in event.Place, name, value string) event.IDRef {
	r := event.IDRef{Response: response, In: in, Name: name, Class: class, Hash: hash(value)}
	if class == event.ClassInt {
		r.Int, _ = strconv.ParseInt(value, 10, 64)
	}
	return r
}

func classOf(v string) event.Class {
	if _, err := strconv.ParseInt(v, 10, 64); err == nil {
		return event.ClassInt
	}
	if len(v) == 36 {
		return event.ClassUUID
	}
	return event.ClassNone
}

// call adds one call; ids are "key=value" pairs of its response.
func (w *world) call(who caller, method, path string, status int, ids ...string) *event.Call {
	w.n++
	w.at = w.at.Add(137 * time.Millisecond)
	c := &event.Call{
		ID: event.MakeID(uint64(w.n), 9), Time: w.at, Duration: 20 * time.Millisecond, Client: netip.MustParseAddr(who.client),
		Method: method, Host: "api.test", Path: path, Status: status, Fingerprint: who.print, Tenant: who.tenant,
		Actor: event.Actor{Kind: event.KindClient, Value: who.client},
	}
	if who.kind != "" {
		c.Actor = event.Actor{Kind: who.kind, Value: who.name}
	}
	var shape []string
	for i, seg := range strings.Split(strings.Trim(path, "/"), "/") {
		if class := classOf(seg); class != event.ClassNone {
			c.IDs = append(c.IDs, ref(class, false, event.InPath, strconv.Itoa(i+1), seg))
			seg = "{" + class.String() + "}"
		}
		shape = append(shape, seg)
	}
	c.PathShape = "/" + strings.Join(shape, "/")
	c.Shape.Response.Type = "json"
	if who.log {
		c.Source, c.Shape.Response.Type = event.SourceLog, ""
	} else {
		for _, id := range ids {
			k, v, _ := strings.Cut(id, "=")
			c.IDs = append(c.IDs, ref(classOf(v), true, event.InBody, k, v))
		}
	}
	w.calls = append(w.calls, c)
	return c
}

// list answers with the identifiers from…to of a collection.
func (w *world) list(who caller, path string, from, to int) *event.Call {
	var ids []string
	for i := from; i <= to; i++ {
		ids = append(ids, fmt.Sprintf("[].id=%d", i))
	}
	c := w.call(who, "GET", path, 200, ids...)
	c.Shape.Response.Items = to - from + 1
	return c
}

// routes stands in for the inventory: identifiers are typed at once.
type routes struct {
	detect.NoFacts
	detect.NoAdvance
	detect.NoClose
}

func (routes) Name() string { return "inventory" }
func (routes) Observe(o *detect.Observation, _ *detect.Output) {
	if _, user, ok := strings.Cut(o.Call.Actor.Value, "@"); ok { // as identity would tell
		o.User = hash("user " + user)
	}
	t := strings.NewReplacer("{int}", "{id}", "{uuid}", "{id}").Replace(o.Call.PathShape)
	if strings.HasPrefix(t, "/stories/") {
		t = "/stories/{slug}"
	}
	o.Route = detect.Route{Family: hash(o.Call.Host + t), Key: hash(o.Call.Method + o.Call.Host + t), Template: t, Standing: detect.Established}
}

func judge(calls []*event.Call) (alerts []event.Alert) {
	alerts, _ = judgeBy(objects.New(7), calls)
	return alerts
}

// judgeQuick is judge without the trial of interruptions.
func judgeQuick(calls []*event.Call) (alerts []event.Alert) {
	e := detect.New(detect.Config{Sensor: "t", Seed: 7}, func(a event.Alert) { alerts = append(alerts, a) }, routes{}, objects.New(7))
	for _, c := range calls {
		e.Observe(c)
	}
	e.Close()
	return alerts
}

func judgeBy(stage *objects.Stage, calls []*event.Call) (alerts []event.Alert, stats detect.Stats) {
	e := detect.New(detect.Config{Sensor: "t", Seed: 7}, func(a event.Alert) { alerts = append(alerts, a) }, routes{}, stage)
	for _, c := range calls {
		e.Observe(c)
	}
	e.Close()
	if testing.Short() {
		return alerts, e.Stats()
	}
	if err := snapshottest.Interrupted(calls, func(emit func(event.Alert)) *detect.Engine {
		return detect.New(detect.Config{Sensor: "t", Seed: 7}, emit, routes{}, objects.New(7))
	}); err != nil {
		panic(err)
	}
	return alerts, e.Stats()
}

// last returns the last revision about an entity, of at least a severity.
func last(alerts []event.Alert, detector, entity string) (found *event.Alert) {
	for i := range alerts {
		if alerts[i].Detector == detector && alerts[i].Entity.Value == entity {
			found = &alerts[i]
		}
	}
	return found
}

func silent(t *testing.T, alerts []event.Alert) {
	t.Helper()
	for _, a := range alerts {
		if a.Severity >= event.Medium {
			t.Errorf("%s about %s: %s", a.Detector, a.Entity.Value, a.Summary)
		}
	}
}

// sound checks what must hold of every alert.
func sound(t *testing.T, alerts []event.Alert) {
	t.Helper()
	for _, a := range alerts {
		sum := 0.0
		for _, f := range a.Evidence.Features {
			sum += f.Contribution
		}
		if math.Abs(sum-a.Evidence.ScoreLog10) > 1e-9 {
			t.Errorf("%s: contributions add up to %v, score is %v", a.Detector, sum, a.Evidence.ScoreLog10)
		}
		rest := strings.NewReplacer(a.Entity.Value, "", a.Endpoint.Route, "", a.Endpoint.Host, "").Replace(a.Summary)
		for _, word := range strings.FieldsFunc(rest, func(r rune) bool { return r < '0' || r > '9' }) {
			n, _ := strconv.ParseInt(word, 10, 64)
			ok := false
			for _, v := range a.Counts {
				ok = ok || v == n
			}
			if !ok {
				t.Errorf("%d in %q is no field", n, a.Summary)
			}
		}
		if len(a.Evidence.Calls) == 0 || a.NextStep == "" || a.Hunt == "" || len(a.Benign) != 2 || a.StartedAt.After(a.LastSeenAt) {
			t.Errorf("incomplete alert: %+v", a)
		}
	}
}

// observations fills in what the engine would.
func observations(calls []*event.Call) []detect.Observation {
	out := make([]detect.Observation, len(calls))
	for i, c := range calls {
		o := &out[i]
		*o = detect.Observation{Call: c, AtNS: c.End().UnixNano(), Actor: hash(c.Actor.Value), Source: hash(c.Client.String() + c.Fingerprint), Client: hash(c.Client.String())}
		for j := range c.IDs {
			if !c.IDs[j].Response {
				o.Object = &c.IDs[j]
			}
		}
		routes{}.Observe(o, nil)
	}
	return out
}
