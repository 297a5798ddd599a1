package https

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"lapwing/event"
	"lapwing/stream"
	"lapwing/stream/wire"
)

const (
	// maxPacked and maxRecord bound a body as it comes, and unpacked. A spool
	// keeps records below 900 KB.
	maxPacked = 2 << 20
	maxRecord = 4 << 20
	// maxSensors bounds the processes of sensors that are followed at once.
	maxSensors = 10_000
	// storing bounds how many records are unpacked and stored at once.
	storing = 64
)

// A Receiver takes records over HTTP and hands them to a publisher.
type Receiver struct {
	Pub    stream.Publisher
	Resume map[string]int64 // stored progress; sensors are "sensor:<name>@<boot>"
	Token  string           // "" asks for none: then let TLS ask for certificates
	Now    func() time.Time // wall clock; nil: time.Now
	// Silence is how long a sensor may say nothing before nobody waits for its
	// time any longer; 60 s.
	Silence time.Duration
	Log     *slog.Logger

	mu      sync.Mutex // protects all below
	sensors map[string]*remote
	stored  map[string]uint64 // of those that were forgotten: newer than Resume
	slots   chan struct{}
	stats   ReceiverStats
}

// ReceiverStats account for what was received. Records = Stored + Duplicates +
// Refused + Failed; the calls of stored records = Calls + Repeated.
type ReceiverStats struct {
	Records    uint64 // that were read whole
	Stored     uint64
	Duplicates uint64 // records that had been stored before
	Refused    uint64 // records that cannot be read
	Failed     uint64 // records that were not stored; their senders try again
	Denied     uint64 // requests without a valid token
	Calls      uint64 // stored
	Repeated   uint64 // calls of stored records that had been stored before
	Lost       uint64 // sequence numbers that never came and that no drop explains
	Dropped    uint64 // calls that sensors say they dropped
	Sensors    int    // that spoke within Silence
}

// An Answer is what a sender reads.
type Answer struct {
	Calls     int    `json:"calls"`
	Duplicate bool   `json:"duplicate,omitempty"`
	Error     string `json:"error,omitempty"`
}

// Handler returns the handler of POST /v1/records.
func (r *Receiver) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+Path, r)
	return mux
}

// ServeHTTP implements http.Handler for Path.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !r.allowed(req) {
		r.count(func(s *ReceiverStats) { s.Denied++ })
		w.Header().Set("WWW-Authenticate", "Bearer")
		respond(w, http.StatusUnauthorized, Answer{Error: "a valid bearer token is needed"})
		return
	}
	release, ok := r.slot(req.Context())
	if !ok {
		return // the sender is gone
	}
	defer release()
	body, status, err := readBody(w, req)
	if err != nil {
		respond(w, status, Answer{Error: err.Error()})
		return
	}
	r.count(func(s *ReceiverStats) { s.Records++ })
	rec, err := wire.Decode(body)
	if err == nil {
		err = check(rec)
	}
	if err != nil {
		r.count(func(s *ReceiverStats) { s.Refused++ })
		if errors.Is(err, wire.ErrNewer) {
			// Not the record is wrong but this receiver is old: the sender waits.
			respond(w, http.StatusNotImplemented, Answer{Error: err.Error()})
			return
		}
		r.log().Error("a record cannot be read", "from", req.RemoteAddr, "bytes", len(body), "error", err)
		respond(w, http.StatusUnprocessableEntity, Answer{Error: err.Error()})
		return
	}
	a, err := r.take(req.Context(), rec)
	if err != nil {
		r.count(func(s *ReceiverStats) { s.Failed++ })
		r.log().Error("a record was not stored", "sensor", rec.Sensor, "error", err)
		w.Header().Set("Retry-After", "1")
		respond(w, http.StatusServiceUnavailable, Answer{Error: "not stored, send again"})
		return
	}
	respond(w, http.StatusOK, a)
}

// allowed compares tokens in constant time, whatever their lengths.
func (r *Receiver) allowed(req *http.Request) bool {
	if r.Token == "" {
		return true
	}
	given, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(r.Token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && ok
}

func (r *Receiver) slot(ctx context.Context) (release func(), ok bool) {
	r.mu.Lock()
	if r.slots == nil {
		r.slots = make(chan struct{}, storing)
	}
	slots := r.slots
	r.mu.Unlock()
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, true
	case <-ctx.Done():
		return nil, false
	}
}

// check looks at what a record must have whatever its calls are.
func check(rec *wire.Record) error {
	if rec.Sensor == "" || len(rec.Sensor) > 128 || rec.Boot == 0 || rec.First == 0 || rec.First > 1<<62 {
		return fmt.Errorf("a record needs a sensor of at most 128 characters, a boot and a first number (got %.128q, %d, %d)", rec.Sensor, rec.Boot, rec.First)
	}
	return nil
}

// take stores what of a record is new.
func (r *Receiver) take(ctx context.Context, rec *wire.Record) (Answer, error) {
	m, err := r.await(ctx, rec)
	if err != nil {
		return Answer{}, err
	}
	defer func() { m.turn <- struct{}{} }()

	first, calls := m.done+1, rec.Calls
	repeated := uint64(0)
	if rec.First < first {
		repeated = min(first-rec.First, uint64(len(calls)))
		calls = calls[repeated:]
	}
	if repeated > 0 && len(calls) == 0 {
		r.count(func(s *ReceiverStats) { s.Duplicates++ })
		return Answer{Duplicate: true}, nil
	}
	b := stream.Batch{Calls: calls}
	for _, h := range rec.Heartbeats {
		// Sources of two sensors may have one name.
		h.Source = rec.Sensor + "/" + h.Source
		b.Heartbeats = append(b.Heartbeats, h)
	}
	if len(calls) > 0 {
		b.Progress = []event.Progress{{Source: progressName(rec.Sensor, rec.Boot), Offset: int64(rec.Next() - 1)}}
	}
	if err := r.publish(ctx, b); err != nil {
		return Answer{}, err
	}
	r.note(m, rec, b.Heartbeats, repeated)
	return Answer{Calls: len(calls)}, nil
}

// publish waits until a batch is stored. What is published is stored whether
// or not the sender still waits: had it gone and its number stayed open, it
// would send it a second time.
func (r *Receiver) publish(ctx context.Context, b stream.Batch) error {
	done := make(chan error, 1)
	if err := r.Pub.Publish(ctx, b, func(err error) { done <- err }); err != nil {
		return err
	}
	return <-done
}

// Stats returns the counters as of now.
func (r *Receiver) Stats() ReceiverStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	limit := r.now().Add(-r.silence())
	names := map[string]bool{}
	for _, m := range r.sensors {
		if m.spoke.After(limit) {
			names[m.sensor] = true
		}
	}
	s.Sensors = len(names)
	return s
}

func (r *Receiver) count(f func(*ReceiverStats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.stats)
}

func (r *Receiver) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}

func (r *Receiver) log() *slog.Logger {
	if r.Log != nil {
		return r.Log
	}
	return slog.New(slog.DiscardHandler)
}

func respond(w http.ResponseWriter, status int, a Answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a) // the sender is gone: it will send again
}

// CheckListen says why records must not be received at an address: plain HTTP
// is for this machine alone, unless insecure says otherwise.
func CheckListen(listen string, encrypted, insecure bool) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("%q is no address such as 0.0.0.0:8473", listen)
	}
	if encrypted || insecure || loopback(host) {
		return nil
	}
	return fmt.Errorf("plain HTTP at %s would show calls and token to everybody on the way: give a certificate, listen on 127.0.0.1, or say insecure: true", listen)
}
