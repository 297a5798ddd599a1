package sigma

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

var notID = regexp.MustCompile(`[^a-z0-9]+`)

// slug makes an ID of the title.
func (d *document) slug() string {
	s := strings.Trim(notID.ReplaceAllString(strings.ToLower(d.title), "-"), "-")
	if len(s) > 48 {
		s = strings.Trim(s[:48], "-")
	}
	if s == "" {
		s = "rule"
	}
	return "sigma-" + s
}

var technique = regexp.MustCompile(`^attack\.(t\d{4}(?:\.\d{3})?)$`)

// yaml writes the rule. Who wrote it and under which number stays with it, as
// the Detection Rule License asks.
func (d *document) yaml(id string) string {
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s: %s\n", key, scalar(value))
		}
	}
	fmt.Fprintf(&b, "- id: %s\n", id)
	line("title", braces(cut(d.title, 300))+": {entity}")
	credit := "Sigma rule"
	if d.sigma != "" {
		credit += " " + d.sigma
	}
	if d.author != "" {
		credit += " by " + d.author
	}
	line("description", cut(strings.TrimSpace(d.description)+" ("+credit+")", 2000))
	level := map[string]string{"informational": "info", "low": "low", "medium": "medium", "high": "high", "critical": "critical"}[d.level]
	if level == "" {
		level = "medium"
	}
	line("severity", level)
	if d.correlation != nil {
		b.WriteString(d.form)
	} else {
		fmt.Fprintf(&b, "  group_by: [client]\n  when: |-\n%s", indent(d.expression, 4))
	}
	var attack []string
	for _, tag := range d.tags {
		if m := technique.FindStringSubmatch(strings.ToLower(tag)); m != nil && len(attack) < 20 {
			attack = append(attack, strings.ToUpper(m[1]))
		}
	}
	if len(attack) > 0 {
		fmt.Fprintf(&b, "  tags: {attack: [%s]}\n", strings.Join(attack, ", "))
	}
	var harmless []string
	for _, h := range d.harmless {
		if h != "" && !strings.EqualFold(h, "unknown") && !strings.EqualFold(h, "unlikely") && len(harmless) < 10 {
			harmless = append(harmless, h)
		}
	}
	list := func(key string, values []string) {
		if len(values) == 0 {
			return
		}
		fmt.Fprintf(&b, "  %s:\n", key)
		for _, v := range values {
			fmt.Fprintf(&b, "  - %s\n", scalar(cut(v, 1000)))
		}
	}
	list("benign", harmless)
	list("references", d.references[:min(len(d.references), 20)])
	return b.String()
}

// scalar writes a text as JSON does, which YAML reads.
func scalar(s string) string {
	data, err := json.Marshal(strings.ToValidUTF8(s, "?"))
	if err != nil { // a text is always written
		return `""`
	}
	return string(data)
}

func cut(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit])
	}
	return s
}

// braces takes their meaning in templates away.
func braces(s string) string { return strings.NewReplacer("{", "{{", "}", "}}").Replace(s) }

func indent(s string, by int) string {
	var b strings.Builder
	for line := range strings.SplitSeq(s, "\n") {
		b.WriteString(strings.Repeat(" ", by))
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}
