package evasion

import (
	"fmt"
	"math"
	"net/netip"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/tell"
	"lapwing/event"
)

// renamed tests whether a call comes from a program that its address never
// showed before. A busy address that is seen for the first time shows new ones
// most of the time, until they come back: of 300 that call by turns, the 34th
// call already brings a known one with one chance in nine. .89 is tolerated.
var renamed = evidence.Test{P0: 0.70, P1: 0.98}

// fewNames is how many programs an address must have shown.
const fewNames = 40

// A churn is what is known of one address.
type churn struct {
	score     evidence.Score
	names     int64
	calls     int64
	startedNS int64
	lastNS    int64
	open      *changing
}

// churn counts a call of an address; novel says that its program is new there.
func (s *Stage) churn(o *detect.Observation, k *churn, novel bool, out *detect.Output) {
	c := o.Call
	if k.score.S == 0 && !novel {
		return
	}
	if k.score.Add(renamed, novel, 1) {
		k.startedNS, k.names, k.calls, k.open = o.AtNS, 0, 0, nil
	}
	k.calls++
	k.lastNS = max(k.lastNS, o.AtNS)
	if novel {
		k.names++
	}
	s.clients.Protect(o.Client, uint8(min(200, k.score.S*10)))
	if k.score.S < detect.Noted/2 {
		return
	}
	if k.open == nil {
		k.open = &changing{entity: event.Entity{Kind: event.KindClient, Value: c.Client.String()}}
	}
	k.open.samples.Add(c, 1)
	if k.score.S < detect.Noted || k.names < fewNames {
		return
	}
	k.open.ref, k.open.score = tell.Endpoint(o), k.score
	k.open.names, k.open.calls, k.open.startedNS, k.open.lastNS = k.names, k.calls, k.startedNS, k.lastNS
	out.Suspect(&detect.Suspicion{
		Detector: detectorName, Entity: k.open.entity, StartedNS: k.startedNS, Score: k.score.S,
		Impact: int(min(k.names, math.MaxInt32)), Case: k.open,
	})
}

// wide is the network of a call where no table of networks says better: /16 or
// /32, beyond which a person seldom moves.
func wide(o *detect.Observation) netip.Prefix {
	a := o.Call.Client.Unmap()
	bits := 32
	if a.Is4() {
		bits = 16
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

const detectorName = "evasion"

// A changing case tells of an address with ever new programs. It implements
// detect.Case.
type changing struct {
	entity    event.Entity
	ref       event.EndpointRef
	score     evidence.Score
	names     int64
	calls     int64
	startedNS int64
	lastNS    int64
	samples   evidence.Samples
}

// Alert tells the case.
func (c *changing) Alert() event.Alert {
	duration := tell.Seconds(c.startedNS, c.lastNS)
	return event.Alert{
		Detector: detectorName, Severity: event.Low, Outcome: event.OutcomeUnknown,
		Title:     "Client " + c.entity.Value + " keeps changing its program",
		Summary:   fmt.Sprintf("Client %s showed %d new programs in %d calls within %d s", c.entity.Value, c.names, c.calls, duration),
		StartedAt: tell.At(c.startedNS), LastSeenAt: tell.At(c.lastNS), Entity: c.entity, Endpoint: c.ref,
		Counts:   map[string]int64{"programs": c.names, "calls": c.calls, "duration_s": duration},
		NextStep: "See what the client asks for: whoever hides behind made-up programs has a reason.",
		Benign: []event.Hypothesis{
			{Hypothesis: "many people behind one address", Against: "each would go on calling with the program they have; here nearly every call brings a new one"},
		},
		Tags:     event.Tags{Attack: []string{"T1036"}},
		Hunt:     tell.Hunt(c.entity, event.EndpointRef{}, c.startedNS),
		Evidence: event.Evidence{ScoreLog10: evidence.Log10(c.score.S), Features: c.score.Features(renamed, "calls_with_new_program", "calls_with_known_program", ""), Calls: c.samples.Calls()},
	}
}
