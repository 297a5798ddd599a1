package usercheck

import (
	"math"

	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

const (
	// answersKept bounds the ways of answering that are compared at an endpoint.
	answersKept = 8
	// enough names must have had an answer before it is given a meaning.
	enough = 20
	// strangers is how many of the names behind an answer may have come in once, if
	// the answer is to mean that nobody has the name; wellKnown how many of
	// those behind another must have.
	strangers, wellKnown = 0.02, 0.20
)

// tried is a question on its way to the account it names.
type tried struct {
	question
	endpoint uint64
	ref      event.EndpointRef
	sample   event.CallSample
}

// seen is what the account sends to the endpoint: whether it came in before.
type seen struct {
	answer  uint64
	kind    kind
	entered bool
	known   bool
	reply   reply
	ref     event.EndpointRef
	sample  event.CallSample
}

// An endpoint counts, for each way of answering, names that came in before and
// names that did not.
type endpoint struct {
	answers   [answersKept]answerCount
	kind      kind
	startedNS int64
	lastNS    int64
	open      *oracle
	dirty     bool
}

type answerCount struct {
	key     uint64
	known   uint32 // names that came in before
	unknown uint32
	entered bool // the answer of a success
	says    reply
}

func (a *answerCount) n() float64     { return float64(a.known + a.unknown) }
func (a *answerCount) share() float64 { return float64(a.known) / max(1, a.n()) }

// An oracleModel says which answers of an endpoint mean that nobody has the
// name.
type oracleModel struct {
	absent [answersKept]uint64
}

func (m *oracleModel) reply(answer uint64) reply {
	for _, a := range m.absent {
		if a != 0 && a == answer {
			return replyAbsent
		}
	}
	return replyNothing
}

// tryAccount notes at an account that it came in, and tells the endpoint
// whether a name that was asked about is one that did.
func (s *Stage) tryAccount(f *detect.Fact, p *tried, out *detect.Output) {
	known := s.good.Has(f.Key, f.AtNS)
	if p.entered && p.kind != kindForgot {
		s.good.Add(f.Key, f.AtNS)
	}
	if !p.counts || p.answer == 0 || p.entered && p.kind == kindLogin {
		return // a login that succeeds tells only its owner that the name exists
	}
	if s.asked.Add(state.Join(state.Join(p.endpoint, p.answer), f.Key), f.AtNS) {
		return
	}
	out.Fact(For, p.endpoint, seen{answer: p.answer, kind: p.kind, entered: p.entered, known: known, reply: p.reply, ref: p.ref, sample: p.sample})
}

// learn counts an answer at its endpoint.
func (s *Stage) learn(f *detect.Fact, p *seen) {
	e := s.endpoints.Put(f.Key, f.AtNS)
	if e == nil {
		return
	}
	if e.startedNS == 0 {
		e.startedNS = f.AtNS
	}
	e.kind, e.lastNS = p.kind, max(e.lastNS, f.AtNS)
	for i := range e.answers {
		a := &e.answers[i]
		if a.n() > 0 && a.key != p.answer {
			continue
		}
		a.key, a.entered, a.says = p.answer, p.entered, max(a.says, p.reply)
		if p.known {
			a.known++
		} else {
			a.unknown++
		}
		if a.known+a.unknown >= 1<<16 { // forget slowly
			a.known, a.unknown = a.known/2, a.unknown/2
		}
		break
	}
	if e.open == nil {
		e.open = &oracle{ref: p.ref}
	}
	e.open.samples.AddSample(p.sample, 1+float64(p.reply))
	if !e.dirty {
		e.dirty = true
		s.dirty = append(s.dirty, f.Key)
	}
}

// Advance puts in force what endpoints have learned, and tells of oracles.
func (s *Stage) Advance(_ int64, out *detect.Output) {
	for _, key := range s.dirty {
		e := s.endpoints.Get(key)
		if e == nil {
			continue
		}
		e.dirty = false
		s.publish(key, e)
		s.finding(e, out)
	}
	s.dirty = s.dirty[:0]
}

// publish marks the answers that only strangers get, where others get one that
// people who came in get too.
func (s *Stage) publish(key uint64, e *endpoint) {
	if e.kind != kindLogin && e.kind != kindForgot {
		return
	}
	contrast := false
	for i := range e.answers {
		contrast = contrast || e.answers[i].n() >= enough && e.answers[i].share() >= wellKnown
	}
	var m oracleModel
	found := false
	for i := range e.answers {
		if a := &e.answers[i]; contrast && !a.entered && a.n() >= enough && a.share() <= strangers {
			m.absent[i], found = a.key, true
		}
	}
	if !found && s.oracles.Get(key) == nil {
		return
	}
	if o := s.oracles.Put(key, e.lastNS); o != nil {
		*o = m
	}
}

// finding tells of an endpoint whose answers tell known names from others. The
// evidence is the likelihood ratio of each answer having a share of known names
// of its own against all having one, less half a log of the names for each
// share that is fitted (Schwarz 1978).
func (s *Stage) finding(e *endpoint, out *detect.Output) {
	var known, n float64
	answers := 0
	for i := range e.answers {
		if a := &e.answers[i]; a.n() > 0 {
			known, n = known+float64(a.known), n+a.n()
			answers++
		}
	}
	if answers < 2 {
		return
	}
	p := known / n
	llr := 0.0
	o := oracle{ref: e.open.ref, samples: e.open.samples, kind: e.kind, startedNS: e.startedNS, lastNS: e.lastNS}
	for i := range e.answers {
		a := &e.answers[i]
		if a.n() == 0 {
			continue
		}
		part := divergence(float64(a.known), float64(a.unknown), p)
		llr += part
		o.answers++
		o.names += int64(a.n())
		o.known += int64(a.known)
		if part > o.most {
			o.most, o.mostNames, o.mostKnown, o.mostSays = part, int64(a.n()), int64(a.known), a.says
		}
	}
	o.penalty = 0.5 * float64(answers-1) * math.Log(n)
	o.score = llr - o.penalty
	o.rest = llr - o.most
	// A mean is not enough: one answer must be nearly pure.
	if o.score < detect.Noted || !e.tells() {
		return
	}
	*e.open = o
	out.Suspect(&detect.Suspicion{
		Detector: detectorName, Entity: e.open.entity(), Scope: "oracle", StartedNS: e.startedNS, Score: o.score, Threshold: detect.Noted, Case: e.open,
	})
}

// tells reports whether somebody who asks can tell: an answer that only
// strangers get beside one that people who came in get.
func (e *endpoint) tells() bool {
	var pure, mixed bool
	for i := range e.answers {
		a := &e.answers[i]
		if a.n() < enough {
			continue
		}
		pure = pure || a.share() <= strangers
		mixed = mixed || a.share() >= wellKnown
	}
	return pure && mixed
}

// divergence is how much likelier k of k+m is at its own share than at p.
func divergence(k, m, p float64) float64 {
	n, d := k+m, 0.0
	if k > 0 {
		d += k * math.Log(k/n/p)
	}
	if m > 0 {
		d += m * math.Log(m/n/(1-p))
	}
	return d
}
