package objects

import (
	"fmt"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/scraping"
	"lapwing/detect/scraping/crawler"
	"lapwing/detect/state"
	"lapwing/event"
)

const (
	maxWalkers = 65_536
	// unprovenFrom distinct objects are asked for before a source that cannot
	// show disclosures may raise an alert: walking or failing alone must last.
	unprovenFrom = 25
	// walksFrom is the number of steps from which a walk alone is evidence.
	walksFrom = 16
)

// A walker is one actor at one place for identifiers.
type walker struct {
	score       evidence.Score
	steps       walk
	touched     int32 // distinct objects
	undisclosed int32
	nextLearned int32
	passed      int32 // undisclosed objects that were let pass until a walk shows
	learned     counted
	censused    int32   // of touched: told to the place
	shared      counted // foreign objects: told to the place
	shown       int32   // distinct objects that were read and others may read
	untold      int32   // of these: that no answer had told of
	guessed     int32   // distinct objects that no answer told of and that were not answered
	guesses     tally   // of that: told to the place
	tale        *enumerationCase
}

// answer is how a request for an object ended.
type answer uint8

const (
	silent  answer = iota // says nothing: no response, server error, throttled
	read                  // 2xx, or 304
	denied                // 403
	login                 // 401
	missing               // 404, 410, and pages that only look like success
)

func answerOf(o *detect.Observation) answer {
	switch st := o.Call.Status; {
	case o.Route.SoftMissing, st == 404, st == 410:
		return missing
	case st >= 200 && st < 300, st == 304:
		return read
	case st == 403:
		return denied
	case st == 401:
		return login
	}
	return silent
}

// enumerated weighs one distinct object that an actor asked for.
func (s *Stage) enumerated(o *detect.Observation, r *event.IDRef, p *param, key uint64, how answer, know knowledge, m *memory, of noun, out sink) {
	w := s.walkers.Put(state.Join(o.Actor, key), o.AtNS)
	if w == nil {
		return
	}
	if how == read && !s.classes.Get(state.Join(state.Hash(s.seed, o.Call.Host), uint64(of))).private() {
		s.reads(o, w, key, r.Hash, know == unknown, out)
	}
	if w.touched++; w.touched == 1 && p != nil && o.Call.Source == event.SourcePacket {
		p.began(know)
	}
	if know == unknown {
		w.undisclosed++
	}
	if r.Class == event.ClassInt && know != told {
		w.steps.add(r.Int, o.AtNS)
	}
	seen := o.Call.Source == event.SourcePacket
	if seen && w.touched == 1 {
		s.census(o, w, key, true, out)
	}
	if w.touched >= max(w.nextLearned, firstCounted) {
		w.nextLearned = 2 * w.touched
		if seen {
			s.census(o, w, key, false, out)
		}
		if p != nil && seen && how != login {
			w.learned = p.learn(w.learned, w.undisclosed, w.touched, w.score.S < detect.Noted/2)
		}
	}
	p0, on := p.ceiling()
	proven := on && o.Call.Source == event.SourcePacket && !p.linked()
	test := evidence.Test{P0: p0, P1: undisclosedP1}
	var v vote
	if proven {
		v = s.unknownObject(w, m, of, how, know, p)
		if know == unknown && (how == missing || how == denied) && w.guessed < partsKept {
			s.guessed(o, w, key, how, out)
		}
	} else {
		test.P0 = undisclosedP0
		v = walkedObject(w, how)
		if v.hit && how == read && o.Call.Source == event.SourceLog && m.spend(of) {
			v = vote{passes: true} // read a list before, which a log does not show
		}
	}
	late := int32(0)
	switch {
	case v.passes:
		w.passed = min(w.passed+1, wideWindow)
	case v.hit && how == read && w.steps.n >= walksFrom && w.passed > 0 && w.steps.walks():
		// What was let pass was the beginning of this.
		late, w.passed = w.passed, 0
		v.weight += v.weight * float64(late)
	}
	if v.weight == 0 || !v.hit && w.score.S <= 0 {
		return
	}
	s.weigh(o, key, w, test, v, late, how, proven, p, out)
}

// A vote is what one object says.
type vote struct {
	hit    bool
	weight float64 // 0: nothing
	passes bool    // an undisclosed object that alone says nothing, and as part of a walk would
}

// unknownObject is the test where disclosures are seen: does the actor ask for
// what nobody told it of?
func (s *Stage) unknownObject(w *walker, m *memory, of noun, how answer, know knowledge, p *param) vote {
	walks := w.steps.walks()
	scans := walks && w.steps.n >= walksFrom
	switch {
	case know == told:
		return vote{weight: 1}
	case know == mentioned && scans, how == login && scans:
		return vote{hit: true, weight: 0.5}
	case know == mentioned: // perhaps told: says nothing either way, unless it is one step of a scan
		return vote{}
	case m.told.Full():
		s.stats.Suspended++
		return vote{}
	case how == login: // an expired session asks for its own objects and gets 401
		return vote{}
	case how != read:
		if m.page && !walks {
			return vote{hit: true, weight: 0.5}
		}
		return vote{hit: true, weight: 1}
	case m.spend(of): // before the walk: lists are read in their order
		s.stats.Suspended++
		return vote{}
	case walks:
		return vote{hit: true, weight: 1}
	case p == nil || !p.listed(): // identifiers may come from elsewhere for everybody
		return vote{passes: true}
	case m.page:
		return vote{hit: true, weight: 0.25}
	case p.cold(): // what was disclosed before we began to listen is not known
		return vote{hit: true, weight: 0.5}
	}
	return vote{hit: true, weight: 1}
}

