// Package slack posts notifications to a Slack incoming webhook.
//
// Words from the traffic stand in plain_text objects, or escaped in the
// fallback text, and links are not unfurled: an attacker can neither mention
// the channel nor forge a link. Messages keep inside Block Kit's limits.
package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"lapwing/alerting"
	"lapwing/alerting/post"
)

// Limits of Block Kit, and our own below them: a whole message beyond about
// 13,000 characters is refused (msg_blocks_too_long), so none of ours comes near.
const (
	headerLimit  = 150
	sectionLimit = 2000
	fieldLimit   = 300
	textLimit    = 1000
)

// Config says where to post.
type Config struct {
	Name   string // default "slack"
	URL    string // the incoming webhook's; it is the secret
	Link   string // base URL of the console, if there is one: incidents are linked as LINK/ID
	Client post.Client
}

// A Destination posts to one webhook.
type Destination struct{ cfg Config }

var _ alerting.Destination = (*Destination)(nil)

// New returns the destination, or what is wrong with the configuration.
func New(c Config) (*Destination, error) {
	if c.Name == "" {
		c.Name = "slack"
	}
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("alerting: %s: the webhook's URL must begin with https://", c.Name)
	}
	return &Destination{c}, nil
}

// Name returns the configured name.
func (d *Destination) Name() string { return d.cfg.Name }

// Send posts n. Slack answers "ok"; anything else with a 2xx came from
// somebody in between and is tried again.
func (d *Destination) Send(ctx context.Context, n alerting.Notification) error {
	body, err := json.Marshal(d.message(n))
	if err != nil {
		return alerting.Permanent(fmt.Errorf("encode message: %w", err))
	}
	answer, err := d.cfg.Client.JSON(ctx, d.cfg.URL, body, nil)
	if err != nil {
		return err
	}
	if got := strings.TrimSpace(string(answer)); got != "ok" {
		return fmt.Errorf("answered 200 without Slack's ok: %s", alerting.Cut(alerting.Plain(got), 100))
	}
	return nil
}

type message struct {
	Text        string  `json:"text"`
	Blocks      []block `json:"blocks"`
	UnfurlLinks bool    `json:"unfurl_links"`
	UnfurlMedia bool    `json:"unfurl_media"`
}

type block struct {
	Type     string    `json:"type"`
	Text     *text     `json:"text,omitempty"`
	Fields   []text    `json:"fields,omitempty"`
	Elements []element `json:"elements,omitempty"`
}

type text struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji *bool  `json:"emoji,omitempty"`
}

type element struct {
	Type string `json:"type"`
	Text any    `json:"text"`
	URL  string `json:"url,omitempty"`
}

// plain is a text that Slack does not interpret. It may not be empty.
func plain(s string, limit int) *text {
	if s = alerting.Cut(alerting.Plain(s), limit); strings.TrimSpace(s) == "" {
		s = "-"
	}
	return &text{Type: "plain_text", Text: s, Emoji: new(bool)}
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (d *Destination) message(n alerting.Notification) message {
	title := heading(n)
	m := message{
		Text:   escaper.Replace(alerting.Cut(alerting.Plain(title+": "+n.Headline()), textLimit)),
		Blocks: []block{{Type: "header", Text: plain(title, headerLimit)}, {Type: "section", Text: plain(n.Headline(), sectionLimit)}},
	}
	if n.Kind == alerting.KindSummary {
		for i := range n.Sample {
			lead := n.Sample[i].Lead()
			m.Blocks = append(m.Blocks, block{Type: "section", Text: plain(lead.Severity.String()+" "+lead.Detector+": "+lead.Summary, fieldLimit)})
		}
		return m
	}
	lead := n.Incident.Lead()
	fields := block{Type: "section"}
	for _, f := range [...]struct{ k, v string }{
		{string(lead.Entity.Kind), lead.Entity.Value},
		{"endpoint", strings.TrimSpace(lead.Endpoint.Method + " " + lead.Endpoint.Host + lead.Endpoint.Route)},
		{"outcome", string(lead.Outcome)},
		{"evidence", fmt.Sprintf("10^%.1f", lead.Evidence.ScoreLog10)},
	} {
		if f.k != "" && f.v != "" {
			fields.Fields = append(fields.Fields, *plain(f.k+": "+f.v, fieldLimit))
		}
	}
	m.Blocks = append(m.Blocks, fields)
	if lead.NextStep != "" {
		m.Blocks = append(m.Blocks, block{Type: "section", Text: plain(lead.NextStep, fieldLimit)})
	}
	m.Blocks = append(m.Blocks, block{Type: "context", Elements: []element{{Type: "plain_text", Text: plain("lapwing alerts show "+lead.ID, fieldLimit).Text}}})
	if d.cfg.Link != "" {
		m.Blocks = append(m.Blocks, block{Type: "actions", Elements: []element{
			{Type: "button", Text: plain("Open", 75), URL: strings.TrimSuffix(d.cfg.Link, "/") + "/" + url.PathEscape(n.Incident.ID)}}})
	}
	return m
}

func heading(n alerting.Notification) string {
	lead := n.Incident.Lead()
	switch n.Kind {
	case alerting.KindSummary:
		return fmt.Sprintf("%d alerts folded", n.Folded)
	case alerting.KindResolved:
		if n.Incident.ResolvedBy != "" {
			return "Resolved by " + n.Incident.ResolvedBy + ": " + lead.Detector
		}
		return "Over: " + lead.Detector
	case alerting.KindAcknowledged:
		return "Taken by " + n.Incident.AcknowledgedBy + ": " + lead.Detector
	case alerting.KindSeverity:
		return "Now " + n.Severity().String() + ": " + lead.Detector
	case alerting.KindUpdate:
		return "Still going on (" + n.Severity().String() + "): " + lead.Detector
	}
	return strings.ToUpper(n.Severity().String()) + ": " + lead.Detector
}
