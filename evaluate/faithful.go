package evaluate

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"lapwing/event"
)

// number is a number that stands by itself in a sentence, perhaps a percentage
// or a power of ten.
var number = regexp.MustCompile(`10\^\d+(?:\.\d+)?|\d+(?:[.,]\d+)*(?:\s?%)?`)

// times are stated in the fields started_at and last_seen_at.
var instant = regexp.MustCompile(`\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?)?`)

// faults lists what is wrong with the explanation of an alert: numbers in its
// summary that are no field of it, counts that are not those of the truth,
// contributions that do not add up, and for a right alert that none of the
// quoted calls was part of the attack.
func (l *ledger) faults(a *event.Alert, verdict Verdict, about int) []string {
	faults := unsaid(a)
	if len(a.Evidence.Features) > 0 {
		sum := 0.0
		for i := range a.Evidence.Features {
			sum += a.Evidence.Features[i].Contribution
		}
		if math.Abs(sum-a.Evidence.ScoreLog10) > 0.01+0.001*math.Abs(a.Evidence.ScoreLog10) {
			faults = append(faults, fmt.Sprintf("contributions add up to %.2f, the score is %.2f", sum, a.Evidence.ScoreLog10))
		}
	}
	if verdict != Right {
		return faults
	}
	if all, of := l.quoted(a, about); all > 0 && of == 0 {
		faults = append(faults, fmt.Sprintf("none of the %d quoted calls is part of the attack", all))
	}
	return append(faults, l.miscounted(a, about)...)
}

// unsaid lists the numbers of the summary that no field of the alert holds.
func unsaid(a *event.Alert) (faults []string) {
	text := " " + a.Summary + " "
	hide := func(s string) {
		if len(s) > 1 || s != "" && (s[0] < '0' || s[0] > '9') {
			text = strings.ReplaceAll(text, s, "·")
		}
	}
	// Names, addresses and routes hold digits that are no numbers. The longest
	// first: a value may stand within another.
	hide(a.Endpoint.Host + a.Endpoint.Route)
	hide(a.Entity.Value)
	hide(a.Endpoint.Route)
	hide(a.Endpoint.Host)
	for i := range a.Evidence.Features {
		if _, v, ok := strings.Cut(a.Evidence.Features[i].Name, ":"); ok {
			hide(v)
		}
	}
	for i := range a.Evidence.Calls {
		c := &a.Evidence.Calls[i]
		hide(c.Path)
		hide(c.Client)
	}
	text = instant.ReplaceAllString(text, "·")
	fields := values(a)
	for _, at := range number.FindAllStringIndex(text, -1) {
		if inWord(text, at[0], at[1]) {
			continue
		}
		if said := strings.TrimSpace(text[at[0]:at[1]]); !holds(fields, said) {
			faults = append(faults, fmt.Sprintf("%q in the summary is no field", said))
		}
	}
	return faults
}

// inWord reports whether text[from:to] is part of a word, a path or an address.
func inWord(text string, from, to int) bool {
	before, after := text[from-1], text[to]
	part := func(c byte) bool {
		return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '/' || c == '{' || c == '@' || c == ':' || c >= 0x80
	}
	if part(before) || before == '-' || before == '.' || before == '/' {
		return true
	}
	return part(after) && after != ':' || after == '-' || after == '.' && to+1 < len(text) && text[to+1] != ' '
}

// values are all numbers that an alert has as fields.
func values(a *event.Alert) []float64 {
	var list []float64
	for _, v := range a.Counts {
		list = append(list, float64(v))
	}
	for i := range a.Evidence.Features {
		f := &a.Evidence.Features[i]
		list = append(list, f.Value, f.Baseline, f.LikelihoodRatio, f.Contribution)
	}
	for i := range a.Evidence.Calls {
		list = append(list, float64(a.Evidence.Calls[i].Status))
	}
	return append(list, a.Evidence.ScoreLog10, a.LastSeenAt.Sub(a.StartedAt).Seconds(), float64(int64(a.LastSeenAt.Sub(a.StartedAt).Seconds())))
}

// holds reports whether one of fields reads as said, at the precision said.
func holds(fields []float64, said string) bool {
	text, scale := said, 1.0
	if rest, ok := strings.CutSuffix(text, "%"); ok {
		text, scale = strings.TrimSpace(rest), 100
	}
	text, power := strings.CutPrefix(text, "10^")
	text = strings.ReplaceAll(text, ",", "")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return false
	}
	step := 1.0
	if _, decimals, ok := strings.Cut(text, "."); ok {
		step = math.Pow(10, -float64(len(decimals)))
	}
	for _, f := range fields {
		if math.Abs(f-v) <= step/2+1e-9 || scale != 1 && math.Abs(f*scale-v) <= step/2+1e-9 || power && math.Abs(f-v) <= step {
			return true
		}
	}
	return false
}

// miscounted compares counts with the truth, for an alert whose entity is one
// address: there the truth knows how many attempts on how many accounts there
// were from the story's begin to its last event.
func (l *ledger) miscounted(a *event.Alert, about int) (faults []string) {
	if a.Entity.Kind != event.KindClient || a.Detector != "credential_stuffing" && a.Detector != "password_spraying" {
		return nil
	}
	addr, err := netip.ParseAddr(a.Entity.Value)
	if err != nil {
		return nil
	}
	attempts, accounts := 0, map[uint64]struct{}{}
	from, to := a.StartedAt.UnixNano(), a.LastSeenAt.UnixNano()
	for _, c := range l.parts[about-1].calls {
		if c.tries && c.endNS >= from && c.endNS <= to && c.caller.Unmap() == addr.Unmap() {
			attempts++
			accounts[c.who] = struct{}{}
		}
	}
	for _, c := range []struct {
		name  string
		truth int
	}{{"attempts", attempts}, {"accounts", len(accounts)}} {
		said, ok := a.Counts[c.name]
		// Within 5 %, and within one: the edges of the story.
		if ok && c.truth > 0 && math.Abs(float64(said)-float64(c.truth)) > max(1, 0.05*float64(c.truth)) {
			faults = append(faults, fmt.Sprintf("says %d %s, there were %d", said, c.name, c.truth))
		}
	}
	return faults
}
