package rules

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr"

	"lapwing/detect"
	"lapwing/event"
)

func testObservation() *detect.Observation {
	c := &event.Call{
		ID: event.MakeID(1, 1), Time: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Duration: 120 * time.Millisecond, Sensor: "edge",
		Client: netip.MustParseAddr("198.51.100.7"), ClientPort: 4711, Method: "POST", Host: "api.shop.example", Path: "/v1/Orders/17",
		Query: "page=2&redirect=http%3A%2F%2Fx", PathShape: "/v1/Orders/{int}", Status: 403, RequestBytes: 17, ResponseBytes: 2048,
		UserAgent: "Mozilla/5.0 Sqlmap/1.7", Actor: event.Actor{Kind: event.KindUser, Value: "nm-abc"}, User: "nm-abc", Auth: event.AuthBearer,
		IDs: []event.IDRef{{In: event.InPath, Name: "3", Class: event.ClassInt, Int: 17, Hash: 9},
			{Response: true, In: event.InBody, Name: "items[].id", Class: event.ClassUUID, Hash: 10}},
		Shape:     event.Shape{Request: event.BodyShape{Type: "json", Keys: []string{"a:int", "role:string"}, Items: 3}},
		Sensitive: event.Sensitive{Response: []string{"email", "iban"}}, Flags: event.FlagDoubleEncoded | event.FlagDuplicateKeys,
	}
	o := &detect.Observation{Call: c, AtNS: c.End().UnixNano(), Route: detect.Route{Template: "/v1/orders/{id}", Confirmed: true}}
	o.Object = &c.IDs[0]
	o.Network = detect.Network{ASN: 64500, Country: [2]byte{'D', 'E'}, Class: detect.NetworkHosting}
	o.Login = &detect.Login{Class: detect.LoginPassword, Outcome: detect.LoginFailure}
	return o
}

// environment is what the language's own machine gets for an observation.
func environment(f *frame) env {
	var e env
	c := f.call
	e.Sensor, e.Source, e.Client, e.ClientPort, e.Method, e.Host, e.Path, e.Query = c.Sensor, c.Source.String(), f.client(), int(c.ClientPort), c.Method, c.Host, c.Path, c.Query
	e.URI, e.Line, e.PathShape, e.Route, e.Status = f.uri(), f.line(), c.PathShape, f.route(), c.Status
	e.RequestBytes, e.ResponseBytes, e.DurationMS, e.UserAgent, e.Referer = int(c.RequestBytes), int(c.ResponseBytes), float64(c.Duration)/1e6, c.UserAgent, c.Referer
	e.Actor = envActor{string(c.Actor.Kind), c.Actor.Value}
	e.User, e.Auth, e.Object, e.Flags = c.User, c.Auth.String(), f.object(), f.flags()
	e.Sensitive.Request, e.Sensitive.Response = c.Sensitive.Request, c.Sensitive.Response
	e.Request = envBody{c.Shape.Request.Type, c.Shape.Request.Keys, c.Shape.Request.Items, c.Shape.Request.Outcome, c.Shape.Request.Location}
	for _, r := range c.IDs {
		e.IDs = append(e.IDs, &envID{r.Response, r.In.String(), r.Name, r.Class.String(), int(r.Int)})
	}
	e.Network.ASN, e.Network.Country, e.Network.Class, e.Network.Prefix = int(f.o.Network.ASN), country(f.o.Network.Country), f.o.Network.Class.String(), f.prefix()
	e.Login.Class, e.Login.Outcome = loginClass(f.o.Login), loginOutcome(f.o.Login)
	e.Endpoint.Confirmed = f.o.Route.Confirmed
	return e
}

func (f *frame) test(o *detect.Observation) *frame { f.begin(o); return f }

