package simulate

import "net/netip"

// Static thresholds as their makers publish them, stated anew here for what
// "throttled under every static rule" means. An attack at L2 must pass them
// all; at L1 it should trip at least one where it is of their kind.
//
//	CrowdSec hub: HTTP authentication failures, bucket of 5 leaking 1 in 10 s;
//	  probing, bucket of 10 leaking 1 in 10 s over distinct paths answered
//	  400, 403 or 404; crawling, bucket of 40 leaking 2 a second.
//	AWS WAF ATP: more than 10 failed or 20 logins of an address in 10 min.
//	Elastic: 25 attempts of 15 users from one address; from 5 addresses on 8
//	  users, 25 attempts in 15 min; 10 attempts on one user from 5 addresses;
//	  500 answers 403 or 404 on 250 paths in 11 min.
//	Sentinel: 5 failing users of an address in 20 min.
//	Panther: 5 failures in 60 min for an address or a user.
//	Wallarm: 30 requests in 30 s of an address.
//
// Lockouts (Entra: ten failures in a row) are no detection: an attack on one
// account lives with them.
const (
	secondNS = int64(1e9)
	minuteNS = 60 * secondNS
)

// statics counts one part's exchanges against the rules, in order.
type statics struct {
	tripped map[string]int
	byAddr  map[netip.Addr]*addrCounts
	byUser  map[string]*userCounts
	site    window // login failures of everyone in the part
}

type addrCounts struct {
	auth, probe, crawl bucket
	failed             window
	paths              map[string]bool
	seen               map[string]bool
	misses             window
	all                window
}

type userCounts struct {
	failed window
}

func newStatics() *statics {
	return &statics{tripped: map[string]int{}, byAddr: map[netip.Addr]*addrCounts{}, byUser: map[string]*userCounts{}}
}

// see takes one exchange: login says it presented a secret for user, failed
// that it was refused.
func (s *statics) see(e *Exchange, path string, login, failed bool, user string) {
	if len(s.tripped) > 0 {
		return // one is enough
	}
	a := s.byAddr[e.Peer.Addr()]
	if a == nil {
		a = &addrCounts{paths: map[string]bool{}, seen: map[string]bool{}}
		s.byAddr[e.Peer.Addr()] = a
	}
	if a.all.add(e.AtNS, 30*secondNS, "") > 30 {
		s.tripped["wallarm"]++
	}
	if !a.seen[path] && len(a.seen) < 10_000 {
		a.seen[path] = true
		if a.crawl.add(e.AtNS, secondNS/2) > 40 {
			s.tripped["crowdsec crawl"]++
		}
	}
	if st := e.Status; !login && (st == 400 || st == 403 || st == 404) {
		if !a.paths[path] {
			a.paths[path] = true
			if a.probe.add(e.AtNS, 10*secondNS) > 10 {
				s.tripped["crowdsec probing"]++
			}
		}
		if a.misses.add(e.AtNS, 11*minuteNS, path) > 500 && a.misses.distinct() > 250 {
			s.tripped["elastic fuzzing"]++
		}
	}
	if !login {
		return
	}
	u := s.byUser[user]
	if u == nil {
		u = &userCounts{}
		s.byUser[user] = u
	}
	if !failed {
		return
	}
	if a.auth.add(e.AtNS, 10*secondNS) > 5 {
		s.tripped["crowdsec authentication"]++
	}
	a.failed.add(e.AtNS, 60*minuteNS, user)
	if a.failed.within(e.AtNS, 60*minuteNS) >= 5 {
		s.tripped["panther address"]++
	}
	if a.failed.within(e.AtNS, 10*minuteNS) > 10 {
		s.tripped["aws address"]++
	}
	if a.failed.usersWithin(e.AtNS, 20*minuteNS) >= 5 {
		s.tripped["sentinel"]++
	}
	if u.failed.add(e.AtNS, 60*minuteNS, e.Peer.Addr().String()) >= 5 {
		s.tripped["panther user"]++
	}
	if u.failed.within(e.AtNS, 15*minuteNS) >= 10 && u.failed.usersWithin(e.AtNS, 15*minuteNS) >= 5 {
		s.tripped["elastic one user"]++
	}
	s.site.add(e.AtNS, 15*minuteNS, user+"\x00"+e.Peer.Addr().String())
	if users, addrs := s.site.pairs(); len(s.site.at) >= 25 && users >= 8 && addrs >= 5 {
		s.tripped["elastic many addresses"]++
	}
}

// A bucket leaks one in so much time.
type bucket struct {
	level float64
	atNS  int64
}

func (b *bucket) add(atNS, leakNS int64) float64 {
	b.level = max(0, b.level-float64(atNS-b.atNS)/float64(leakNS)) + 1
	b.atNS = atNS
	return b.level
}

// A window keeps what happened lately.
type window struct {
	at   []int64
	what []string
}

func (w *window) add(atNS, span int64, what string) int {
	cut := 0
	for cut < len(w.at) && w.at[cut] <= atNS-span {
		cut++
	}
	w.at, w.what = append(w.at[cut:], atNS), append(w.what[cut:], what)
	return len(w.at)
}

func (w *window) within(atNS, span int64) int {
	n := 0
	for _, at := range w.at {
		if at > atNS-span {
			n++
		}
	}
	return n
}

func (w *window) usersWithin(atNS, span int64) int {
	seen := map[string]bool{}
	for i, at := range w.at {
		if at > atNS-span {
			seen[w.what[i]] = true
		}
	}
	return len(seen)
}

func (w *window) distinct() int { return w.usersWithin(1<<62, 1<<62) }

func (w *window) pairs() (users, addrs int) {
	u, a := map[string]bool{}, map[string]bool{}
	for _, what := range w.what {
		for i := range what {
			if what[i] == 0 {
				u[what[:i]], a[what[i+1:]] = true, true
			}
		}
	}
	return len(u), len(a)
}
