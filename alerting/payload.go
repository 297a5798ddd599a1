package alerting

import (
	"strings"
	"time"
	"unicode/utf8"
)

// A Payload is a notification as machines get it: the envelope that Standard
// Webhooks advises, with the notification as its data.
type Payload struct {
	Type      string       `json:"type"` // incident.open, incident.severity, … or alerts.summary
	Timestamp time.Time    `json:"timestamp"`
	Data      Notification `json:"data"`
}

// Payload wraps n.
func (n Notification) Payload() Payload {
	t := "incident." + string(n.Kind)
	if n.Kind == KindSummary {
		t = "alerts.summary"
	}
	return Payload{Type: t, Timestamp: n.At, Data: n}
}

// Plain returns s fit for a terminal or a message: control characters, among
// them those that move cursors or reverse text, become spaces.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029, r == 0x200e, r == 0x200f:
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// Cut shortens s to at most limit characters, the last an ellipsis if anything
// was cut. Vendors count characters, not bytes.
func Cut(s string, limit int) string {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n == limit-1 {
			return s[:i] + "…"
		}
		n++
	}
	return s
}