func TestExpressions(t *testing.T) {
	f := (&frame{}).test(testObservation())
	for source, want := range map[string]bool{
		`method == "POST" and status in 400..499`:                                  true,
		`method in ["GET", "PUT"] or status == 200`:                                false,
		`status not in [401, 404]`:                                                 true,
		`path startsWith "/v1/" && path endsWith "17"`:                             true,
		`lower(path) contains "orders" and not (path contains "orders")`:           true,
		`user_agent matches "(?i)sqlmap/\\d"`:                                      true,
		`containsAny(lower(user_agent), ["nikto", "sqlmap"])`:                      true,
		`containsAny(referer, ["x"])`:                                              false,
		`containsAny(referer, ["x", ""])`:                                          true,
		`startsWithAny(path, ["/v2", "/v1"]) and endsWithAny(path, [".php", "7"])`: true,
		`cidr(client, "10.0.0.0/8", "198.51.100.0/24")`:                            true,
		`cidr(client, "198.51.100.8")`:                                             false,
		`param("page") == "2" and param("pag") == ""`:                              true,
		`any(ids, .response and .class == "uuid")`:                                 true,
		`count(ids, .in == "path") == 1`:                                           true,
		`all(request.keys, # contains ":")`:                                        true,
		`none(flags, # == "reset")`:                                                true,
		`one(flags, # startsWith "d")`:                                             false,
		`all(sensitive.request, # == "none of these")`:                             true,
		`"iban" in sensitive.response`:                                             true,
		`len(ids) == 2 and len(request.keys) < 3 and len(method) == 4`:             true,
		`response_bytes / request_bytes > 120.4`:                                   true,
		`status % 100 == 3 and -status < -402`:                                     true,
		`duration_ms >= 120 and duration_ms < 120.5`:                               true,
		`endpoint.confirmed == true and !endpoint.documented`:                      true,
		`network.class == "hosting" and network.asn == 64500`:                      true,
		`network.country == "DE" and network.prefix == "198.51.100.0/24"`:          true,
		`login.class == "password" and login.outcome == "failure"`:                 true,
		`route == "/v1/orders/{id}" and object == "17"`:                            true,
		`actor.kind == "user" ? user != "" : client == "x"`:                        true,
		`uri == "/v1/Orders/17?page=2&redirect=http%3A%2F%2Fx"`:                    true,
		`path > "/v1" and method <= "POST"`:                                        true,
	} {
		p, err := compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got := p.holds(f); got != want {
			t.Errorf("%s is %v", source, got)
		}
	}
}

func TestFaultsOfExpressions(t *testing.T) {
	for source, want := range map[string]string{
		``:                                  `1:1: the expression is empty`,
		`method == 7`:                       `1:8: invalid operation`,
		`metod == "GET"`:                    `1:1: unknown name metod`,
		`status`:                            `1:1: expected bool`,
		`method == "GET" and (`:             `1:21:`,
		"method == \"GET\" and\n  stat > 3": `2:3: unknown name stat`,
		`now() > 3`:                         `1:1:`,
		`path matches "("`:                  `1:6: error parsing`,
		`path matches "(?=x)"`:              `1:6: error parsing`,
		`cidr(client, "10.0.0.0/99")`:       `1:1: "10.0.0.0/99" is neither`,
		`actor == actor`:                    `1:1: actor is a group of fields`,
		`any(ids, any(flags, # == "x"))`:    `1:10: any cannot stand inside`,
		`flags[0] == "x"`:                   `1:6: only fields can be named`,
		`param(method) == ""`:               `1:1: param wants`,
		`status % 0 == 1`:                   `1:8: %`,
		`let x = 1; x == 1`:                 `1:5: this is not part of the language`,
		`request?.type == ""`:               `1:`,
		`path + "x" == "y"`:                 `1:6: + stands between two numbers`,
	} {
		_, err := compile(source)
		f := new(fault)
		if !errors.As(err, &f) {
			t.Errorf("%q: %v", source, err)
			continue
		}
		if got := fmt.Sprintf("%d:%d: %s", f.line, f.column, f.message); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, want %s", source, got, want)
		}
	}
}

