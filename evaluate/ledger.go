package evaluate

import (
	"net/netip"
	"slices"

	"lapwing/detect/state"
	"lapwing/evaluate/baseline"
	"lapwing/event"
	"lapwing/parse/pseudonym"
	"lapwing/simulate"
)

const (
	// maxOwned bounds the calls of parts that are told apart: 100 bytes each.
	maxOwned  = 1_000_000
	maxAlerts = 20_000
	maxNames  = 200_000 // of a part's callers, and of its users
)

// A ledger keeps, while a world runs, what is needed to judge the alerts
// afterwards: which calls belong to which part, and who they were to a sensor.
type ledger struct {
	keys   *pseudonym.Keyring
	nowNS  int64 // tick that is being judged
	lastNS int64
	calls  int64
	owner  map[event.ID]int // part, from 1
	parts  []*part
	alerts map[string]*told
	order  []string // ids in order of their first revision
	lost   int      // alerts beyond maxAlerts
	rules  []baseline.Alert
}

// A part is what was seen of one part of the truth.
type part struct {
	calls   []owned
	callers map[netip.Addr]bool
	names   map[string]string // pseudonyms of users, accounts and tokens, to the user behind
	clipped bool
}

// owned is one call of a part.
type owned struct {
	endNS  int64
	target uint64 // account tried, object named, or path
	caller netip.Addr
	harm   int32
	tries  bool // presented a secret
	who    uint64
}

func newLedger(keys *pseudonym.Keyring) *ledger {
	return &ledger{keys: keys, owner: map[event.ID]int{}, alerts: map[string]*told{}}
}

// call notes an exchange and its call.
func (l *ledger) call(x *simulate.Exchange, c *event.Call) {
	l.calls++
	end := c.End().UnixNano()
	l.lastNS = max(l.lastNS, end)
	if x.Part <= 0 {
		return
	}
	for len(l.parts) < x.Part {
		l.parts = append(l.parts, &part{callers: map[netip.Addr]bool{}, names: map[string]string{}})
	}
	p := l.parts[x.Part-1]
	if len(l.owner) >= maxOwned {
		p.clipped = true
		return
	}
	l.owner[c.ID] = x.Part
	p.calls = append(p.calls, owned{
		endNS: end, target: target(c), caller: x.Caller, harm: int32(x.Harm),
		tries: c.Flags.Has(event.FlagSecretPresented) || c.Account != "", who: state.Hash(0, c.Account),
	})
	if len(p.callers) < maxNames {
		p.callers[x.Caller.Unmap()] = true
		p.callers[c.Client.Unmap()] = true
	}
	for _, n := range [...]string{c.User, c.Token, c.Actor.Value} {
		if n != "" && len(p.names) < maxNames {
			p.names[n] = x.User
		}
	}
}

// target is what a call is aimed at: the account tried, the object named, or
// the place.
func target(c *event.Call) uint64 {
	if c.Account != "" {
		return state.Hash(1, c.Account)
	}
	var best *event.IDRef
	for i := range c.IDs {
		r := &c.IDs[i]
		if r.Response || r.Class == event.ClassSecret || r.Class == event.ClassName || r.In > event.InBody {
			continue
		}
		if best == nil || r.In < best.In || r.In == event.InPath && best.In == event.InPath {
			best = r
		}
	}
	if best != nil {
		return state.Join(best.Hash, 2)
	}
	return state.Hash(3, c.Method+" "+c.Host+c.Path)
}

// alert takes a revision of an alert.
func (l *ledger) alert(a event.Alert) {
	t := l.alerts[a.ID]
	if t == nil {
		if len(l.alerts) >= maxAlerts {
			l.lost++
			return
		}
		t = &told{}
		l.alerts[a.ID] = t
		l.order = append(l.order, a.ID)
	}
	// What an alert says was known when its last evidence came, and no later than
	// at this tick.
	at := max(a.DetectedAt.UnixNano(), min(a.LastSeenAt.UnixNano(), l.nowNS))
	for s := event.Info; s <= a.Severity; s++ {
		if t.first[s] == 0 {
			t.first[s] = at
		}
	}
	t.last = a
	t.worst = max(t.worst, a.Severity)
}

// rule takes what a static rule says.
func (l *ledger) rule(a baseline.Alert) {
	if len(l.rules) < maxAlerts {
		l.rules = append(l.rules, a)
	}
}

// told returns the alerts in order of their first revision.
func (l *ledger) told() []*told {
	list := make([]*told, 0, len(l.order))
	for _, id := range l.order {
		list = append(list, l.alerts[id])
	}
	return list
}

// quoted counts the calls that an alert quotes, and how many of them belong to
// part n, from 1.
func (l *ledger) quoted(a *event.Alert, n int) (all, of int) {
	for i := range a.Evidence.Calls {
		all++
		if l.owner[a.Evidence.Calls[i].ID] == n {
			of++
		}
	}
	return all, of
}

// about returns the part that most of an alert's quoted calls belong to, from
// 1; 0 if none has half of them.
func (l *ledger) about(a *event.Alert) int {
	votes := make([]int, len(l.parts)+1)
	for i := range a.Evidence.Calls {
		votes[l.owner[a.Evidence.Calls[i].ID]]++
	}
	votes[0] = 0
	best := 0
	for n := range votes {
		if votes[n] > votes[best] {
			best = n
		}
	}
	if best > 0 && 2*votes[best] >= len(a.Evidence.Calls) {
		return best
	}
	return 0
}

// prefixes of callers: whether p holds any caller of the part.
func (p *part) within(prefix netip.Prefix) bool {
	for a := range p.callers {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// sortedCalls returns the part's calls in order of their end.
func (p *part) sortedCalls() []owned {
	slices.SortStableFunc(p.calls, func(a, b owned) int {
		switch {
		case a.endNS < b.endNS:
			return -1
		case a.endNS > b.endNS:
			return 1
		}
		return 0
	})
	return p.calls
}
