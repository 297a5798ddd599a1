package objects

import (
	"lapwing/detect"
	"lapwing/detect/overlap"
	"lapwing/detect/state"
	"lapwing/event"
)

// reads tells what one actor was the first time shown to the stage that
// compares what many are shown. What belongs to one owner alone is left out:
// nobody else could have read it.
func (s *Stage) reads(o *detect.Observation, w *walker, key, object uint64, undisclosed bool, out sink) {
	c := o.Call
	if c.Method != "GET" && c.Method != "HEAD" && c.Operation == "" {
		return
	}
	w.shown++
	t := overlap.Touch{
		Object: object, Reads: w.shown, Sensitive: len(c.Sensitive.Response) > 0,
		Program: s.nouns.program(c),
	}
	if undisclosed && c.Source == event.SourcePacket {
		w.untold++
		t.Untold = w.untold
	}
	if w.shown == 1 || t.Untold == 1 {
		at := placeOf(o, key)
		t.From = &overlap.Origin{
			Fingerprint: c.Fingerprint, UserAgent: c.UserAgent[:min(len(c.UserAgent), longestKept)],
			Host: at.host, Method: at.method, Route: at.route, Sample: event.SampleOf(c),
		}
	}
	out.Fact(overlap.Name, key, t)
}

// program is the key of what program called; 0 if nothing tells it.
func (n *nouns) program(c *event.Call) uint64 {
	switch {
	case c.Fingerprint != "":
		return state.Hash(n.seed, c.Fingerprint)
	case c.UserAgent == "":
		return 0
	}
	at := n.agents.at(n.seed, c.UserAgent)
	if at.text == c.UserAgent {
		return at.value
	}
	key := state.Hash(n.seed, overlap.Family(c.UserAgent))
	at.put(c.UserAgent, key)
	return key
}
