package alerting_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"lapwing/alerting"
	"lapwing/alerting/file"
	"lapwing/alerting/pagerduty"
	"lapwing/alerting/post"
	"lapwing/alerting/slack"
	"lapwing/alerting/stdout"
	"lapwing/alerting/webhook"
	"lapwing/event"
)

const (
	secret     = "s3cr3tpart"
	routingKey = "0123456789abcdef0123456789abcdef"
)

// long is how long a client waits on a busy machine.
const long = time.Minute

// httpDestinations are all that talk HTTP, aimed at url.
func httpDestinations(t *testing.T, url string, patience time.Duration) []alerting.Destination {
	t.Helper()
	client := post.Client{HTTP: &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	w, err := webhook.New(webhook.Config{URL: url + "/" + secret, Secret: "whsec_" + base64.StdEncoding.EncodeToString([]byte(secret)), Client: client})
	if err != nil {
		t.Fatal(err)
	}
	s, err := slack.New(slack.Config{URL: url + "/services/" + secret, Link: "https://lapwing.example/incidents", Client: client})
	if err != nil {
		t.Fatal(err)
	}
	p, err := pagerduty.New(pagerduty.Config{RoutingKey: routingKey, URL: url + "/" + secret, Client: client})
	if err != nil {
		t.Fatal(err)
	}
	return []alerting.Destination{w, s, p}
}

// hostile is a notification full of what attackers and large incidents bring.
func hostile(kind alerting.Kind, size int) alerting.Notification {
	evil := "<!channel> *bold* <https://evil.example|click> \x1b[2J\u202e & " + strings.Repeat("ä", size)
	a := event.Alert{
		ID: "4KQ2M00000000000000000000A", IncidentID: "inc", Revision: 1, Detector: "scraping", Severity: event.High, Status: event.StatusOpen,
		Title: evil, Summary: evil, NextStep: evil, Entity: event.Entity{Kind: event.KindUser, Value: evil}, Outcome: event.OutcomeSucceeded,
		Endpoint: event.EndpointRef{Host: evil, Method: "GET", Route: evil}, Hunt: evil, Evidence: event.Evidence{ScoreLog10: 11.4},
		DetectedAt: time.Date(2026, 11, 21, 20, 53, 9, 0, time.UTC),
	}
	n := alerting.Notification{
		Key: "inc-1", Kind: kind, At: a.DetectedAt,
		Incident: alerting.Incident{ID: "inc", FirstAlert: a.ID, State: alerting.StateOpen, Severity: event.High, Alerts: []event.Alert{a}},
	}
	if kind == alerting.KindSummary {
		n.Folded, n.Incident = 42, alerting.Incident{}
		for range 10 {
			n.Sample = append(n.Sample, alerting.Incident{ID: "x", Severity: event.High, Alerts: []event.Alert{a}})
		}
	}
	return n
}

var kinds = []alerting.Kind{alerting.KindOpen, alerting.KindSeverity, alerting.KindUpdate, alerting.KindAcknowledged, alerting.KindResolved, alerting.KindSummary}

// Every destination must judge every answer alike, and never tell a secret.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name      string
		answer    http.HandlerFunc
		ok        bool
		permanent bool
		after     time.Duration
	}{
		{"taken", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }, true, false, 0},
		{"busy", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "30"); w.WriteHeader(429) }, false, false, 30 * time.Second},
		{"busy, no hint", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, false, false, 0},
		{"broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, false, false, 0},
		{"malformed", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "invalid_payload", 400) }, false, true, 0},
		{"forbidden", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "action_prohibited", http.StatusForbidden) }, false, true, 0},
		{"gone", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "channel_is_archived", http.StatusGone) }, false, true, 0},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		}, false, true, 0},
		{"nothing", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client left
			<-r.Context().Done()
		}, false, false, 0},
		{"garbage", func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = c.Write([]byte("\x00\xffnot http\r\n\r\n"))
				_ = c.Close()
			}
		}, false, false, 0},
		{"endless error page", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			for range 1000 {
				if _, err := w.Write(bytes.Repeat([]byte("x"), 4096)); err != nil {
					return
				}
			}
		}, false, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.answer)
			defer server.Close()
			defer server.CloseClientConnections()
			patience := long
			if c.name == "nothing" {
				patience = 300 * time.Millisecond // how long the test takes, not what it asserts
			}
			for _, d := range httpDestinations(t, server.URL, patience) {
				err := d.Send(context.Background(), hostile(alerting.KindOpen, 10))
				if (err == nil) != c.ok || alerting.IsPermanent(err) != c.permanent || alerting.RetryDelay(err) != c.after {
					t.Errorf("%s: %v (permanent %v, after %v)", d.Name(), err, alerting.IsPermanent(err), alerting.RetryDelay(err))
				}
				if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), routingKey) || len(err.Error()) > 500) {
					t.Errorf("%s: an error tells too much: %v", d.Name(), err)
				}
			}
		})
	}
	for _, d := range httpDestinations(t, "http://127.0.0.1:1", long) { // nobody listens
		if err := d.Send(context.Background(), hostile(alerting.KindOpen, 1)); err == nil || alerting.IsPermanent(err) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", d.Name(), err)
		}
	}
}

