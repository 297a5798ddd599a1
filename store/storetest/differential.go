package storetest

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lapwing/event"
	"lapwing/store"
)

// Differential fills two stores with the same random rows and asks both the
// same random questions: every answer must be the same, in content and order.
// Questions draw their words from the rows, from near misses and from text
// that would be syntax.
func Differential(t *testing.T, a, b Store, rows, questions int) {
	seed := rapid.Custom(func(t *rapid.T) world { return drawWorld(t, rows) }).Example(1)
	for _, s := range []Store{a, b} {
		if err := s.AppendCalls(t.Context(), seed.calls, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.PutAlerts(t.Context(), seed.alerts); err != nil {
			t.Fatal(err)
		}
	}
	answered, empty := 0, 0
	for i := range questions {
		if i%4 == 3 {
			q := rapid.Custom(seed.alertQuery).Example(i)
			x, errX := a.Alerts(t.Context(), q)
			y, errY := b.Alerts(t.Context(), q)
			same(t, fmt.Sprintf("%+v", q), x, errX, y, errY)
			answered, empty = answered+1, empty+isZero(len(x))
			continue
		}
		q := rapid.Custom(seed.callQuery).Example(i)
		if i%4 == 2 {
			x, errX := a.CountCalls(t.Context(), q)
			y, errY := b.CountCalls(t.Context(), q)
			same(t, fmt.Sprintf("count %+v", q), x, errX, y, errY)
			answered, empty = answered+1, empty+isZero(int(x))
			continue
		}
		x, y := all(t, a, q), all(t, b, q)
		same(t, fmt.Sprintf("%+v", q), x, nil, y, nil)
		answered, empty = answered+1, empty+isZero(len(x))
	}
	if empty > answered*3/4 {
		t.Errorf("%d of %d questions had no answer: they prove little", empty, answered)
	}
	t.Logf("%d questions over %d calls and %d alerts, %d of them without an answer", answered, len(seed.calls), len(seed.alerts), empty)
}

func isZero(n int) int {
	if n == 0 {
		return 1
	}
	return 0
}

func same[T any](t *testing.T, question string, x T, errX error, y T, errY error) {
	t.Helper()
	if errX != nil || errY != nil {
		t.Fatalf("%s: %v, %v", question, errX, errY)
	}
	if reflect.DeepEqual(x, y) {
		return
	}
	gotX, _ := json.Marshal(x)
	gotY, _ := json.Marshal(y)
	if string(gotX) == string(gotY) {
		return // an absent list and an empty one
	}
	t.Fatalf("%s:\n%.2000s\n%.2000s", question, gotX, gotY)
}

// A world is what both stores hold.
type world struct {
	calls  []*event.Call
	alerts []event.Alert
}

// words are what values are drawn from: few, so that questions meet answers,
// and none of them harmless.
var words = []string{"", "a", "A", "ä", "a'b", `a\b`, `\`, "'", "a%b", "%", "_", "$1", "?", "{x:String}", "a\tb", "a\nb", "--", "/*", "`", "\"", "tok-0123456789ab", "nm-x", "nm-X", "\u0000", "😀", "0", " a", "a "}

var paths = []string{"", "/", "/v1/orders/1", "/v1/orders/10", "/v1/Orders/1", "/v1/%", "/v1/_", "/v1/o'rders", `/v1/\`, "/ä", "/v1/\u0000x"}

var clients = []netip.Addr{{}, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fe80::1%eth0")}

// drawTime keeps to few instants, two days and their midnight among them.
func drawTime(t *rapid.T) time.Time {
	base := rapid.SampledFrom([]time.Time{epoch, time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC).Add(-1), time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)}).Draw(t, "base")
	return base.Add(time.Duration(rapid.Int64Range(-3, 3).Draw(t, "ns")) * rapid.SampledFrom([]time.Duration{1, time.Second, time.Hour}).Draw(t, "unit"))
}

func drawWorld(t *rapid.T, rows int) (w world) {
	word := rapid.SampledFrom(words)
	for i := range rows {
		c := Call(i)
		c.ID = event.MakeID(rapid.SampledFrom([]uint64{0, 1, 1 << 63, ^uint64(0)}).Draw(t, "hi"), uint64(i))
		c.Time, c.Duration = drawTime(t), time.Duration(rapid.Int64Range(0, 2).Draw(t, "duration"))
		c.Client = rapid.SampledFrom(clients).Draw(t, "client")
		c.Host, c.Path = word.Draw(t, "host"), rapid.SampledFrom(paths).Draw(t, "path")
		c.Actor.Value, c.User, c.Token, c.Account = word.Draw(t, "actor"), word.Draw(t, "user"), word.Draw(t, "token"), word.Draw(t, "account")
		w.calls = append(w.calls, c)
	}
	for i := range rows / 4 {
		a := event.Alert{ID: fmt.Sprintf("%c%025d", rapid.SampledFrom([]rune("0AZ")).Draw(t, "first"), i), Revision: rapid.IntRange(1, 3).Draw(t, "revision"),
			Detector: word.Draw(t, "detector"), Severity: event.Severity(rapid.IntRange(0, 4).Draw(t, "severity")),
			Status:     rapid.SampledFrom([]event.Status{event.StatusOpen, event.StatusUpdated, event.StatusResolved}).Draw(t, "status"),
			DetectedAt: drawTime(t), LastSeenAt: drawTime(t), StartedAt: epoch, Summary: word.Draw(t, "summary")}
		w.alerts = append(w.alerts, a)
		if rapid.Bool().Draw(t, "again") {
			a.Revision, a.Status, a.LastSeenAt = rapid.IntRange(1, 4).Draw(t, "other revision"), event.StatusResolved, drawTime(t)
			w.alerts = append(w.alerts, a)
		}
	}
	return w
}

// sometimes leaves most fields of a question empty, so that most have answers.
func sometimes[T any](t *rapid.T, what string, from *rapid.Generator[T]) (v T) {
	if rapid.IntRange(0, 2).Draw(t, what+"?") == 0 {
		v = from.Draw(t, what)
	}
	return v
}

func (w world) callQuery(t *rapid.T) store.CallQuery {
	call := rapid.SampledFrom(w.calls)
	text := func(get func(*event.Call) string) *rapid.Generator[string] {
		return rapid.OneOf(rapid.Map(call, get), rapid.Map(call, get), rapid.SampledFrom(words))
	}
	when := rapid.OneOf(rapid.Map(call, (*event.Call).End), rapid.Custom(drawTime))
	return store.CallQuery{
		Since: sometimes(t, "since", when), Until: sometimes(t, "until", when),
		Client: sometimes(t, "client", text(func(c *event.Call) string {
			if !c.Client.IsValid() {
				return ""
			}
			return c.Client.String()
		})),
		Actor: sometimes(t, "actor", text(func(c *event.Call) string {
			return slices.Max([]string{c.Actor.Value, c.User, c.Token, c.Account})
		})),
		Host: sometimes(t, "host", text(func(c *event.Call) string { return c.Host })),
		PathPrefix: sometimes(t, "path", rapid.Custom(func(t *rapid.T) string {
			p := text(func(c *event.Call) string { return c.Path }).Draw(t, "whole")
			runes := []rune(p)
			return string(runes[:rapid.IntRange(0, len(runes)).Draw(t, "length")])
		})),
		Limit: sometimes(t, "limit", rapid.IntRange(0, 50)),
	}
}

func (w world) alertQuery(t *rapid.T) store.AlertQuery {
	alert := rapid.SampledFrom(w.alerts)
	return store.AlertQuery{
		ID: sometimes(t, "id", rapid.Custom(func(t *rapid.T) string {
			id := alert.Draw(t, "of").ID
			return id[:rapid.IntRange(0, len(id)).Draw(t, "length")]
		})),
		Detector: sometimes(t, "detector", rapid.OneOf(rapid.Map(alert, func(a event.Alert) string { return a.Detector }), rapid.SampledFrom(words))),
		Severity: sometimes(t, "severity", rapid.Map(rapid.IntRange(0, 4), func(i int) event.Severity { return event.Severity(i) })),
		Status:   sometimes(t, "status", rapid.SampledFrom([]event.Status{event.StatusOpen, event.StatusUpdated, event.StatusResolved, "other"})),
		Since:    sometimes(t, "since", rapid.OneOf(rapid.Map(alert, func(a event.Alert) time.Time { return a.LastSeenAt }), rapid.Custom(drawTime))),
		Limit:    sometimes(t, "limit", rapid.IntRange(0, 20)),
	}
}
