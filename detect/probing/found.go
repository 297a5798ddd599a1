package probing

import (
	"lapwing/detect"
	"lapwing/detect/state"
)

// servedTo is who was served a family of the dictionary by a host. One client
// may be the scanner that found it; two make it part of the site.
type servedTo struct {
	client uint64
	two    bool
}

// found notes that a scanner was answered where no one should be: on what is
// in no specification, or on what is worth looking for. It also learns which
// families of the dictionary a host really serves, from those who are under no
// suspicion.
func (s *Stage) found(o *detect.Observation, suspects ...*suspect) bool {
	c := o.Call
	shadow := o.Route.HasSpec && !o.Route.Documented
	suspected := false
	for _, v := range suspects {
		suspected = suspected || v != nil && v.tale != nil && v.score.S >= detect.Noted/2
	}
	named := o.Route.Standing != detect.Established && !o.Route.Documented
	if !suspected {
		if named && !s.examined.Add(state.Join(s.target(c), o.Client), o.AtNS) {
			s.learn(c.Host, familyOf(c.Path), o.Client, o.AtNS)
		}
		return false
	}
	is := none
	if named {
		is = familyOf(c.Path)
	}
	if !shadow && (!dictionary[is].sensitive || s.serves(c.Host, is)) {
		return false
	}
	target := s.target(c)
	for _, v := range suspects {
		if v != nil && v.tale != nil {
			v.tale.reached(o, target)
		}
	}
	return true
}

func (s *Stage) serves(host string, is family) bool {
	v := s.served.Get(state.Join(state.Hash(s.seed, host), uint64(is)))
	return v != nil && v.two
}

func (s *Stage) learn(host string, is family, client uint64, nowNS int64) {
	if is == none {
		return
	}
	v := s.served.Put(state.Join(state.Hash(s.seed, host), uint64(is)), nowNS)
	if v == nil {
		return
	}
	v.two = v.two || v.client != 0 && v.client != client
	v.client = client
}
