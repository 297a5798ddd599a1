package rules

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	yaml "github.com/oasdiff/yaml3"

	"lapwing/detect"
	"lapwing/event"
)

const (
	// maxExampleCalls of one example, repetitions counted.
	maxExampleCalls = 20_000
	// anyNumber of alerts is what "expect: fire" wants.
	anyNumber = -1
)

// An ExampleCall is one call of an example, with what detection would know of it.
type ExampleCall struct {
	Call    event.Call
	Network detect.Network
	Login   *detect.Login
}

// exampleStart is when examples begin that give no times: a Monday morning.
var exampleStart = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// examples reads the examples of a rule.
func (d *document) examples(r *Rule, m *mapping) {
	n := m.keys["examples"]
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) > maxExamples {
		d.fail(n, "examples is a list of at most %d", maxExamples)
		return
	}
	for i, e := range n.Content {
		em := d.mapping(e, "an example", "name", "calls", "expect", "entity")
		x := Example{Name: em.text("name", 200), Entity: em.text("entity", 500), Line: e.Line}
		if x.Name == "" {
			x.Name = "example " + strconv.Itoa(i+1)
		}
		switch expect := em.text("expect", 20); expect {
		case "fire":
			x.Alerts = anyNumber
		case "none":
		default:
			n, err := strconv.Atoi(expect)
			if err != nil || n < 0 {
				d.fail(em.at("expect"), "expect is fire, none or a number of alerts")
			}
			x.Alerts = n
		}
		calls := em.at("calls")
		if calls == em.node || calls.Kind != yaml.SequenceNode {
			d.fail(calls, "calls is a list of calls")
			continue
		}
		at := exampleStart
		for _, c := range calls.Content {
			at = d.exampleCall(&x, c, at)
		}
		r.Examples = append(r.Examples, x)
	}
}

// exampleCall adds a call as often as it repeats, and returns when the next may
// begin.
func (d *document) exampleCall(x *Example, n *yaml.Node, at time.Time) time.Time {
	m := d.mapping(n, "a call")
	times := m.integer("repeat", 1, maxExampleCalls, 1)
	after := time.Second
	if m.has("after") {
		v, err := time.ParseDuration(m.keys["after"].Value)
		if after = v; err != nil || v < 0 {
			d.fail(m.keys["after"], "after is how long after the call before, such as 100ms")
		}
	}
	var tree map[string]any
	if err := n.Decode(&tree); err != nil {
		d.fail(n, "%s", strings.ReplaceAll(err.Error(), "\n", " "))
		return at
	}
	network, login := exampleFacts(d, m)
	for _, key := range []string{"repeat", "after", "network", "login"} {
		delete(tree, key)
	}
	if len(x.Calls)+times > maxExampleCalls {
		d.fail(n, "an example has more than %d calls", maxExampleCalls)
		return at
	}
	for i := range times {
		c, err := exampleOf(tree, i+1, len(x.Calls)+1, at)
		if err != nil {
			d.fail(n, "%v", err)
			return at
		}
		x.Calls = append(x.Calls, ExampleCall{Call: *c, Network: network, Login: login})
		at = c.Time.Add(after)
	}
	return at
}

// exampleOf makes the n-th repetition of a call: {n} in its texts is that number.
func exampleOf(tree map[string]any, n, index int, at time.Time) (*event.Call, error) {
	filled, _ := numbered(tree, strconv.Itoa(n)).(map[string]any)
	for key, otherwise := range map[string]any{
		"time": at.Format(time.RFC3339Nano), "client": "192.0.2.1", "method": "GET", "host": "api.example", "path": "/", "status": 200, "source": "packet", "sensor": "example",
		"id": event.MakeID(uint64(index), 1).String(),
	} {
		if _, ok := filled[key]; !ok {
			filled[key] = otherwise
		}
	}
	data, err := json.Marshal(filled)
	if err != nil {
		return nil, err
	}
	var known map[string]json.RawMessage
	if err := json.Unmarshal(data, &known); err != nil {
		return nil, err
	}
	for key := range known {
		if !contains(callKeys, key) {
			return nil, fmt.Errorf("a call has no field %q", key)
		}
	}
	c := &event.Call{}
	if err := c.UnmarshalJSON(data); err != nil {
		return nil, err
	}
	if c.Actor.Kind == "" {
		c.Actor = event.Actor{Kind: event.KindClient, Value: c.Client.String()}
		if c.User != "" {
			c.Actor = event.Actor{Kind: event.KindUser, Value: c.User}
		} else if c.Token != "" {
			c.Actor = event.Actor{Kind: event.KindToken, Value: c.Token}
		}
	}
	if c.Path, c.Query, _ = cutQuery(c.Path, c.Query); c.PathShape == "" {
		c.PathShape = c.Path
	}
	return c, nil
}

// cutQuery lets an example write the query behind the path.
func cutQuery(path, query string) (string, string, bool) {
	if query != "" {
		return path, query, false
	}
	return strings.Cut(path, "?")
}

