package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"lapwing/capture"
	"lapwing/cmd/internal/ingest"
	"lapwing/parse/accesslog"
	"lapwing/parse/exchange"
	"lapwing/stream"
)

const (
	// maxPostBytes bounds one request, unpacked: senders batch by seconds.
	maxPostBytes = 16 << 20
	// maxSenders bounds how many senders' sequence numbers are remembered.
	maxSenders = 10_000
)

// HTTP receives log lines: POST /v1/logs with lines as the body, plain or
// gzip. It answers 200 only after the calls are stored.
//
// A sender that numbers its requests (Lapwing-Sender, Lapwing-Sequence, from 1
// upwards) may repeat one whose answer it did not see: the repetition is
// recognised, across restarts too, and answered 200 with "duplicate".
type HTTP struct {
	Listen string
	Format string
	Token  string // "" lets everybody send
	Config exchange.Config
	Pub    stream.Publisher
	Resume map[string]int64 // stored progress; senders are "http:<name>"
	Now    func() time.Time
	// Lateness is how far behind a line may be.
	Lateness time.Duration
	Log      *slog.Logger

	mu      sync.Mutex
	senders map[string]*sender
	report  ingest.LogReport
}

// A sender's requests are taken one after the other.
type sender struct {
	turn chan struct{} // holds one token: who has it has the turn
	done int64         // highest sequence number stored
}

// answer is what a sender reads.
type answer struct {
	Lines     int64  `json:"lines"`
	Calls     int64  `json:"calls"`
	Unparsed  int64  `json:"unparsed"`
	Duplicate bool   `json:"duplicate,omitempty"`
	Error     string `json:"error,omitempty"`
}

// Report returns what became of all lines received.
func (h *HTTP) Report() ingest.LogReport {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.report
}

// Run listens until ctx ends. Senders may be a while behind: the time of this
// source is the wall clock less the lateness of logs.
func (h *HTTP) Run(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", h.Listen)
	if err != nil {
		return fmt.Errorf("receive logs: %w", err)
	}
	server := &http.Server{Handler: h.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	b := newBatcher(h.Pub, "http")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := b.flush(ctx, h.Now().Add(-h.Lateness).UnixNano()); err != nil && ctx.Err() == nil {
				return err
			}
		case err := <-failed:
			return fmt.Errorf("receive logs: %w", err)
		case <-ctx.Done():
			// Requests under way are answered before the stream closes.
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return errors.Join(server.Shutdown(bounded), b.retire(context.WithoutCancel(ctx)))
		}
	}
}

// Handler returns the receiver's handler.
func (h *HTTP) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/logs", h.logs)
	return mux
}

func (h *HTTP) logs(w http.ResponseWriter, r *http.Request) {
	if h.Token != "" {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(h.Token)) != 1 {
			respond(w, http.StatusUnauthorized, answer{Error: "a valid bearer token is needed"})
			return
		}
	}
	body, err := readBody(w, r)
	if err != nil {
		status := http.StatusBadRequest
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) || errors.Is(err, errTooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		respond(w, status, answer{Error: err.Error()})
		return
	}
	name, sequence := r.Header.Get("Lapwing-Sender"), int64(0)
	if name != "" {
		if sequence, err = strconv.ParseInt(r.Header.Get("Lapwing-Sequence"), 10, 64); err != nil || sequence < 1 || len(name) > 128 {
			respond(w, http.StatusBadRequest, answer{Error: "Lapwing-Sequence must be a number from 1 upwards, Lapwing-Sender at most 128 characters"})
			return
		}
		s, ok := h.sender(name)
		if !ok {
			respond(w, http.StatusTooManyRequests, answer{Error: "too many senders"})
			return
		}
		select {
		case <-s.turn:
		case <-r.Context().Done():
			return // the sender went away while an earlier request of its was stored
		}
		defer func() { s.turn <- struct{}{} }()
		if sequence <= s.done {
			respond(w, http.StatusOK, answer{Duplicate: true})
			return
		}
		defer func() {
			if err == nil {
				s.done = sequence
			}
		}()
	}
	var a answer
	a, err = h.take(r.Context(), body, name, sequence)
	switch {
	case err == nil:
		respond(w, http.StatusOK, a)
	case errors.Is(err, accesslog.ErrUnparsed):
		respond(w, http.StatusUnprocessableEntity, answer{Error: err.Error()})
	default:
		h.Log.Error("received lines were not stored", "error", err)
		respond(w, http.StatusServiceUnavailable, answer{Error: "not stored, send again"})
	}
}