// What is sent keeps inside the vendors' limits, whatever the alert holds.
func TestMessages(t *testing.T) {
	var body []byte
	var head http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		head = r.Header
		fmt.Fprint(w, "ok")
	}))
	defer server.Close()
	for _, size := range []int{0, 10, 5000, 200_000} {
		for _, kind := range kinds {
			n := hostile(kind, size)
			for _, d := range httpDestinations(t, server.URL, long) {
				if err := d.Send(context.Background(), n); err != nil {
					t.Fatalf("%s %s %d: %v", d.Name(), kind, size, err)
				}
				if !json.Valid(body) || !utf8.Valid(body) {
					t.Fatalf("%s: no JSON", d.Name())
				}
				switch d.Name() {
				case "slack":
					checkSlack(t, body)
				case "pagerduty":
					checkPagerDuty(t, kind, body)
				case "webhook":
					mac := hmac.New(sha256.New, []byte(secret))
					fmt.Fprintf(mac, "%s.%s.%s", head.Get("webhook-id"), head.Get("webhook-timestamp"), body)
					if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); head.Get("webhook-signature") != want || head.Get("webhook-id") != n.Key {
						t.Errorf("signature %q, id %q", head.Get("webhook-signature"), head.Get("webhook-id"))
					}
				}
			}
		}
	}
}

func checkSlack(t *testing.T, body []byte) {
	t.Helper()
	var m struct {
		Text   string
		Unfurl *bool `json:"unfurl_links"`
		Blocks []struct {
			Type     string
			Text     *struct{ Type, Text string }
			Fields   []struct{ Type, Text string }
			Elements []struct {
				Type string
				URL  string
			}
		}
	}
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(m.Text, "<>") || m.Unfurl == nil || *m.Unfurl || len(m.Blocks) > 50 || len(m.Blocks) == 0 {
		t.Errorf("text %.80q, %d blocks", m.Text, len(m.Blocks))
	}
	total := 0
	limit := map[string]int{"header": 150, "section": 3000}
	for _, b := range m.Blocks {
		if b.Text != nil {
			n := utf8.RuneCountInString(b.Text.Text)
			total += n
			if n == 0 || n > limit[b.Type] || b.Text.Type != "plain_text" {
				t.Errorf("%s of %d characters as %s", b.Type, n, b.Text.Type)
			}
		}
		if b.Type == "section" && b.Text == nil && len(b.Fields) == 0 {
			t.Error("a section without text")
		}
		for _, f := range b.Fields {
			total += utf8.RuneCountInString(f.Text)
			if f.Type != "plain_text" || utf8.RuneCountInString(f.Text) > 2000 || len(b.Fields) > 10 {
				t.Errorf("field %s of %d", f.Type, len(f.Text))
			}
		}
	}
	if total > 13_000 {
		t.Errorf("%d characters in all", total)
	}
}