// walkedObject is the test where they are not: does the actor walk, and fail?
func walkedObject(w *walker, how answer) vote {
	walks := w.steps.n >= walksFrom && w.steps.walks()
	fails := how == denied || how == missing || how == login && walks
	switch {
	case walks && fails:
		return vote{hit: true, weight: 1}
	case fails:
		return vote{hit: true, weight: 0.5}
	case walks:
		return vote{hit: true, weight: 0.25}
	case how == login:
		return vote{}
	}
	return vote{weight: 1, passes: true}
}

func (s *Stage) weigh(o *detect.Observation, key uint64, w *walker, test evidence.Test, v vote, late int32, how answer, proven bool, p *param, out sink) {
	c := o.Call
	wKey := state.Join(o.Actor, key)
	noted := w.score.Peak >= detect.Noted
	began := w.score.Add(test, v.hit, v.weight)
	if w.score.S <= 0 {
		if w.tale != nil && noted {
			out.Acquit("object_enumeration", w.tale.at.entity, w.tale.at.route)
		}
		w.tale, w.score.Peak = nil, 0
		s.walkers.Protect(wKey, 0)
		return
	}
	if began || w.tale == nil {
		w.tale = &enumerationCase{story: newStory(placeOf(o, key), o.AtNS)}
	}
	t := w.tale
	if v.hit {
		t.count(how == read, how == missing, o.AtNS)
		t.objects += int64(late)
		t.read += int64(late)
		telling := 0.0
		if how == read {
			telling = 1 + float64(len(c.Sensitive.Response))
			t.sawSensitive(c.Sensitive.Response)
		}
		t.samples.Add(c, telling)
		if how == read {
			out.Fact(scraping.Name, o.Actor, scraping.Undisclosed{Objects: 1 + late})
		}
	} else {
		t.disclosed++
		t.lastNS = max(t.lastNS, o.AtNS)
	}
	s.walkers.Protect(wKey, protection(w.score.S))
	if w.score.S < detect.Noted || !proven && t.objects < unprovenFrom {
		return
	}
	t.score, t.test, t.proven, t.cold = w.score, test, proven, p.cold()
	t.steps, t.stride = w.steps.steps()
	if r := s.readers.Get(wKey); r != nil {
		t.told = r.score.S >= detect.Medium
	}
	t.crawler = crawler.Declared(c.UserAgent)
	out.Suspect(&detect.Suspicion{
		Detector: "object_enumeration", Entity: t.at.entity, Scope: t.at.route, StartedNS: t.startNS,
		Score: w.score.S, Impact: int(t.read), Case: t,
	})
}

// An enumerationCase tells of an actor that tries identifiers.
type enumerationCase struct {
	*story
	disclosed int64
	steps     float64
	stride    int64
	proven    bool // disclosures were seen
	crawler   bool
	told      bool // bola tells of the same actor at the same place
}

// Alert implements detect.Case.
func (e *enumerationCase) Alert() event.Alert {
	a := e.alert("object_enumeration")
	a.Counts["disclosed"] = e.disclosed
	a.Severity = e.severity()
	a.Title = "Object identifiers were tried one by one"
	what := "objects that no answer had told it of"
	hits, misses := "undisclosed_objects", "disclosed_objects"
	against := "The answers that this actor got before named none of these objects."
	if !e.proven {
		what = "objects by walking or guessing their identifiers"
		hits, misses = "walked_or_failed_objects", "other_objects"
		against = "The identifiers follow each other in steps or fail, as links from pages do not."
	}
	a.Summary = fmt.Sprintf("%s %s asked for %d %s on %s %s%s within %d s; %s",
		e.at.entity.Kind, e.at.entity.Value, e.objects, what, e.at.method, e.at.host, e.at.route, a.Counts["seconds"], e.outcome())
	a.NextStep = "Check whether the objects that were read were meant for this caller; if not, add an ownership check or unguessable identifiers."
	a.Evidence.Features = append(e.score.Features(e.test, hits, misses, "none"),
		event.Feature{Name: "step_share", Value: e.steps, Baseline: walking},
		event.Feature{Name: "stride", Value: float64(e.stride)},
		event.Feature{Name: "read_share", Value: float64(e.read) / float64(max(1, e.objects))})
	a.Benign = []event.Hypothesis{
		{Hypothesis: "Infinite scroll, export or synchronisation of listed objects.", Against: against},
		{Hypothesis: "Links from outside, such as search results or mail.", Against: fmt.Sprintf("%d distinct objects are more than links explain at this place, where at most %.2f of an actor's objects may come that way.", e.objects, e.test.P0)},
	}
	a.Tags = event.Tags{OWASP: []string{"API1:2023", "API3:2023"}, OAT: []string{"OAT-011"}, Attack: []string{"T1213", "T1119"}}
	return a
}

func (e *enumerationCase) severity() event.Severity {
	switch {
	case e.score.S < detect.Medium, e.crawler:
		return event.Low
	case !e.proven && e.read == e.objects && e.at.entity.Kind != event.KindClient:
		// A log that shows a known caller read existing objects in order: most likely an export.
		return event.Low
	case e.told: // one attack is told once as loudly as it deserves
		return event.Medium
	case e.score.S >= detect.High && e.read >= manyOwners && len(e.sensitive) > 0:
		return event.High
	}
	return event.Medium
}
