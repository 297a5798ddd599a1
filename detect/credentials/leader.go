package credentials

import (
	"lapwing/detect/distributed"
	"lapwing/event"
)

// A leader is who answers for what programs do at one endpoint: the program
// that was told first, or a campaign over all of them. An attack that rotates
// through programs is one story and not one for each.
type leader struct {
	group uint64 // 0: a campaign
	atNS  int64
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
			l.group, l.atNS = group, max(l.atNS, nowNS)
		}
	}
	return true
}

// follow notes that a campaign is told, unless a program leads already.
func (s *Stage) follow(place uint64, nowNS int64) {
	l := s.leaders.Put(place, nowNS)
	if l != nil && (nowNS-l.atNS >= leadNS || l.group == 0) {
		l.group, l.atNS = 0, nowNS
	}
}