func checkPagerDuty(t *testing.T, kind alerting.Kind, body []byte) {
	t.Helper()
	var e struct {
		RoutingKey  string `json:"routing_key"`
		EventAction string `json:"event_action"`
		DedupKey    string `json:"dedup_key"`
		Payload     *struct{ Summary, Source, Severity string }
	}
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatal(err)
	}
	action := map[alerting.Kind]string{alerting.KindAcknowledged: "acknowledge", alerting.KindResolved: "resolve"}[kind]
	if action == "" {
		action = "trigger"
	}
	if len(body) > 512_000 || e.EventAction != action || e.RoutingKey != routingKey || e.DedupKey == "" || len(e.DedupKey) > 255 {
		t.Errorf("%d bytes, %s, key %q", len(body), e.EventAction, e.DedupKey)
	}
	if kind != alerting.KindSummary && e.DedupKey != "4KQ2M00000000000000000000A" {
		t.Errorf("dedup_key %q is not the alert's ID", e.DedupKey)
	}
	if action == "trigger" && (e.Payload == nil || e.Payload.Summary == "" || utf8.RuneCountInString(e.Payload.Summary) > 1024 || e.Payload.Source == "" || e.Payload.Severity != "error") {
		t.Errorf("payload %.200v", e.Payload)
	}
}

func TestStdout(t *testing.T) {
	var b bytes.Buffer
	d := stdout.New(stdout.Config{W: &b})
	for _, kind := range kinds {
		if err := d.Send(context.Background(), hostile(kind, 3)); err != nil {
			t.Fatal(err)
		}
	}
	if lines := strings.Count(b.String(), "\n"); lines != 2*len(kinds) {
		t.Errorf("%d lines for %d notifications", lines, len(kinds))
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Error("control characters reached the terminal")
	}
	if !strings.HasPrefix(b.String(), "20:53:09  HIGH      scraping              <!channel>") || !strings.Contains(b.String(), "evidence 10^11.4   lapwing alerts show 4KQ2M\n") {
		t.Errorf("%s", b.String())
	}
	b.Reset()
	if err := stdout.New(stdout.Config{W: &b, Color: true}).Send(context.Background(), hostile(alerting.KindOpen, 0)); err != nil || !strings.Contains(b.String(), "\x1b[31mHIGH") {
		t.Errorf("%v %q", err, b.String())
	}
}

func TestFileFollowsRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.ndjson")
	if err := os.WriteFile(path, []byte(`{"half`), 0o600); err != nil { // a crash's remains
		t.Fatal(err)
	}
	d, err := file.New(file.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	send := func() {
		t.Helper()
		if err := d.Send(context.Background(), hostile(alerting.KindOpen, 3)); err != nil {
			t.Fatal(err)
		}
	}
	send()
	send()
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	send()
	for name, want := range map[string]int{path + ".1": 2, path: 1} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		whole := 0
		for line := range bytes.Lines(data) {
			var p alerting.Payload
			if json.Unmarshal(line, &p) == nil && p.Type == "incident.open" && p.Data.Incident.Alerts[0].Detector == "scraping" {
				whole++
			}
		}
		if whole != want {
			t.Errorf("%s: %d whole lines, want %d", name, whole, want)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestConfigurationsRefused(t *testing.T) {
	for name, err := range map[string]error{
		"webhook URL":    second(webhook.New(webhook.Config{URL: "ftp://x"})),
		"webhook secret": second(webhook.New(webhook.Config{URL: "https://x", Secret: "whsec_!!" + secret})),
		"slack URL":      second(slack.New(slack.Config{URL: secret})),
		"routing key":    second(pagerduty.New(pagerduty.Config{RoutingKey: secret})),
		"file path":      second(file.New(file.Config{})),
	} {
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
