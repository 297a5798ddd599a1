package https

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"lapwing/event"
	"lapwing/stream"
	"lapwing/stream/spool"
	"lapwing/stream/wire"
)

// A keeper is a publisher that stores at once, or fails as it is told.
type keeper struct {
	mu       sync.Mutex
	calls    []string
	progress map[string]int64
	beats    []event.Heartbeat
	fail     error
}

func (k *keeper) Publish(_ context.Context, b stream.Batch, done func(error)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		if done != nil {
			done(k.fail)
		}
		return nil
	}
	for _, c := range b.Calls {
		k.calls = append(k.calls, c.Path)
	}
	for _, p := range b.Progress {
		if k.progress == nil {
			k.progress = map[string]int64{}
		}
		k.progress[p.Source] = max(k.progress[p.Source], p.Offset)
	}
	k.beats = append(k.beats, b.Heartbeats...)
	if done != nil {
		done(nil)
	}
	return nil
}

func (k *keeper) heard() []event.Heartbeat {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]event.Heartbeat(nil), k.beats...)
}

func (k *keeper) Close(context.Context) error { return nil }

func record(boot, first uint64, n int, drops ...wire.Drop) []byte {
	r := wire.Record{Sensor: "edge", Boot: boot, First: first, Drops: drops, Heartbeats: []event.Heartbeat{{Source: "eth0", LowNS: int64(first)}}}
	for i := range n {
		r.Calls = append(r.Calls, &event.Call{Time: time.Unix(1_700_000_000, 0).UTC(), Sensor: "edge", Path: fmt.Sprintf("/%d/%d", boot, first+uint64(i))})
	}
	return r.Append(nil)
}

func packed(values ...[]byte) (out []spool.Packed) {
	for _, v := range values {
		out = append(out, spool.Packed{Value: v})
	}
	return out
}

func serve(t *testing.T, r *Receiver, cfg SenderConfig) (*Sender, *httptest.Server) {
	t.Helper()
	server := httptest.NewServer(r.Handler())
	t.Cleanup(server.Close)
	cfg.URL = server.URL
	s, err := NewSender(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, server
}

func TestRecordsAreStoredOnce(t *testing.T) {
	for _, compression := range []string{"none", "gzip", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			k := &keeper{}
			r := &Receiver{Pub: k, Token: "secret"}
			s, _ := serve(t, r, SenderConfig{Token: "secret", Compression: compression})
			first, second := record(7, 1, 3), record(7, 4, 2)
			for _, send := range [][]spool.Packed{packed(first), packed(first, second), packed(second)} {
				if err := s.Send(t.Context(), send); err != nil {
					t.Fatal(err)
				}
			}
			if want := "[/7/1 /7/2 /7/3 /7/4 /7/5]"; fmt.Sprint(k.calls) != want {
				t.Errorf("stored %v, want %s", k.calls, want)
			}
			if k.progress["sensor:edge@7"] != 5 {
				t.Errorf("progress %v, want 5", k.progress)
			}
			if st := r.Stats(); st.Records != 4 || st.Stored != 2 || st.Duplicates != 2 || st.Calls != 5 || st.Lost != 0 || st.Sensors != 1 {
				t.Errorf("stats %+v", st)
			}
			if k.beats[0].Source != "edge/eth0" {
				t.Errorf("source %q is not told apart from that of another sensor", k.beats[0].Source)
			}
		})
	}
}

// A receiver that was started again knows what is stored from the stored progress.
func TestRecordsAreStoredOnceAcrossRestarts(t *testing.T) {
	k := &keeper{}
	s, _ := serve(t, &Receiver{Pub: k}, SenderConfig{})
	if err := s.Send(t.Context(), packed(record(7, 1, 3), record(7, 4, 2))); err != nil {
		t.Fatal(err)
	}
	resumed := &Receiver{Pub: k, Resume: maps.Clone(k.progress)}
	s, _ = serve(t, resumed, SenderConfig{})
	// An older process of the sensor, repeated; a newer one; numbers that were
	// dropped while nobody received.
	if err := s.Send(t.Context(), packed(record(7, 4, 2), record(9, 1, 1), record(7, 1, 3), record(7, 9, 1, wire.Drop{Reason: "spool_full", Calls: 4}))); err != nil {
		t.Fatal(err)
	}
	if want := "[/7/1 /7/2 /7/3 /7/4 /7/5 /9/1 /7/9]"; fmt.Sprint(k.calls) != want {
		t.Errorf("stored %v, want %s", k.calls, want)
	}
	// 6, 7 and 8 are missing; of the four drops that are told, one is from before.
	if st := resumed.Stats(); st.Duplicates != 2 || st.Calls != 2 || st.Lost != 0 || st.Dropped != 3 {
		t.Errorf("stats %+v", st)
	}
}

