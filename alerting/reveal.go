package alerting

import (
	"strings"

	"lapwing/event"
)

// pseudonym is what names begin with wherever they are not readable.
const pseudonym = "nm-"

// reveal makes the names in n readable, if its destination may have them.
func (p *Pipeline) reveal(r *route, n *Notification) {
	if !r.Reveal || p.cfg.Reveal == nil {
		return
	}
	p.revealIncident(&n.Incident)
	for i := range n.Sample {
		p.revealIncident(&n.Sample[i])
	}
}

func (p *Pipeline) revealIncident(in *Incident) {
	for i := range in.Alerts {
		a := &in.Alerts[i]
		for _, s := range [...]*string{&a.Title, &a.Summary, &a.NextStep, &a.Entity.Value, &a.Hunt, &a.Endpoint.Route} {
			*s = revealText(*s, p.cfg.Reveal)
		}
		a.Benign = revealBenign(a.Benign, p.cfg.Reveal)
		for j := range a.Evidence.Calls {
			a.Evidence.Calls[j].Path = revealText(a.Evidence.Calls[j].Path, p.cfg.Reveal)
		}
	}
}

func revealBenign(list []event.Hypothesis, reveal func(string) string) []event.Hypothesis {
	for i := range list {
		list[i].Hypothesis = revealText(list[i].Hypothesis, reveal)
		list[i].Against = revealText(list[i].Against, reveal)
	}
	return list
}

// revealText replaces each pseudonym in s by its name.
func revealText(s string, reveal func(string) string) string {
	at := strings.Index(s, pseudonym)
	if at < 0 {
		return s
	}
	var b strings.Builder
	for at >= 0 {
		if at > 0 && wordByte(s[at-1]) { // "warm-up", not a pseudonym
			b.WriteString(s[:at+len(pseudonym)])
			s = s[at+len(pseudonym):]
		} else {
			end := at + len(pseudonym)
			for end < len(s) && wordByte(s[end]) {
				end++
			}
			b.WriteString(s[:at])
			b.WriteString(reveal(s[at:end]))
			s = s[end:]
		}
		at = strings.Index(s, pseudonym)
	}
	b.WriteString(s)
	return b.String()
}

// wordByte reports whether c may stand in a pseudonym: base64url's alphabet.
func wordByte(c byte) bool {
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '-'
}
