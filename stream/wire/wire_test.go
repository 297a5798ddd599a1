package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"lapwing/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden is a record with every field of every message set.
func golden() *Record {
	full := event.Call{
		ID: event.MakeID(1, 2), Time: time.Date(2026, 11, 21, 20, 53, 9, 123456789, time.UTC), Duration: 1234567 * time.Nanosecond,
		Sensor: "edge-1", Source: event.SourceLog,
		Client: netip.MustParseAddr("203.0.113.7"), ClientPort: 40000, Peer: netip.MustParseAddrPort("10.0.0.1:1234"),
		Server: netip.MustParseAddr("2001:db8::1"), ServerPort: 8080,
		Scheme: "http", Protocol: "http/1.1", Method: "POST", Host: "api.example.com", Path: "/a \"q\"\xff/é", Query: "x=1",
		Route: "/a/{id}", Operation: "op", Status: 201, RequestBytes: 10, ResponseBytes: 20, UserAgent: "curl/8", Referer: "http://r/",
		Actor: event.Actor{Kind: event.KindUser, Value: "nm-x"}, User: "nm-x", Tenant: "nm-t", Token: "tok-0123456789ab", Account: "nm-a",
		PathShape: "/a/{int}", Auth: event.AuthJWT, Fingerprint: "00ff",
		IDs: []event.IDRef{
			{In: event.InPath, Name: "2", Class: event.ClassInt, Hash: 7, Int: -5},
			{Response: true, In: event.InBody, Name: "data[].id", Class: event.ClassULID, Hash: 1<<63 + 1, Order: 99},
			{Response: true, In: event.InBody, Name: "data[].id", Class: event.ClassSecret, Hash: 3},
		},
		Shape: event.Shape{
			Request:  event.BodyShape{Type: "json", Keys: []string{"a:int", "b:string"}, Hash: 3},
			Response: event.BodyShape{Type: "json", Keys: []string{"a:int"}, Hash: 4, Items: 2, Outcome: "success=false", Location: "/login"},
		},
		Sensitive: event.Sensitive{Request: []string{"email"}, Response: []string{"email", "pan"}},
		Gap:       event.Gap{Request: 1, Response: 2, NoRequest: true, NoResponse: true, BodyUnread: true, IDsIncomplete: true},
		Flags:     event.FlagMidstream | event.FlagHeadTruncated,
	}
	second := full
	second.ID, second.Time, second.Sensor = event.MakeID(1, 3), full.Time.Add(-time.Second), "edge-2"
	return &Record{
		Sensor: "edge-1", Boot: 1_763_700_000_000, First: 41,
		Calls:      []*event.Call{&full, &second, {ID: event.MakeID(0, 9), Sensor: "edge-1"}},
		Heartbeats: []event.Heartbeat{{Source: "packets:eth0", LowNS: 1_763_700_000_000_000_000}, {Source: "log:a", Retired: true}},
		Drops:      []Drop{{Reason: "spool_full", Calls: 12}},
		KeyMark:    0xdeadbeef,
	}
}

// The golden bytes are what earlier versions wrote: they must stay readable
// and, as equal records have equal bytes, stay as they are. What was added
// later stands in a file of its own.
func TestGoldenBytes(t *testing.T) {
	first := golden()
	first.KeyMark = 0
	for name, record := range map[string]*Record{"record.v1.bin": first, "record.v1.keymark.bin": golden()} {
		path := filepath.Join("testdata", name)
		got := record.Append(nil)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the record is written otherwise than before:\n got %x\nwant %x", name, got, want)
		}
		r, err := Decode(want)
		if err != nil {
			t.Fatal(err)
		}
		same(t, r, record)
	}
}

