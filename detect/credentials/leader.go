package credentials

import (
	"lapwing/detect/distributed"
	"lapwing/detect/sketch"
	"lapwing/event"
)

// A leader is who answers for what programs do at one endpoint: the program
// that was told first, or a campaign over all of them. An attack that rotates
// through programs is one story and not one for each.
type leader struct {
	group    uint64 // 0: a campaign
	atNS     int64
	attempts int64            // failures of strangers at the endpoint since the lead began
	accounts *sketch.Distinct // … and at how many accounts
}

// leadNS without evidence ends a lead.
const leadNS = dayNS

// leads reports whether a program may be told at an endpoint. told says that it
// is: then it is the one.
func (s *Stage) leads(group uint64, at event.EndpointRef, told bool, nowNS int64) bool {
	place := distributed.PlaceKey(s.cfg.Seed, at)
	l := s.leaders.Get(place)
	if l != nil && nowNS-l.atNS < leadNS && l.group != group {
		return false
	}
	if told {
		if l = s.leaders.Put(place, nowNS); l != nil {
			l.lead(group, nowNS)
		}
	}
	return true
}

// follow notes that a campaign is told, unless a program leads already.
func (s *Stage) follow(place uint64, nowNS int64) {
	l := s.leaders.Put(place, nowNS)
	if l != nil && (nowNS-l.atNS >= leadNS || l.group == 0) {
		l.lead(0, nowNS)
	}
}

func (l *leader) lead(group uint64, nowNS int64) {
	if nowNS-l.atNS >= leadNS {
		l.attempts, l.accounts = 0, nil
	}
	l.group, l.atNS = group, max(l.atNS, nowNS)
}

// led returns who leads at an endpoint, nil if nobody does.
func (s *Stage) led(at event.EndpointRef, nowNS int64) *leader {
	l := s.leaders.Get(distributed.PlaceKey(s.cfg.Seed, at))
	if l == nil || nowNS-l.atNS >= leadNS {
		return nil
	}
	return l
}

// count counts a failure of a stranger at an account.
func (l *leader) count(seed, account uint64) {
	if l.accounts == nil {
		l.accounts = sketch.NewDistinct(seed, 8)
	}
	l.attempts++
	l.accounts.Add(account)
}

// each returns how often accounts are tried, but for one that was tried so many
// times itself.
func (l *leader) each(own int64) float64 {
	if l.accounts == nil {
		return 0
	}
	return float64(max(0, l.attempts-own)) / max(1, l.accounts.Count()-1)
}
