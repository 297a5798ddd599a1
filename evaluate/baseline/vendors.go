package baseline

import (
	"time"

	"lapwing/detect/state"
	"lapwing/event"
)

// crowdsec are leaky buckets of the CrowdSec hub (crowdsecurity/hub at
// b03cb59): http-generic-bf, http-probing, http-crawl-non_statics, and ssh-slow-bf
// read as slow login failures.
func crowdsec() []rule {
	const source = "CrowdSec hub b03cb59"
	fast, slow := newLeak(5, 10*time.Second, false), newLeak(10, time.Minute, false)
	probing, crawl := newLeak(10, 10*time.Second, true), newLeak(40, 500*time.Millisecond, true)
	failures := func(l *leak) func(*seen, func(event.Entity)) {
		return func(s *seen, fire func(event.Entity)) {
			if s.failed && l.add(s.from, 0, s.atNS) {
				fire(client(s))
			}
		}
	}
	return []rule{
		{Rule{"crowdsec/http-bf", "more than 5 login failures of an address in a bucket that leaks 1 in 10 s", source, "login"}, failures(fast), fast.sweep},
		{Rule{"crowdsec/slow-bf", "more than 10 login failures of an address in a bucket that leaks 1 in 60 s", source, "login"}, failures(slow), slow.sweep},
		{Rule{"crowdsec/http-probing", "more than 10 distinct paths of an address answered 400, 403 or 404, leaking 1 in 10 s", source, "path"},
			func(s *seen, fire func(event.Entity)) {
				if (s.status == 400 || s.status == 403 || s.status == 404) && !s.static && probing.add(s.from, s.path, s.atNS) {
					fire(client(s))
				}
			}, probing.sweep},
		{Rule{"crowdsec/http-crawl", "more than 40 distinct pages of an address, leaking 1 in 0.5 s", source, "volume"},
			func(s *seen, fire func(event.Entity)) {
				if !s.static && crawl.add(s.from, s.path, s.atNS) {
					fire(client(s))
				}
			}, crawl.sweep},
	}
}

// aws are the aggregations of AWS WAF Fraud Control account takeover prevention
// (ATP), at the levels that its documentation gives.
func aws() []rule {
	const source = "AWS WAF Fraud Control ATP, rules of the managed rule group"
	byClient, failedByClient := newWindow(10*time.Minute), newWindow(10*time.Minute)
	bySession, failedBySession := newWindow(30*time.Minute), newWindow(30*time.Minute)
	reuse := newWindow(30 * time.Minute)
	return []rule{
		{Rule{"aws-atp/volumetric-ip", "more than 20 logins of an address in 10 min", source, "login"},
			func(s *seen, fire func(event.Entity)) {
				if s.login && len(byClient.add(s.from, happened{atNS: s.atNS})) > 20 {
					fire(client(s))
				}
			}, byClient.sweep},
		{Rule{"aws-atp/failed-ip", "more than 10 failed logins of an address in 10 min", source, "login"},
			func(s *seen, fire func(event.Entity)) {
				if s.failed && len(failedByClient.add(s.from, happened{atNS: s.atNS})) > 10 {
					fire(client(s))
				}
			}, failedByClient.sweep},
		{Rule{"aws-atp/session", "more than 20 logins, or 10 failed, of a session in 30 min", source, "login"},
			func(s *seen, fire func(event.Entity)) {
				if !s.login || s.with == 0 {
					return
				}
				n := len(bySession.add(s.with, happened{atNS: s.atNS}))
				failed := 0
				if s.failed {
					failed = len(failedBySession.add(s.with, happened{atNS: s.atNS}))
				}
				if n > 20 || failed > 10 {
					fire(token(s))
				}
			}, func(now int64) { bySession.sweep(now); failedBySession.sweep(now) }},
		{Rule{"aws-atp/token-reuse", "a token used from more than 5 addresses in 30 min", source, "volume"},
			func(s *seen, fire func(event.Entity)) {
				if s.with != 0 && atLeast(6, reuse.add(s.with, happened{atNS: s.atNS, a: s.from}), first) {
					fire(token(s))
				}
			}, reuse.sweep},
	}
}

