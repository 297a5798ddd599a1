package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"lapwing/alerting"
	"lapwing/event"
	"lapwing/store"
)

// The control API is HTTP over a unix socket in the data directory: whoever
// may enter that directory may ask and command. While a daemon runs it alone
// holds the store.

const controlSocket = "control.sock"

// listenControl opens the socket of a process that works in a data directory.
func listenControl(path string) (net.Listener, error) {
	// A socket that somebody answers on is another process's; any other was left behind.
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		conn.Close()
		return nil, fmt.Errorf("control socket: another lapwing runs on this data directory (%s answers): give one of them another directory with --data", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// listenControl opens the daemon's socket and returns the part that serves it.
func (d *daemon) listenControl() (func(context.Context) error, error) {
	listener, err := listenControl(d.cfg.path(controlSocket))
	if err != nil {
		return nil, err
	}
	c := &control{
		alerts: d.store.Alerts,
		endpoints: func(context.Context) ([]event.Endpoint, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.detection.Endpoints(), nil
		},
		pipeline: func(context.Context) (*alerting.Pipeline, error) { return d.alerts, nil },
	}
	return func(ctx context.Context) error { return serve(ctx, listener, c.handler()) }, nil
}

// serve answers until ctx ends.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(bounded) != nil {
			server.Close()
		}
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (c *control) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/alerts", func(w http.ResponseWriter, r *http.Request) {
		q, err := alertQuery(r.URL.Query())
		if err != nil {
			fail(w, http.StatusBadRequest, err)
			return
		}
		alerts, err := c.alerts(r.Context(), q)
		reply(w, alerts, err)
	})
	mux.HandleFunc("GET /v1/inventory", func(w http.ResponseWriter, r *http.Request) {
		endpoints, err := c.endpoints(r.Context())
		reply(w, endpoints, err)
	})
	// with answers from the alert log.
	with := func(do func(w http.ResponseWriter, r *http.Request, p *alerting.Pipeline)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			p, err := c.pipeline(r.Context())
			if err != nil {
				fail(w, status(err), err)
				return
			}
			do(w, r, p)
		}
	}
	mux.HandleFunc("GET /v1/incidents", with(func(w http.ResponseWriter, _ *http.Request, p *alerting.Pipeline) { reply(w, p.Incidents(), nil) }))
	mux.HandleFunc("POST /v1/alerts/{id}/{act}", with(c.act))
	mux.HandleFunc("POST /v1/alerts/{id}/verdict", with(c.judge))
	mux.HandleFunc("GET /v1/verdicts", with(func(w http.ResponseWriter, _ *http.Request, p *alerting.Pipeline) { reply(w, p.Verdicts(), nil) }))
	mux.HandleFunc("GET /v1/silences", with(func(w http.ResponseWriter, _ *http.Request, p *alerting.Pipeline) { reply(w, p.Silences(), nil) }))
	mux.HandleFunc("POST /v1/silences", with(func(w http.ResponseWriter, r *http.Request, p *alerting.Pipeline) {
		var s alerting.Silence
		if err := readJSON(w, r, &s); err != nil {
			fail(w, http.StatusBadRequest, err)
			return
		}
		s, err := p.AddSilence(s)
		reply(w, s, err)
	}))
	mux.HandleFunc("DELETE /v1/silences/{id}", with(func(w http.ResponseWriter, r *http.Request, p *alerting.Pipeline) {
		reply(w, map[string]string{"id": r.PathValue("id")}, p.ExpireSilence(r.PathValue("id")))
	}))
	return mux
}

// act acknowledges or resolves what an alert belongs to.
func (c *control) act(w http.ResponseWriter, r *http.Request, p *alerting.Pipeline) {
	var by struct {
		By string `json:"by"`
	}
	if err := readJSON(w, r, &by); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	id, err := c.oneAlert(r.Context(), r.PathValue("id"))
	if err != nil {
		fail(w, http.StatusNotFound, err)
		return
	}
	switch r.PathValue("act") {
	case "acknowledge":
		err = p.Acknowledge(id, by.By)
	case "resolve":
		err = p.Resolve(id, by.By)
	default:
		fail(w, http.StatusNotFound, fmt.Errorf("no such act: %s", r.PathValue("act")))
		return
	}
	reply(w, map[string]string{"id": id}, err)
}

// judge notes a verdict on an alert.
func (c *control) judge(w http.ResponseWriter, r *http.Request, p *alerting.Pipeline) {
	var j alerting.Judgement
	if err := readJSON(w, r, &j); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	id, err := c.oneAlert(r.Context(), r.PathValue("id"))
	if err != nil {
		fail(w, http.StatusNotFound, err)
		return
	}
	v, err := p.Judge(id, j)
	reply(w, v, err)
}

// oneAlert finds the only alert whose ID begins as given.
func (c *control) oneAlert(ctx context.Context, prefix string) (string, error) {
	found, err := c.alerts(ctx, store.AlertQuery{ID: prefix})
	if err != nil {
		return "", err
	}
	return only(found, prefix)
}

func only(found []event.Alert, prefix string) (string, error) {
	switch {
	case prefix == "" || len(found) == 0:
		return "", fmt.Errorf("no alert has the ID %q", prefix)
	case len(found) > 1:
		return "", fmt.Errorf("%d alerts begin with %q: give more of the ID", len(found), prefix)
	}
	return found[0].ID, nil
}

func alertQuery(v url.Values) (store.AlertQuery, error) {
	q := store.AlertQuery{ID: v.Get("id"), Detector: v.Get("detector"), Status: event.Status(v.Get("status"))}
	if s := v.Get("severity"); s != "" {
		severity, ok := event.ParseSeverity(s)
		if !ok {
			return q, fmt.Errorf("severity %q is not one of info, low, medium, high, critical", s)
		}
		q.Severity = severity
	}
	if s := v.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return q, fmt.Errorf("limit %q is no number", s)
		}
		q.Limit = n
	}
	if s := v.Get("since"); s != "" {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return q, fmt.Errorf("since %q is no RFC 3339 time", s)
		}
		q.Since = t
	}
	return q, nil
}

func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil && err != io.EOF {
		return fmt.Errorf("request body: %w", err)
	}
	return nil
}

func reply(w http.ResponseWriter, v any, err error) {
	if err != nil {
		fail(w, status(err), err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // whoever asked is gone
}

func fail(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}

// errNoDaemon says that nobody listens on the control socket.
var errNoDaemon = errors.New("no lapwing runs on this data directory")

// A client talks to a running daemon.
type client struct {
	http *http.Client
}

// dial connects to the daemon of a data directory, or returns errNoDaemon.
func dial(data string) (*client, error) {
	path := data + "/" + controlSocket
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", errNoDaemon, err)
	}
	conn.Close()
	return &client{&http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}}, nil
}

func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = strings.NewReader(string(data))
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://lapwing"+path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var failure struct {
			Error string `json:"error"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&failure); err != nil || failure.Error == "" {
			return fmt.Errorf("the daemon answered %s", resp.Status)
		}
		return errors.New(failure.Error)
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