// A field that the encoder forgets would silently be lost on the way.
func TestGoldenSetsEveryField(t *testing.T) {
	r := golden()
	for _, v := range []reflect.Value{
		reflect.ValueOf(*r), reflect.ValueOf(*r.Calls[0]), reflect.ValueOf(r.Calls[0].Shape.Response), reflect.ValueOf(r.Calls[0].Gap),
		reflect.ValueOf(r.Heartbeats[0]).Field(0), reflect.ValueOf(r.Drops[0]),
	} {
		for i := 0; v.Kind() == reflect.Struct && i < v.NumField(); i++ {
			if v.Field(i).IsZero() {
				t.Errorf("%s.%s is zero in the golden record", v.Type(), v.Type().Field(i).Name)
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	var e Encoder // reused, as those who send do
	rapid.Check(t, func(t *rapid.T) {
		want := drawRecord(t)
		encoded := want.Append(nil)
		got, err := Decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
		e.KeyMark = want.KeyMark
		e.Reset(want.Sensor)
		bound := e.Size()
		for _, c := range want.Calls {
			e.Add(c)
			bound += Bound(c)
			if e.Size() > bound {
				t.Fatalf("%d bytes, more than the bound of %d", e.Size(), bound)
			}
		}
		if again := e.AppendTo(nil, want.Boot, want.First, want.Heartbeats, want.Drops); !bytes.Equal(again, encoded) {
			t.Fatalf("a used encoder writes other bytes:\n got %x\nwant %x", again, encoded)
		}
	})
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

func same(t failer, got, want *Record) {
	t.Helper()
	if len(got.Calls) != len(want.Calls) {
		t.Fatalf("%d calls, want %d", len(got.Calls), len(want.Calls))
	}
	for i := range want.Calls {
		g, w := *got.Calls[i], *want.Calls[i]
		if !g.Time.Equal(w.Time) || g.Time.Location() != time.UTC {
			t.Fatalf("call %d: time %v, want %v", i, g.Time, w.Time)
		}
		g.Time, w.Time = time.Time{}, time.Time{}
		if !reflect.DeepEqual(g, w) {
			t.Fatalf("call %d:\n got %+v\nwant %+v", i, g, w)
		}
		if g, w := got.Calls[i].AppendJSON(nil), want.Calls[i].AppendJSON(nil); !bytes.Equal(g, w) {
			t.Fatalf("call %d as JSON:\n got %s\nwant %s", i, g, w)
		}
	}
	g, w := *got, *want
	g.Calls, w.Calls = nil, nil
	if !reflect.DeepEqual(g, w) {
		t.Fatalf("record:\n got %+v\nwant %+v", g, w)
	}
}

func drawRecord(t *rapid.T) *Record {
	r := &Record{
		Sensor: rapid.SampledFrom([]string{"", "edge-1", "é"}).Draw(t, "sensor"),
		Boot:   rapid.Uint64().Draw(t, "boot"), First: rapid.Uint64Range(0, math.MaxUint64-10).Draw(t, "first"),
	}
	r.KeyMark = rapid.Uint32().Draw(t, "key mark")
	for range rapid.IntRange(0, 4).Draw(t, "calls") {
		r.Calls = append(r.Calls, drawCall(t))
	}
	for range rapid.IntRange(0, 2).Draw(t, "heartbeats") {
		r.Heartbeats = append(r.Heartbeats, event.Heartbeat{Source: rapid.String().Draw(t, "source"), LowNS: rapid.Int64().Draw(t, "low"), Retired: rapid.Bool().Draw(t, "retired")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "drops") {
		r.Drops = append(r.Drops, Drop{Reason: rapid.String().Draw(t, "reason"), Calls: rapid.Uint64().Draw(t, "dropped")})
	}
	return r
}

func drawCall(t *rapid.T) *event.Call {
	// Few words, so that they repeat; any bytes, since clients send any.
	text := func(label string) string {
		if rapid.Bool().Draw(t, label+"?") {
			return rapid.SampledFrom([]string{"", "GET", "nm-x", "é", "edge-1"}).Draw(t, label)
		}
		return string(rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, label))
	}
	texts := func(label string) []string {
		var out []string
		for range rapid.IntRange(0, 3).Draw(t, label) {
			out = append(out, text(label))
		}
		return out
	}
	addr := func(label string) netip.Addr {
		switch rapid.IntRange(0, 3).Draw(t, label) {
		case 0:
			return netip.Addr{}
		case 1:
			return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, label)))
		case 2:
			return netip.MustParseAddr("fe80::1%eth0")
		default:
			return netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label)))
		}
	}
	shape := func(label string) event.BodyShape {
		return event.BodyShape{Type: text(label), Keys: texts(label), Hash: rapid.Uint64Range(0, 3).Draw(t, label),
			Items: rapid.IntRange(-1, 1000).Draw(t, label), Outcome: text(label), Location: text(label)}
	}
	c := &event.Call{
		ID:       event.MakeID(rapid.Uint64().Draw(t, "hi"), rapid.Uint64().Draw(t, "lo")),
		Duration: time.Duration(rapid.Int64().Draw(t, "duration")), Sensor: text("sensor"), Source: event.Source(rapid.IntRange(0, 1).Draw(t, "kind")),
		Time:   time.Unix(rapid.Int64Range(minSecond, maxSecond).Draw(t, "s"), rapid.Int64Range(0, 1e9-1).Draw(t, "ns")).UTC(),
		Client: addr("client"), ClientPort: rapid.Uint16().Draw(t, "port"), Peer: netip.AddrPortFrom(addr("peer"), rapid.Uint16().Draw(t, "port")),
		Server: addr("server"), ServerPort: rapid.Uint16().Draw(t, "port"),
		Scheme: text("t"), Protocol: text("t"), Method: text("t"), Host: text("t"), Path: text("t"), Query: text("t"), PathShape: text("t"),
		Route: text("t"), Operation: text("t"), Status: rapid.IntRange(-1, 999).Draw(t, "status"), RequestBytes: rapid.Int64().Draw(t, "bytes"),
		ResponseBytes: rapid.Int64().Draw(t, "bytes"), UserAgent: text("t"), Referer: text("t"),
		Actor: event.Actor{Kind: event.Kind(text("t")), Value: text("t")}, User: text("t"), Tenant: text("t"), Token: text("t"), Account: text("t"),
		Auth: event.Auth(rapid.IntRange(0, int(event.AuthSignature)).Draw(t, "auth")), Fingerprint: text("t"),
		Shape: event.Shape{Request: shape("request"), Response: shape("response")}, Sensitive: event.Sensitive{Request: texts("sens"), Response: texts("sens")},
		Gap: event.Gap{Request: rapid.Int64().Draw(t, "gap"), NoRequest: rapid.Bool().Draw(t, "b"), NoResponse: rapid.Bool().Draw(t, "b"),
			BodyUnread: rapid.Bool().Draw(t, "b"), IDsIncomplete: rapid.Bool().Draw(t, "b")},
		Flags: event.Flags(rapid.Uint64().Draw(t, "flags")),
	}
	for range rapid.IntRange(0, 3).Draw(t, "ids") {
		c.IDs = append(c.IDs, event.IDRef{Response: rapid.Bool().Draw(t, "dir"), In: event.Place(rapid.IntRange(0, 4).Draw(t, "in")), Name: text("name"),
			Class: event.Class(rapid.IntRange(0, int(event.ClassSecret)).Draw(t, "class")), Hash: rapid.Uint64().Draw(t, "hash"),
			Int: rapid.Int64().Draw(t, "int"), Order: rapid.Uint64Range(0, 9).Draw(t, "order")})
	}
	return c
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	b := golden().Append(nil)
	b = appendUint(b, 900, 7)
	b = appendText(b, 901, "later")
	b = protowire.AppendTag(b, 902, protowire.Fixed32Type)
	b = protowire.AppendFixed32(b, 1)
	r, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	same(t, r, golden())
}