// elastic are prebuilt rules of elastic/detection-rules (at 14cf530).
func elastic() []rule {
	const source = "elastic/detection-rules 14cf530"
	one, spray, brute := newWindow(15*time.Minute), newWindow(15*time.Minute), newWindow(15*time.Minute)
	fuzz := newWindow(11 * time.Minute)
	return []rule{
		{Rule{"elastic/stuffing-one-source", "25 failed logins of an address on 15 users in 15 min, at most 2 on 80 % of them", source, "login"},
			func(s *seen, fire func(event.Entity)) {
				if !s.failed {
					return
				}
				list := one.add(s.from, happened{atNS: s.atNS, a: s.who})
				if len(list) < 25 {
					return
				}
				per := map[uint64]int{}
				for _, h := range list {
					per[h.a]++
				}
				few := 0
				for _, n := range per {
					if n <= 2 {
						few++
					}
				}
				if len(per) >= 15 && float64(few) >= 0.8*float64(len(per)) {
					fire(client(s))
				}
			}, one.sweep},
		{Rule{"elastic/spray-many-sources", "25 failed logins from 5 addresses on 8 users of an endpoint in 15 min, at most 5 on each", source, "login"},
			func(s *seen, fire func(event.Entity)) {
				if !s.failed {
					return
				}
				list := spray.add(s.place, happened{atNS: s.atNS, a: s.from, b: s.who})
				if len(list) >= 25 && atLeast(5, list, first) && atLeast(8, list, second) && most(list, second) <= 5 {
					fire(event.Entity{Kind: event.KindEndpoint, Value: s.call.Method + " " + s.call.Host + s.call.PathShape})
				}
			}, spray.sweep},
		{Rule{"elastic/brute-many-sources", "10 failed logins on one user from 5 addresses in 15 min", source, "login"},
			func(s *seen, fire func(event.Entity)) {
				if !s.failed || s.who == 0 {
					return
				}
				list := brute.add(s.who, happened{atNS: s.atNS, a: s.from})
				if len(list) >= 10 && atLeast(5, list, first) {
					fire(account(s))
				}
			}, brute.sweep},
		{Rule{"elastic/web-fuzzing", "more than 500 answers 403 or 404 to an address on more than 250 paths in 11 min", source, "path"},
			func(s *seen, fire func(event.Entity)) {
				if s.status != 403 && s.status != 404 {
					return
				}
				list := fuzz.add(s.from, happened{atNS: s.atNS, a: s.path})
				if len(list) > 500 && atLeast(251, list, first) {
					fire(client(s))
				}
			}, fuzz.sweep},
	}
}

// sentinel is the password-spray analytic of Microsoft Sentinel: failing users
// of an address within 20 minutes, and more of them than came in from there in
// three days.
func sentinel() rule {
	failing, succeeding := newWindow(20*time.Minute), newWindow(72*time.Hour)
	return rule{Rule{"sentinel/spray", "5 failing users of an address in 20 min, and more than came in from it in 3 d", "Azure/Azure-Sentinel, password spray analytic", "login"},
		func(s *seen, fire func(event.Entity)) {
			if !s.login || s.who == 0 {
				return
			}
			if !s.failed {
				succeeding.add(s.from, happened{atNS: s.atNS, a: s.who})
				return
			}
			n := distinct(failing.add(s.from, happened{atNS: s.atNS, a: s.who}), first)
			if n < 5 {
				return
			}
			entered := 0
			if e := succeeding.keys[s.from]; e != nil {
				entered = distinct(e.list[e.head:], first)
			}
			if n > entered {
				fire(client(s))
			}
		}, func(now int64) { failing.sweep(now); succeeding.sweep(now) }}
}

// auth0 is the default of Auth0's brute-force protection: 10 attempts counted
// by identifier and address.
func auth0() rule {
	w := newWindow(24 * time.Hour)
	return rule{Rule{"auth0/brute-force", "10 failed logins of an address on one user in a day", "Auth0 documentation, brute-force protection", "login"},
		func(s *seen, fire func(event.Entity)) {
			if s.failed && s.who != 0 && len(w.add(state.Join(s.from, s.who), happened{atNS: s.atNS})) >= 10 {
				fire(client(s))
			}
		}, w.sweep}
}

// panther are rules of panther-labs/panther-analysis, which count 5 to 20
// failures in an hour; 10 is what most of them have.
func panther() []rule {
	const source = "panther-labs/panther-analysis"
	byClient, byUser, spray := newWindow(time.Hour), newWindow(time.Hour), newWindow(time.Hour)
	return []rule{
		{Rule{"panther/bf-ip", "10 failed logins of an address in 60 min", source, "login"},
			func(s *seen, fire func(event.Entity)) {
				if s.failed && len(byClient.add(s.from, happened{atNS: s.atNS})) >= 10 {
					fire(client(s))
				}
			}, byClient.sweep},
		{Rule{"panther/bf-user", "10 failed logins on a user in 60 min", source, "login"},
			func(s *seen, fire func(event.Entity)) {
				if s.failed && s.who != 0 && len(byUser.add(s.who, happened{atNS: s.atNS})) >= 10 {
					fire(account(s))
				}
			}, byUser.sweep},
		{Rule{"panther/spray", "more than 10 failed logins of an address on more than 5 users in 60 min", source, "login"},
			func(s *seen, fire func(event.Entity)) {
				if !s.failed {
					return
				}
				list := spray.add(s.from, happened{atNS: s.atNS, a: s.who})
				if len(list) > 10 && atLeast(6, list, first) {
					fire(client(s))
				}
			}, spray.sweep},
	}
}

// wallarm is the example trigger of Wallarm's documentation.
func wallarm() rule {
	w := newWindow(30 * time.Second)
	return rule{Rule{"wallarm/brute-force", "more than 30 requests of an address to one endpoint in 30 s", "Wallarm documentation, brute-force trigger example", "volume"},
		func(s *seen, fire func(event.Entity)) {
			if len(w.add(state.Join(s.from, s.place), happened{atNS: s.atNS})) > 30 {
				fire(client(s))
			}
		}, w.sweep}
}
