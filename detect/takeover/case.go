package takeover

import (
	"fmt"
	"strings"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/tell"
	"lapwing/event"
)

const detectorName = "account_takeover"

func (t *taken) entity() event.Entity {
	return event.Entity{Kind: event.KindAccount, Value: t.name}
}

var newTo = map[feature]string{newBoth: "network and program", newProgram: "program", newNetwork: "network"}

var featureNames = [firstChange]string{"login_from_new_network_and_program", "login_from_new_program", "login_from_new_network", "guesses_by_strangers_before", "guesses_by_strangers_before", "guesses_by_strangers_before", "country_changed_within_the_hour", "login_from_network_of_servers"}

// Alert tells the case.
func (t *taken) Alert() event.Alert {
	a := event.Alert{
		Detector: detectorName, Severity: event.Medium, Outcome: event.OutcomeSucceeded,
		Title:     "Account " + t.name + " may be taken over",
		StartedAt: tell.At(t.startedNS), LastSeenAt: tell.At(t.lastNS), Entity: t.entity(), Endpoint: t.ref,
		Counts:   map[string]int64{"guesses": t.guesses, "changes": t.made, "places": t.places, "duration_s": tell.Seconds(t.startedNS, t.lastNS)},
		NextStep: "Ask the owner by another way than the address on file; if it was not they, end the account's sessions, undo the changes and have the password reset.",
		Benign: []event.Hypothesis{
			{Hypothesis: "the owner has a new device or travels", Against: fmt.Sprintf("%.1f %% of the logins of this account are expected from a %s new to it, by its own past and that of others; what else happened is as rare", 100*t.usual[t.novelty], newTo[t.novelty])},
		},
		Tags: event.Tags{OWASP: []string{"API2:2023"}, OAT: []string{"OAT-008"}, Attack: []string{"T1078"}},
		Hunt: tell.Hunt(t.entity(), event.EndpointRef{}, t.startedNS),
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Account %s was entered at %s by client %s, in %s new to it", t.name, tell.Where(t.ref), t.client, newTo[t.novelty])
	if t.guesses > 0 {
		fmt.Fprintf(&b, ", after %d wrong guesses by strangers", t.guesses)
	}
	if t.made > 0 {
		var list []string
		for c, done := range t.done {
			if done {
				list = append(list, changeWords[c])
			}
		}
		fmt.Fprintf(&b, "; within %d s followed %d things that a thief does: %s", tell.Seconds(t.startedNS, t.lastNS), t.made, strings.Join(list, ", "))
		a.Tags.Attack = append(a.Tags.Attack, "T1098")
		a.Benign = append(a.Benign, event.Hypothesis{Hypothesis: "the owner puts the account in order", Against: "each of these changes follows few logins here, and this one came from a stranger"})
	}
	a.Summary = b.String()
	a.Evidence = event.Evidence{Calls: t.samples.Calls()}
	sum := 0.0
	add := func(name string, value, baseline, part float64) {
		sum += part
		a.Evidence.Features = append(a.Evidence.Features, event.Feature{Name: name, Value: value, Baseline: baseline, Contribution: evidence.Log10(part)})
	}
	for f := range firstChange {
		if t.parts[f] > 0 {
			value := 1.0
			if f >= guessed && f <= guessedMost {
				value = float64(t.guesses)
			}
			add(featureNames[f], value, t.usual[f], t.parts[f])
		}
	}
	if t.company > 0 {
		add("attempts_of_the_same_program_fail", 1, 0, t.company)
	}
	for c := range changes {
		value := 1.0
		if change(c) == changeSweep {
			value = float64(t.places)
		}
		if t.done[c] {
			add(changeFeatures[c], value, t.usual[firstChange+feature(c)], t.parts[firstChange+feature(c)])
		}
	}
	a.Evidence.Features = append(a.Evidence.Features, event.Feature{Name: "client:" + t.client, Value: 1})
	a.Evidence.ScoreLog10 = evidence.Log10(sum)
	switch changed := t.made - int64(bit(t.done[changeSweep])) - int64(bit(t.done[changeExport])); {
	case sum < detect.Medium:
		a.Severity = event.Low
	case changed > 0:
		a.Severity = event.High
	}
	return a
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
