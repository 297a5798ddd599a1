package event

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

func fullCall() Call {
	return Call{
		ID: MakeID(1, 2), Time: time.Date(2026, 11, 21, 20, 53, 9, 123456789, time.UTC), Duration: 1234567 * time.Nanosecond,
		Sensor: "edge-1", Source: SourceLog,
		Client: netip.MustParseAddr("203.0.113.7"), ClientPort: 40000, Peer: netip.MustParseAddrPort("10.0.0.1:1234"),
		Server: netip.MustParseAddr("2001:db8::1"), ServerPort: 8080,
		Scheme: "http", Protocol: "http/1.1", Method: "POST", Host: "api.example.com", Path: "/a \"q\"\x01\u2028/é", Query: "x=1",
		Route: "/a/{id}", Operation: "op", Status: 201, RequestBytes: 10, ResponseBytes: 20, UserAgent: "curl/8", Referer: "http://r/",
		Actor: Actor{Kind: KindUser, Value: "nm-x"}, User: "nm-x", Tenant: "nm-t", Token: "tok-0123456789ab", Account: "nm-a",
		PathShape: "/a/{int}", Auth: AuthJWT, Fingerprint: "00ff",
		IDs: []IDRef{
			{In: InPath, Name: "2", Class: ClassInt, Hash: 7, Int: -5},
			{Response: true, In: InBody, Name: "data[].id", Class: ClassULID, Hash: 1<<63 + 1, Order: 99},
		},
		Shape:     Shape{Request: BodyShape{Type: "json", Keys: []string{"a:int"}, Hash: 3}, Response: BodyShape{Type: "json", Hash: 4, Items: 2, Outcome: "success=false", Location: "/login"}},
		Sensitive: Sensitive{Request: []string{"email"}, Response: []string{"pan"}},
		Gap:       Gap{Request: 1, Response: 2, NoRequest: true, NoResponse: true, BodyUnread: true, IDsIncomplete: true},
		Flags:     FlagMidstream | FlagBasicInClear,
	}
}

func TestCallJSONRoundTrip(t *testing.T) {
	for _, want := range []Call{fullCall(), {Time: time.Unix(0, 0).UTC()}} {
		data := want.AppendJSON(nil)
		if !json.Valid(data) {
			t.Fatalf("not JSON: %s", data)
		}
		var got Call
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("round trip:\n got %+v\nwant %+v", got, want)
		}
	}
}

// A field that AppendJSON forgets would silently be lost in the store.
func TestFullCallSetsEveryField(t *testing.T) {
	v := reflect.ValueOf(fullCall())
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is zero in the test call", v.Type().Field(i).Name)
		}
	}
}

func TestAppendJSONAllocatesNothing(t *testing.T) {
	c := fullCall()
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { buf = c.AppendJSON(buf[:0]) }); n != 0 {
		t.Errorf("%v allocations a call, want 0", n)
	}
}

func TestFlagNames(t *testing.T) {
	seen := map[string]bool{}
	for i, n := range flagNames {
		if n == "" || seen[n] {
			t.Errorf("flag %d: name %q is empty or taken", i, n)
		}
		seen[n] = true
		if f, ok := FlagByName(n); !ok || f != 1<<i {
			t.Errorf("FlagByName(%q) = %v, %v", n, f, ok)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("plain")
	f.Add("\xff\xfe\"\\\u2028\x00")
	f.Fuzz(func(t *testing.T, s string) {
		out := AppendString(nil, s)
		var back string
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		want, _ := json.Marshal(s)
		var std string
		_ = json.Unmarshal(want, &std)
		if back != std {
			t.Fatalf("%q reads back as %q, encoding/json says %q", s, back, std)
		}
	})
}