func TestLostNumbersAreCounted(t *testing.T) {
	r := &Receiver{Pub: &keeper{}}
	s, _ := serve(t, r, SenderConfig{})
	for _, step := range []struct {
		rec           []byte
		lost, dropped uint64
	}{
		{record(7, 1, 2), 0, 0},
		{record(7, 5, 1, wire.Drop{Reason: "spool_full", Calls: 2}), 0, 2},
		{record(7, 9, 1, wire.Drop{Reason: "spool_full", Calls: 2}), 3, 2},
		{record(7, 10, 1, wire.Drop{Reason: "spool_full", Calls: 2}, wire.Drop{Reason: "disk_error", Calls: 3}), 0, 5}, // explained late
	} {
		if err := s.Send(t.Context(), packed(step.rec)); err != nil {
			t.Fatal(err)
		}
		if st := r.Stats(); st.Lost != step.lost || st.Dropped != step.dropped {
			t.Errorf("lost %d dropped %d, want %d and %d", st.Lost, st.Dropped, step.lost, step.dropped)
		}
	}
}

func TestWhatTheSpoolIsTold(t *testing.T) {
	newer := append([]byte{0x08, 99}, record(7, 1, 1)[2:]...)
	for name, test := range map[string]struct {
		answer  http.HandlerFunc
		token   string
		send    [][]byte
		reject  int // index, -1: none
		sent    int // by Partial
		after   time.Duration
		message string
	}{
		"poison":        {send: [][]byte{record(7, 1, 1), []byte("\xff\xff")}, reject: 1, message: "malformed"},
		"newer":         {send: [][]byte{newer}, reject: -1, message: "501"},
		"wrong token":   {token: "wrong", send: [][]byte{record(7, 1, 1)}, reject: -1, after: slow, message: "check token"},
		"busy":          {answer: status(503, "7", "later"), send: [][]byte{nil}, reject: -1, after: 7 * time.Second, message: "later"},
		"asks too much": {answer: status(429, "999999", ""), send: [][]byte{nil}, reject: -1, after: maxAsked, message: "429"},
		"not there":     {answer: status(404, "", ""), send: [][]byte{nil}, reject: -1, after: slow, message: "check the address"},
		"redirect":      {answer: status(302, "", ""), send: [][]byte{nil}, reject: -1, after: slow, message: "final address"},
		"second fails":  {answer: then(status(200, "", ""), status(500, "", "")), send: [][]byte{nil, nil, nil}, reject: -1, sent: 1, message: "500"},
	} {
		t.Run(name, func(t *testing.T) {
			var handler http.Handler = test.answer
			if test.answer == nil {
				handler = (&Receiver{Pub: &keeper{}, Token: test.token}).Handler()
			}
			if test.token != "" {
				handler = (&Receiver{Pub: &keeper{}, Token: "right"}).Handler()
			}
			server := httptest.NewServer(handler)
			defer server.Close()
			s, err := NewSender(SenderConfig{URL: server.URL, Token: test.token})
			if err != nil {
				t.Fatal(err)
			}
			err = s.Send(t.Context(), packed(test.send...))
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Fatalf("error %v does not say %q", err, test.message)
			}
			var rejection *spool.Rejection
			if errors.As(err, &rejection) != (test.reject >= 0) || rejection != nil && rejection.Index != test.reject {
				t.Errorf("rejection %v, want of record %d", rejection, test.reject)
			}
			var partial *spool.Partial
			if errors.As(err, &partial) != (test.sent > 0) || partial != nil && partial.Sent != test.sent {
				t.Errorf("partial %v, want %d", partial, test.sent)
			}
			var pause *spool.Pause
			if errors.As(err, &pause) != (test.after > 0) || pause != nil && pause.After != test.after {
				t.Errorf("pause %v, want %v", pause, test.after)
			}
		})
	}
}

func status(code int, after, reason string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		respond(w, code, Answer{Error: reason})
	}
}

func then(answers ...http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a := answers[0]
		if len(answers) > 1 {
			answers = answers[1:]
		}
		a(w, r)
	}
}

func TestReceiverRefuses(t *testing.T) {
	bomb := bytes.Repeat([]byte{0}, maxRecord+1)
	var gz bytes.Buffer
	zw := gzip.NewWriter(&gz)
	if _, err := zw.Write(bomb); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	zenc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		method, coding string
		body           []byte
		want           int
	}{
		"method":       {http.MethodGet, "", nil, 405},
		"too long":     {http.MethodPost, "", make([]byte, maxPacked+1), 422},
		"gzip bomb":    {http.MethodPost, "gzip", gz.Bytes(), 422},
		"zstd bomb":    {http.MethodPost, "zstd", zenc.EncodeAll(bomb, nil), 422},
		"broken gzip":  {http.MethodPost, "gzip", []byte("no"), 400},
		"broken zstd":  {http.MethodPost, "zstd", []byte("no"), 400},
		"coding":       {http.MethodPost, "br", nil, 415},
		"no record":    {http.MethodPost, "", []byte("hello"), 422},
		"empty":        {http.MethodPost, "", nil, 422},
		"no sensor":    {http.MethodPost, "", (&wire.Record{Boot: 1, First: 1}).Append(nil), 422},
		"number zero":  {http.MethodPost, "", (&wire.Record{Sensor: "s", Boot: 1}).Append(nil), 422},
		"great number": {http.MethodPost, "", (&wire.Record{Sensor: "s", Boot: 1, First: 1<<63 + 1}).Append(nil), 422},
	} {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			req := httptest.NewRequest(test.method, Path, bytes.NewReader(test.body))
			req.Header.Set("Content-Encoding", test.coding)
			w := httptest.NewRecorder()
			(&Receiver{Pub: k}).Handler().ServeHTTP(w, req)
			if w.Code != test.want || len(k.calls)+len(k.beats) > 0 {
				t.Errorf("status %d, want %d; stored %v %v; %s", w.Code, test.want, k.calls, k.beats, w.Body)
			}
		})
	}
}