func TestUnknownEnumeratorsAreZero(t *testing.T) {
	c := event.Call{ID: event.MakeID(1, 1), Source: 9, Auth: 99, IDs: []event.IDRef{{In: 7, Class: 200, Name: "n"}}}
	r, err := Decode((&Record{Calls: []*event.Call{&c}}).Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	got := r.Calls[0]
	if got.Source != event.SourcePacket || got.Auth != event.AuthUnknown || got.IDs[0].In != event.InPath || got.IDs[0].Class != event.ClassNone {
		t.Errorf("%+v", got)
	}
	if err := json.Unmarshal(got.AppendJSON(nil), new(event.Call)); err != nil {
		t.Errorf("what was read cannot be kept: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	field := func(num protowire.Number, v ...byte) []byte {
		return appendBytes(appendUint(nil, recordMajor, 1), num, v)
	}
	call := func(v ...byte) []byte {
		id := appendBytes(nil, callID, make([]byte, 16))
		return field(recordCalls, append(id, v...)...)
	}
	long := appendBytes(appendUint(nil, recordMajor, 1), recordStrings, nil)
	long = appendBytes(long, recordStrings, bytes.Repeat([]byte("x"), 500_000))
	for range 200 {
		long = appendBytes(long, recordCalls, appendUint(appendBytes(nil, callID, make([]byte, 16)), callPath, 1))
	}
	for name, tc := range map[string]struct {
		in   []byte
		want error
		says string
	}{
		"empty":               {nil, ErrMalformed, "no version"},
		"text":                {[]byte("{}"), ErrMalformed, "broken"},
		"newer":               {append(appendUint(nil, recordMajor, 2), 0xff), ErrNewer, "upgrade those who read"},
		"cut off":             {field(recordSensor, 'a')[:4], ErrMalformed, "cut off"},
		"too large":           {make([]byte, MaxRecord+1), ErrMalformed, "bytes"},
		"group":               {append(appendUint(nil, recordMajor, 1), 0x0b), ErrMalformed, "broken"},
		"call without id":     {field(recordCalls), ErrMalformed, "call"},
		"short id":            {field(recordCalls, 0x0a, 1, 1), ErrMalformed, "id has 1 bytes"},
		"no such string":      {call(appendUint(nil, callMethod, 77)...), ErrMalformed, "not there"},
		"no such key set":     {call(appendBytes(nil, callRequestShape, appendUint(nil, shapeKeySet, 1))...), ErrMalformed, "not there"},
		"odd address":         {call(appendBytes(nil, callClient, []byte{1})...), ErrMalformed, "address"},
		"uneven columns":      {call(appendBytes(nil, callIDForm, []byte{1})...), ErrMalformed, "1 forms"},
		"time overflows":      {append(call(appendSint(nil, callTime, math.MaxInt64)...), appendSint(nil, recordBaseTime, 1)...), ErrMalformed, "overflows"},
		"year 10000":          {call(appendSint(nil, callTimeSeconds, maxSecond+1)...), ErrMalformed, "years"},
		"expands":             {long, ErrMalformed, "strings"},
		"dictionary not at 0": {field(recordStrings, 'x'), ErrMalformed, "strings[0]"},
		"numbers overflow":    {append(call(), appendUint(nil, recordFirst, math.MaxUint64)...), ErrMalformed, "overflow"},
	} {
		if _, err := Decode(tc.in); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %v with %q", name, err, tc.want, tc.says)
		}
	}
}

// Whatever a repeated number's form, packed or one by one, it reads the same:
// the specification asks that of every reader.
func TestUnpackedNumbersAreRead(t *testing.T) {
	b := appendUint(nil, recordMajor, 1)
	for _, s := range []string{"", "a", "b"} {
		b = appendBytes(b, recordStrings, []byte(s))
	}
	call := appendBytes(nil, callID, make([]byte, 16))
	for i := range 2 {
		call = protowire.AppendTag(call, callIDForm, protowire.VarintType)
		call = protowire.AppendVarint(call, idHasInt)
		call = protowire.AppendTag(call, callIDName, protowire.VarintType)
		call = protowire.AppendVarint(call, uint64(i+1))
		call = protowire.AppendTag(call, callIDHash, protowire.Fixed64Type)
		call = protowire.AppendFixed64(call, uint64(i))
		call = appendSint(call, callIDInt, int64(i+1))
		call = appendUint(call, callRequestSensitive, uint64(i+1))
	}
	r, err := Decode(appendBytes(b, recordCalls, call))
	if err != nil {
		t.Fatal(err)
	}
	want := []event.IDRef{{Name: "a", Int: 1}, {Name: "b", Hash: 1, Int: 2}}
	if c := r.Calls[0]; !reflect.DeepEqual(c.IDs, want) || !reflect.DeepEqual(c.Sensitive.Request, []string{"a", "b"}) {
		t.Errorf("%+v", c)
	}
}
