package rules

import (
	"slices"

	"lapwing/event"
)

// env names the fields for the type checker of the expression language. Every
// leaf has its getter in the list of fields.
type env struct {
	Sensor        string   `expr:"sensor"`
	Source        string   `expr:"source"`
	Client        string   `expr:"client"`
	ClientPort    int      `expr:"client_port"`
	Server        string   `expr:"server"`
	ServerPort    int      `expr:"server_port"`
	Scheme        string   `expr:"scheme"`
	Protocol      string   `expr:"protocol"`
	Method        string   `expr:"method"`
	Host          string   `expr:"host"`
	Path          string   `expr:"path"`
	Query         string   `expr:"query"`
	URI           string   `expr:"uri"`
	Line          string   `expr:"line"`
	PathShape     string   `expr:"path_shape"`
	Route         string   `expr:"route"`
	Operation     string   `expr:"operation"`
	Status        int      `expr:"status"`
	RequestBytes  int      `expr:"request_bytes"`
	ResponseBytes int      `expr:"response_bytes"`
	DurationMS    float64  `expr:"duration_ms"`
	UserAgent     string   `expr:"user_agent"`
	Referer       string   `expr:"referer"`
	Actor         envActor `expr:"actor"`
	User          string   `expr:"user"`
	Tenant        string   `expr:"tenant"`
	Token         string   `expr:"token"`
	Account       string   `expr:"account"`
	Auth          string   `expr:"auth"`
	Fingerprint   string   `expr:"fingerprint"`
	Object        string   `expr:"object"`
	Flags         []string `expr:"flags"`
	Sensitive     struct {
		Request  []string `expr:"request"`
		Response []string `expr:"response"`
	} `expr:"sensitive"`
	Request  envBody  `expr:"request"`
	Response envBody  `expr:"response"`
	IDs      []*envID `expr:"ids"`
	Network  struct {
		ASN     int    `expr:"asn"`
		Country string `expr:"country"`
		Class   string `expr:"class"`
		Prefix  string `expr:"prefix"`
	} `expr:"network"`
	Login struct {
		Class   string `expr:"class"`
		Outcome string `expr:"outcome"`
	} `expr:"login"`
	Endpoint struct {
		Confirmed  bool `expr:"confirmed"`
		Documented bool `expr:"documented"`
	} `expr:"endpoint"`
}

type envActor struct {
	Kind  string `expr:"kind"`
	Value string `expr:"value"`
}

type envBody struct {
	Type     string   `expr:"type"`
	Keys     []string `expr:"keys"`
	Items    int      `expr:"items"`
	Outcome  string   `expr:"outcome"`
	Location string   `expr:"location"`
}

type envID struct {
	Response bool   `expr:"response"`
	In       string `expr:"in"`
	Name     string `expr:"name"`
	Class    string `expr:"class"`
	Value    int    `expr:"value"`
}

// A field is something a rule can ask of a call. One getter is set.
type field struct {
	name    string
	index   int // in textFields, if it is text
	text    func(*frame) string
	integer func(*frame) int64
	number  func(*frame) float64
	truth   func(*frame) bool
	list    func(*frame) []string

	// entity is what a group by this field is about; "" if nothing that an alert
	// can name.
	entity event.Kind
	// only says that the field stands for a group and not in an expression.
	only bool
}