// callKeys are the fields of a call, as in its JSON.
var callKeys = []string{"id", "time", "duration_ms", "sensor", "source", "client", "client_port", "peer", "server", "server_port", "scheme", "protocol",
	"method", "host", "path", "query", "route", "operation", "status", "request_bytes", "response_bytes", "user_agent", "referer", "actor", "user", "tenant",
	"token", "account", "path_shape", "auth", "fingerprint", "ids", "shape", "sensitive", "gap", "flags"}

// numbered replaces {n} in all texts of a tree.
func numbered(v any, n string) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "{n}", n)
	case map[string]any:
		out := make(map[string]any, len(v)+10)
		for k, e := range v {
			out[k] = numbered(e, n)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = numbered(e, n)
		}
		return out
	case time.Time: // an unquoted time
		return v.Format(time.RFC3339Nano)
	}
	return v
}

// exampleFacts reads what detection would know of a call.
func exampleFacts(d *document, m *mapping) (network detect.Network, login *detect.Login) {
	if n := m.keys["network"]; n != nil {
		nm := d.mapping(n, "network", "asn", "country", "class")
		network.ASN = uint32(nm.integer("asn", 0, 1<<32-1, 0))
		if c := nm.text("country", 2); len(c) == 2 {
			network.Country = [2]byte{c[0], c[1]}
		}
		if word := nm.text("class", 20); word != "" {
			class, ok := detect.ParseNetworkClass(word)
			if network.Class = class; !ok {
				d.fail(nm.at("class"), "class is residential, mobile, hosting, business, education or anonymizer")
			}
		}
	}
	if n := m.keys["login"]; n != nil {
		lm := d.mapping(n, "login", "class", "outcome")
		login = &detect.Login{Confidence: 1}
		login.Class = detect.LoginClass(word(d, lm, "class", loginClasses[:], 1))
		login.Outcome = detect.LoginOutcome(word(d, lm, "outcome", loginOutcomes[:], 0))
	}
	return network, login
}

func word(d *document, m *mapping, key string, words []string, otherwise int) int {
	s := m.text(key, 20)
	if s == "" {
		return otherwise
	}
	for i, w := range words {
		if w == s {
			return i
		}
	}
	d.fail(m.at(key), "%s is one of %s", key, strings.Join(words, ", "))
	return otherwise
}

// A Result is how one example went.
type Result struct {
	Rule    string `json:"rule"`
	Example string `json:"example"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Pass    bool   `json:"pass"`
	Want    string `json:"want"`
	Got     string `json:"got"`
}

// Test runs all examples of the rules in s, each against its rule alone.
func (s *Set) Test() ([]Result, error) {
	var list []Result
	for _, r := range s.Rules() {
		for i := range r.Examples {
			x := &r.Examples[i]
			alerts, err := r.run(x)
			if err != nil {
				return nil, err
			}
			list = append(list, x.judge(r, alerts))
		}
	}
	return list, nil
}

func (x *Example) judge(r *Rule, alerts []event.Alert) Result {
	res := Result{Rule: r.ID, Example: x.Name, File: r.File, Line: x.Line, Want: "no alert", Got: "no alert"}
	switch {
	case x.Alerts == anyNumber:
		res.Want, res.Pass = "an alert", len(alerts) > 0
	case x.Alerts > 0:
		res.Want, res.Pass = fmt.Sprintf("%d alerts", x.Alerts), len(alerts) == x.Alerts
	default:
		res.Pass = len(alerts) == 0
	}
	var about []string
	for _, a := range alerts {
		about = append(about, a.Entity.Value)
	}
	if len(alerts) > 0 {
		res.Got = fmt.Sprintf("%d about %s", len(alerts), shown(strings.Join(about, ", ")))
	}
	if x.Entity != "" {
		res.Want += " about " + x.Entity
		res.Pass = res.Pass && contains(about, x.Entity)
	}
	return res
}

// run shows the calls of an example to the rule, in an engine that knows of
// them what the example says, and returns the alerts in their last revision.
func (r *Rule) run(x *Example) ([]event.Alert, error) {
	set, err := NewSet([]*Rule{r})
	if err != nil {
		return nil, err
	}
	known := &given{byID: make(map[event.ID]*ExampleCall, len(x.Calls))}
	index, alerts := map[string]int{}, []event.Alert(nil)
	e := detect.New(detect.Config{Sensor: "example"}, func(a event.Alert) {
		if i, ok := index[a.ID]; ok {
			alerts[i] = a
			return
		}
		index[a.ID] = len(alerts)
		alerts = append(alerts, a)
	}, known, New(NewLive(set), 0))
	for i := range x.Calls {
		c := &x.Calls[i]
		known.byID[c.Call.ID] = c
		e.Observe(&c.Call)
	}
	e.Close()
	return alerts, nil
}

// given stands for the models of detection: it knows what the example says.
type given struct {
	detect.NoFacts
	detect.NoAdvance
	detect.NoClose
	byID map[event.ID]*ExampleCall
}

func (*given) Name() string { return "given" }

func (g *given) Observe(o *detect.Observation, _ *detect.Output) {
	x := g.byID[o.Call.ID]
	if x == nil {
		return
	}
	if o.Route.Template = o.Call.Route; o.Route.Template == "" {
		o.Route.Template = o.Call.PathShape
	}
	o.Network, o.Login = x.Network, x.Login
}