// What was not stored is answered 503, and stored when it comes again.
func TestStoreThatFails(t *testing.T) {
	k := &keeper{fail: errors.New("disk")}
	r := &Receiver{Pub: k}
	s, _ := serve(t, r, SenderConfig{})
	if err := s.Send(t.Context(), packed(record(7, 1, 2))); err == nil || strings.Contains(err.Error(), "disk") {
		t.Fatalf("error %v: wanted one that keeps what is inside to itself", err)
	}
	k.mu.Lock()
	k.fail = nil
	k.mu.Unlock()
	if err := s.Send(t.Context(), packed(record(7, 1, 2))); err != nil {
		t.Fatal(err)
	}
	if st := r.Stats(); len(k.calls) != 2 || st.Failed != 1 || st.Stored != 1 || st.Lost != 0 {
		t.Errorf("stored %v, stats %+v", k.calls, st)
	}
}

// Many copies of the same requests at once: each call is stored once.
func TestConcurrentCopies(t *testing.T) {
	k := &keeper{}
	r := &Receiver{Pub: k}
	_, server := serve(t, r, SenderConfig{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := NewSender(SenderConfig{URL: server.URL})
			if err != nil {
				t.Error(err)
				return
			}
			for n := range 20 {
				if err := s.Send(t.Context(), packed(record(7, uint64(n)*2+1, 2))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, c := range k.calls {
		if seen[c] {
			t.Errorf("%s was stored twice", c)
		}
		seen[c] = true
	}
	if len(seen) != 40 {
		t.Errorf("%d calls are stored, want 40", len(seen))
	}
}

func TestSilentSensorsAreRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		r := &Receiver{Pub: k, Silence: 10 * time.Second}
		post := func(rec []byte) {
			w := httptest.NewRecorder()
			r.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, Path, bytes.NewReader(rec)))
			if w.Code != 200 {
				t.Fatal(w.Code, w.Body)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		post(record(7, 1, 1))
		time.Sleep(5 * time.Second)
		post(record(8, 1, 1)) // the sensor was started again: its source lives on
		time.Sleep(9 * time.Second)
		synctest.Wait()
		for _, h := range k.heard() {
			if h.Retired {
				t.Fatal("retired too early")
			}
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if beats := k.heard(); !beats[len(beats)-1].Retired || beats[len(beats)-1].Source != "edge/eth0" {
			t.Fatalf("last word %+v: not retired", beats[len(beats)-1])
		}
		// What was stored is still known, though the sensor was forgotten.
		post(record(8, 1, 1))
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if len(k.calls) != 2 {
			t.Errorf("stored %v", k.calls)
		}
	})
}

func TestPlainHTTPIsForThisMachine(t *testing.T) {
	for url, ok := range map[string]bool{
		"http://127.0.0.1:1": true, "http://localhost:1": true, "http://[::1]:1": true, "https://example.org": true,
		"http://example.org": false, "http://10.0.0.1:8473": false, "ftp://example.org": false, "example.org": false, "": false,
	} {
		if _, err := NewSender(SenderConfig{URL: url}); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := NewSender(SenderConfig{URL: "http://example.org", Insecure: true}); err != nil {
		t.Error(err)
	}
	for listen, ok := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, ":8473": false, "0.0.0.0:8473": false, "nonsense": false} {
		if err := CheckListen(listen, false, false); (err == nil) != ok {
			t.Errorf("%q: %v", listen, err)
		}
	}
}

func FuzzReceiver(f *testing.F) {
	f.Add(record(7, 1, 3), "")
	f.Add([]byte("\x1f\x8b"), "gzip")
	f.Add([]byte("\x28\xb5\x2f\xfd"), "zstd")
	f.Fuzz(func(t *testing.T, body []byte, coding string) {
		k := &keeper{}
		req := httptest.NewRequest(http.MethodPost, Path, bytes.NewReader(body))
		req.Header["Content-Encoding"] = []string{coding}
		w := httptest.NewRecorder()
		r := &Receiver{Pub: k}
		r.Handler().ServeHTTP(w, req)
		st := r.Stats()
		if st.Records != st.Stored+st.Duplicates+st.Refused+st.Failed || st.Calls != uint64(len(k.calls)) || (w.Code == 200) != (st.Stored == 1) {
			t.Fatalf("status %d, stats %+v, stored %d", w.Code, st, len(k.calls))
		}
	})
}