var fields, textFields = func() (map[string]*field, int) {
	list := []*field{
		{name: "sensor", text: func(f *frame) string { return f.call.Sensor }, entity: event.KindSensor},
		{name: "source", text: func(f *frame) string { return f.call.Source.String() }},
		{name: "client", text: (*frame).client, entity: event.KindClient},
		{name: "client_port", integer: func(f *frame) int64 { return int64(f.call.ClientPort) }},
		{name: "server", text: (*frame).server},
		{name: "server_port", integer: func(f *frame) int64 { return int64(f.call.ServerPort) }},
		{name: "scheme", text: func(f *frame) string { return f.call.Scheme }},
		{name: "protocol", text: func(f *frame) string { return f.call.Protocol }},
		{name: "method", text: func(f *frame) string { return f.call.Method }},
		{name: "host", text: func(f *frame) string { return f.call.Host }, entity: event.KindHost},
		{name: "path", text: func(f *frame) string { return f.call.Path }},
		{name: "query", text: func(f *frame) string { return f.call.Query }},
		{name: "uri", text: (*frame).uri},
		{name: "line", text: (*frame).line},
		{name: "path_shape", text: func(f *frame) string { return f.call.PathShape }},
		{name: "route", text: (*frame).route},
		{name: "operation", text: func(f *frame) string { return f.call.Operation }},
		{name: "status", integer: func(f *frame) int64 { return int64(f.call.Status) }},
		{name: "request_bytes", integer: func(f *frame) int64 { return f.call.RequestBytes }},
		{name: "response_bytes", integer: func(f *frame) int64 { return f.call.ResponseBytes }},
		{name: "duration_ms", number: func(f *frame) float64 { return float64(f.call.Duration) / 1e6 }},
		{name: "user_agent", text: func(f *frame) string { return f.call.UserAgent }},
		{name: "referer", text: func(f *frame) string { return f.call.Referer }},
		{name: "actor.kind", text: func(f *frame) string { return string(f.call.Actor.Kind) }},
		{name: "actor.value", text: func(f *frame) string { return f.call.Actor.Value }},
		{name: "user", text: func(f *frame) string { return f.call.User }, entity: event.KindUser},
		{name: "tenant", text: func(f *frame) string { return f.call.Tenant }},
		{name: "token", text: func(f *frame) string { return f.call.Token }, entity: event.KindToken},
		{name: "account", text: func(f *frame) string { return f.call.Account }, entity: event.KindAccount},
		{name: "auth", text: func(f *frame) string { return f.call.Auth.String() }},
		{name: "fingerprint", text: func(f *frame) string { return f.call.Fingerprint }, entity: event.KindCluster},
		{name: "object", text: (*frame).object, entity: event.KindObject},
		{name: "flags", list: (*frame).flags},
		{name: "sensitive.request", list: func(f *frame) []string { return f.call.Sensitive.Request }},
		{name: "sensitive.response", list: func(f *frame) []string { return f.call.Sensitive.Response }},
		{name: "network.asn", integer: func(f *frame) int64 { return int64(f.o.Network.ASN) }},
		{name: "network.country", text: func(f *frame) string { return country(f.o.Network.Country) }},
		{name: "network.class", text: func(f *frame) string { return f.o.Network.Class.String() }},
		{name: "network.prefix", text: (*frame).prefix, entity: event.KindNetwork},
		{name: "login.class", text: func(f *frame) string { return loginClass(f.o.Login) }},
		{name: "login.outcome", text: func(f *frame) string { return loginOutcome(f.o.Login) }},
		{name: "endpoint.confirmed", truth: func(f *frame) bool { return f.o.Route.Confirmed }},
		{name: "endpoint.documented", truth: func(f *frame) bool { return f.o.Route.Documented }},

		// For groups alone.
		{name: "actor", only: true, text: (*frame).actor},
		{name: "endpoint", only: true, text: (*frame).endpoint, entity: event.KindEndpoint},
	}
	for _, side := range []struct {
		name string
		of   func(*frame) *event.BodyShape
	}{
		{"request", func(f *frame) *event.BodyShape { return &f.call.Shape.Request }},
		{"response", func(f *frame) *event.BodyShape { return &f.call.Shape.Response }},
	} {
		list = append(list,
			&field{name: side.name + ".type", text: func(f *frame) string { return side.of(f).Type }},
			&field{name: side.name + ".keys", list: func(f *frame) []string { return side.of(f).Keys }},
			&field{name: side.name + ".items", integer: func(f *frame) int64 { return int64(side.of(f).Items) }},
			&field{name: side.name + ".outcome", text: func(f *frame) string { return side.of(f).Outcome }},
			&field{name: side.name + ".location", text: func(f *frame) string { return side.of(f).Location }},
		)
	}
	byName, texts := make(map[string]*field, len(list)), 0
	for _, f := range list {
		if f.text != nil {
			f.index = texts
			texts++
		}
		byName[f.name] = f
	}
	return byName, texts
}()

// idFields are the fields of one identifier, for any(ids, .name == "…").
var idFields = map[string]*field{
	"response": {name: "response", truth: func(f *frame) bool { return f.id.Response }},
	"in":       {name: "in", text: func(f *frame) string { return f.id.In.String() }},
	"name":     {name: "name", text: func(f *frame) string { return f.id.Name }},
	"class":    {name: "class", text: func(f *frame) string { return f.id.Class.String() }},
	"value":    {name: "value", integer: func(f *frame) int64 { return f.id.Int }},
}

// fieldNames lists what can be grouped by or counted, for messages.
func fieldNames() []string {
	var out []string
	for name, f := range fields {
		if f.list == nil && f.truth == nil {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
