package har

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"lapwing/parse/exchange"
)

func render(r *exchange.Raw) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s +%v %v %s %q %s %s %s %d", r.Time.Format("15:04:05.999Z07:00"), r.Duration, r.Server, r.Scheme, r.Host, r.Protocol, r.Method, r.Target, r.Status)
	for _, h := range r.RequestHeaders {
		fmt.Fprintf(&b, " %s:%s", h.Name, h.Value)
	}
	fmt.Fprintf(&b, " [%d %q %v]", r.RequestBody.WireBytes, r.RequestBody.Data, r.RequestBody.Complete)
	for _, h := range r.ResponseHeaders {
		fmt.Fprintf(&b, " <%s:%s", h.Name, h.Value)
	}
	fmt.Fprintf(&b, " [%d %q %v] unread=%v", r.ResponseBody.WireBytes, r.ResponseBody.Data, r.ResponseBody.Complete, r.Gap.BodyUnread)
	return b.String()
}

func TestVariants(t *testing.T) {
	data, err := os.ReadFile("testdata/variants.har")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`19:53:09.25Z +12.5ms [2001:db8::1]:443 https "api.example.com" h2 POST /v1/login?x=1 200 content-type:application/json [14 "{\"user\":\"ava\"}" true] <content-type:application/json [11 "{\"ok\":true}" true] unread=false`,
		`20:53:10Z +0s 192.0.2.1:8080 http "shop.example:8080" http/1.1 POST /?q=a 302 Host:shop.example:8080 [15 "a+b=1%262&c=%41" true] <Location:/x [3 "\x00\x01\x02" true] unread=false`,
		`20:53:11Z +0s invalid AddrPort https "shop.example" http/1.1 GET /ws 0 [0 "" true] [0 "" true] unread=false`,
		`20:53:14Z +7ms invalid AddrPort https "shop.example" h3 GET /last 200 [0 "" true] [900 "" false] unread=true`,
	}
	for _, mark := range []string{"", "\xef\xbb\xbf"} {
		var got []string
		ids := map[[2]uint64]bool{}
		err := Read(io.MultiReader(strings.NewReader(mark), bytes.NewReader(data)), func(r *exchange.Raw) error {
			if !r.HeadersKnown {
				t.Error("HeadersKnown is false")
			}
			got = append(got, render(r))
			ids[[2]uint64{r.IDHigh, r.IDLow}] = true
			return nil
		})
		var skipped *SkippedError
		if !errors.As(err, &skipped) || skipped.Skipped != 3 || skipped.Entries != 7 || skipped.First.Index != 3 {
			t.Errorf("got %v, want 3 of 7 skipped, the first entry 3", err)
		}
		for i := range max(len(want), len(got)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Errorf("entry %d:\n got %s\nwant %s", i, append(got, "(none)")[min(i, len(got))], append(want, "(none)")[min(i, len(want))])
			}
		}
		if len(ids) != len(want) {
			t.Errorf("%d distinct IDs for %d entries", len(ids), len(want))
		}
	}
}

func TestFaults(t *testing.T) {
	ok := `{"startedDateTime":"2026-11-21T20:53:11Z","request":{"method":"GET","url":"https://h/"},"response":{}}`
	stop := errors.New("enough")
	for _, c := range []struct {
		name, in string
		emitted  int
		index    int // -1: no entry to blame
		is       error
	}{
		{"empty", "", 0, -1, io.ErrUnexpectedEOF},
		{"no archive", `{"a":1}`, 0, -1, errNoEntries},
		{"an array", `[1]`, 0, -1, errNoEntries},
		{"entries no array", `{"log":{"entries":{}}}`, 0, -1, errNoEntries},
		{"cut in an entry", `{"log":{"entries":[` + ok + `,{"started`, 1, 1, io.ErrUnexpectedEOF},
		{"cut between", `{"log":{"entries":[` + ok, 1, 1, io.ErrUnexpectedEOF},
		{"emit refuses", `{"log":{"entries":[` + ok + `,` + ok + `]}}`, 1, 0, stop},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			err := Read(strings.NewReader(c.in), func(*exchange.Raw) error {
				n++
				if c.is == stop {
					return stop
				}
				return nil
			})
			if n != c.emitted || !errors.Is(err, c.is) {
				t.Errorf("emitted %d, %v; want %d, %v", n, err, c.emitted, c.is)
			}
			var e *EntryError
			if errors.As(err, &e) != (c.index >= 0) || e != nil && e.Index != c.index {
				t.Errorf("blames %+v, want entry %d", e, c.index)
			}
		})
	}
}

// endless is a string that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestEntryIsBounded(t *testing.T) {
	in := io.MultiReader(strings.NewReader(`{"log":{"entries":[{"startedDateTime":"`), endless{})
	if err := Read(in, func(*exchange.Raw) error { return nil }); !errors.Is(err, errTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestBodyIsBounded(t *testing.T) {
	body := strings.Repeat("b", maxBodyBytes+5)
	in := `{"log":{"entries":[{"startedDateTime":"2026-11-21T20:53:11Z","request":{"method":"GET","url":"https://h/"},"response":{"status":200,"content":{"text":"` + body + `"}}}]}}`
	err := Read(strings.NewReader(in), func(r *exchange.Raw) error {
		if b := r.ResponseBody; len(b.Data) != maxBodyBytes || b.Complete || b.WireBytes != int64(len(body)) {
			t.Errorf("kept %d, complete %v, wire %d", len(b.Data), b.Complete, b.WireBytes)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	if data, err := os.ReadFile("testdata/variants.har"); err == nil {
		f.Add(data)
	}
	f.Add([]byte(`{"log":{"entries":[null,{},[]]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		run := func() (out []string) {
			_ = Read(bytes.NewReader(data), func(r *exchange.Raw) error {
				if r.Time.IsZero() && !strings.Contains(string(data), "0001") || len(r.Target) == 0 || r.RequestBody.WireBytes < 0 || r.ResponseBody.WireBytes < 0 {
					t.Fatalf("impossible values: %s", render(r))
				}
				out = append(out, render(r))
				return nil
			})
			return out
		}
		if a, b := run(), run(); strings.Join(a, "\n") != strings.Join(b, "\n") {
			t.Fatal("two readings differ")
		}
	})
}

func BenchmarkRead(b *testing.B) {
	data, err := os.ReadFile("testdata/variants.har")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		_ = Read(bytes.NewReader(data), func(*exchange.Raw) error { return nil })
	}
}