// take parses the lines, publishes the calls and waits until they are durable.
func (h *HTTP) take(ctx context.Context, body []byte, sender string, sequence int64) (answer, error) {
	builder, err := exchange.NewBuilder(h.Config)
	if err != nil {
		return answer{}, err
	}
	lines := bytes.Split(bytes.TrimRight(body, "\n"), []byte("\n"))
	var format accesslog.Format
	if h.Format == "" || h.Format == "auto" {
		format, err = accesslog.Detect(lines[:min(len(lines), sampleLines)])
	} else {
		format, err = accesslog.Compile(h.Format)
	}
	if err != nil {
		return answer{}, err
	}
	// The ID of a call is made of who sent it and where it stood.
	seed := fnv.New64a()
	fmt.Fprintf(seed, "%s\x00%d\x00", sender, sequence)
	if sender == "" {
		seed.Write(body)
	}
	parser := ingest.NewLineParser("http", format, builder)
	b := newBatcher(h.Pub, "http")
	offset := int64(0)
	for i, line := range lines {
		if len(line) > capture.MaxLine {
			parser.Report.Lines++
			parser.Unparsed(int64(i+1), errors.New("line is longer than 1 MiB"))
		} else if c := parser.Line(line, int64(i+1), seed.Sum64(), offset); c != nil {
			b.add(c)
		}
		offset += int64(len(line)) + 1
	}
	if sender != "" {
		b.reached("http:"+sender, sequence)
	}
	done := make(chan error, 1)
	if err := b.send(ctx, 0, false, func(err error) { done <- err }); err != nil {
		return answer{}, err
	}
	// Published calls will be stored whether or not the sender still waits:
	// had it gone and its number stayed open, it would send them a second time.
	err = <-done
	r := parser.Report
	h.mu.Lock()
	h.report.Lines += r.Lines
	h.report.Calls += r.Calls
	h.report.Blank += r.Blank
	h.report.Unparsed += r.Unparsed
	h.mu.Unlock()
	return answer{Lines: r.Lines, Calls: r.Calls, Unparsed: r.Unparsed}, err
}

func (h *HTTP) sender(name string) (*sender, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.senders == nil {
		h.senders = map[string]*sender{}
	}
	s := h.senders[name]
	if s == nil {
		if len(h.senders) >= maxSenders {
			return nil, false
		}
		s = &sender{turn: make(chan struct{}, 1), done: h.Resume["http:"+name]}
		s.turn <- struct{}{}
		h.senders[name] = s
	}
	return s, true
}

var errTooLarge = fmt.Errorf("more than %d bytes in one request", maxPostBytes)

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	var in io.Reader = http.MaxBytesReader(w, r.Body, maxPostBytes)
	switch r.Header.Get("Content-Encoding") {
	case "", "identity":
	case "gzip":
		gz, err := gzip.NewReader(bufio.NewReader(in))
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		in = gz
	default:
		return nil, fmt.Errorf("content encoding %q is not supported, gzip is", r.Header.Get("Content-Encoding"))
	}
	body, err := io.ReadAll(io.LimitReader(in, maxPostBytes+1))
	if err == nil && len(body) > maxPostBytes {
		err = errTooLarge
	}
	return body, err
}

func respond(w http.ResponseWriter, status int, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(a) // the sender is gone: it will ask again
}