// random makes an expression of the given kind.
func random(rng *rand.Rand, k kind, depth int) string {
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	sub := func(k kind) string { return random(rng, k, depth-1) }
	leaf := depth <= 0
	switch k {
	case text:
		if leaf || rng.IntN(3) > 0 {
			return pick(`method`, `path`, `query`, `user_agent`, `referer`, `network.class`, `actor.kind`, `route`, `"POST"`, `"o"`, `""`, `"/v1"`, `request.type`)
		}
		return pick(`lower(`+sub(text)+`)`, `(`+sub(truth)+` ? `+sub(text)+` : `+sub(text)+`)`)
	case integer:
		if leaf {
			return pick(`status`, `request_bytes`, `403`, `0`, `17`, `-3`, `network.asn`, `request.items`)
		}
		return pick(`len(`+sub(text)+`)`, `len(flags)`, `(`+sub(integer)+pick(` + `, ` - `, ` * `)+sub(integer)+`)`, `count(ids, .in == "path")`, `(`+sub(integer)+` % 7)`, `-`+sub(integer), `status`)
	case number:
		return pick(`duration_ms`, `1.5`, `(`+random(rng, integer, depth-1)+` / 3)`, `(duration_ms `+pick(`+`, `-`, `*`)+` `+random(rng, integer, depth-1)+`)`)
	}
	if leaf {
		return pick(`true`, `false`, `endpoint.confirmed`, `method == "POST"`, `status > 400`)
	}
	return pick(
		`(`+sub(truth)+` `+pick(`and`, `or`, `&&`, `||`)+` `+sub(truth)+`)`, `not (`+sub(truth)+`)`, `(`+sub(text)+` `+pick(`==`, `!=`, `contains`, `startsWith`, `endsWith`, `<`, `>=`)+` `+sub(text)+`)`,
		`(`+sub(integer)+` `+pick(`==`, `!=`, `<`, `<=`, `>`, `>=`)+` `+pick(sub(integer), sub(number))+`)`, `(`+sub(integer)+` `+pick(`in`, `not in`)+` `+pick(`[1, 403, 17]`, `100..403`)+`)`,
		`(`+sub(text)+` in ["POST", "json", "hosting"])`, `(`+sub(text)+` in flags)`, `any(ids, .class == "uuid" and .response)`, `all(request.keys, # contains "`+pick(":", "a")+`")`,
		`none(flags, # == `+random(rng, text, 0)+`)`, `one(ids, .value > `+random(rng, integer, 0)+`)`, `containsAny(`+sub(text)+`, ["o", "x"])`, `(`+sub(text)+` matches "^[/pP]")`, `cidr(client, "198.51.100.0/24")`,
	)
}

// Compiled expressions say what the language's own machine says.
func TestCompiledAsTheMachine(t *testing.T) {
	f := (&frame{}).test(testObservation())
	e := environment(f)
	rng := rand.New(rand.NewPCG(1, 2))
	true_ := 0
	for range 4000 {
		source := random(rng, truth, 4)
		program, err := expr.Compile(source, options()...)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		want, err := expr.Run(program, e)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		p, err := compile(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		f.begin(f.o)
		if got := p.holds(f); got != want {
			t.Fatalf("%s: compiled %v, machine %v", source, got, want)
		}
		if want == true {
			true_++
		}
	}
	if true_ < 400 || true_ > 3600 {
		t.Errorf("%d of 4000 are true: the test shows little", true_)
	}
}

// Every field that an expression can name has its getter, and the other way round.
func TestFieldsAreTheEnvironment(t *testing.T) {
	for name, f := range fields {
		if f.only {
			continue
		}
		source := name + ` == ""`
		switch {
		case f.integer != nil, f.number != nil:
			source = name + ` == 0`
		case f.truth != nil:
			source = name
		case f.list != nil:
			source = `"x" in ` + name
		}
		if _, err := compile(source); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
	if textFields > 64 {
		t.Errorf("%d text fields do not fit the bits of a frame", textFields)
	}
}

// The steps of a call are bounded whatever its lists hold.
func TestStepsAreBounded(t *testing.T) {
	o := testObservation()
	o.Call.IDs = make([]event.IDRef, 200_000)
	f := (&frame{}).test(o)
	p, err := compile(`none(ids, .class == "uuid")`)
	if err != nil {
		t.Fatal(err)
	}
	if p.holds(f) || f.steps >= 0 {
		t.Errorf("steps left: %d", f.steps)
	}
}

func TestMatchingAllocatesNothing(t *testing.T) {
	p, err := compile(`method == "POST" and status in 400..499 and lower(path) contains "orders" and any(ids, .class == "uuid") and network.country == "DE" and cidr(client, "198.51.100.0/24") and user_agent matches "Sqlmap"`)
	if err != nil {
		t.Fatal(err)
	}
	o := testObservation()
	o.Call.Path = strings.ToLower(o.Call.Path)
	f := &frame{}
	if n := testing.AllocsPerRun(100, func() {
		f.begin(o)
		if !p.holds(f) {
			t.Fatal("it does not match")
		}
	}); n > 0 {
		t.Errorf("%g allocations", n)
	}
}

func FuzzExpression(f *testing.F) {
	f.Add(`method == "POST" and any(ids, .class == "int")`)
	f.Add(`status in 400..499 ? true : lower(path) matches "x"`)
	fr := (&frame{}).test(testObservation())
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 1000 {
			return
		}
		if p, err := compile(source); err == nil {
			fr.begin(fr.o)
			p.holds(fr)
		}
	})
}
