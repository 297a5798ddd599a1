package spec

import "strings"

// A Set is several descriptions asked as one. The zero Set has none.
type Set struct {
	specs []*Spec
}

// NewSet returns a Set of the given descriptions; earlier ones win where two
// fit equally well.
func NewSet(specs ...*Spec) *Set { return &Set{specs: specs} }

// Specs returns the descriptions in order.
func (s *Set) Specs() []*Spec { return s.specs }

// Len returns how many descriptions there are.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.specs)
}

// Covers reports whether any description is about host.
func (s *Set) Covers(host string) bool {
	for _, v := range s.specs {
		if v.Covers(host) {
			return true
		}
	}
	return false
}

// Named reports whether any description names host outright, rather than
// being about every host.
func (s *Set) Named(host string) bool {
	for _, v := range s.specs {
		if v.Named(host) {
			return true
		}
	}
	return false
}

// Lookup finds the most literal template of the descriptions that cover host.
// A described method beats a longer literal without it.
func (s *Set) Lookup(host, method, path string) Match {
	return s.best(host, method, Canonical(path), false)
}

// LookupCanonical is Lookup for a path that Canonical has returned.
func (s *Set) LookupCanonical(host, method, path string) Match {
	return s.best(host, method, path, false)
}

// LookupAnywhere is Lookup as if every description were about every host.
func (s *Set) LookupAnywhere(method, path string) Match {
	return s.best("", method, Canonical(path), true)
}

func (s *Set) best(host, method, path string, anywhere bool) Match {
	if len(s.specs) == 1 {
		if v := s.specs[0]; anywhere || v.Covers(host) {
			return v.lookup(host, method, path, anywhere)
		}
		return Match{}
	}
	var best Match
	for _, v := range s.specs {
		if !anywhere && !v.Covers(host) {
			continue
		}
		m := v.lookup(host, method, path, anywhere)
		if m.Template == "" || (m.Op == nil && best.Op != nil) {
			continue
		}
		if best.Template == "" || (m.Op != nil && best.Op == nil) || moreLiteral(m.Template, best.Template) {
			best = m
		}
	}
	return best
}

// moreLiteral reports whether template a is more specific than b: at the first
// segment where only one has a parameter, the literal wins.
func moreLiteral(a, b string) bool {
	for a != "" && b != "" {
		sa, sb := "", ""
		sa, a, _ = strings.Cut(strings.TrimPrefix(a, "/"), "/")
		sb, b, _ = strings.Cut(strings.TrimPrefix(b, "/"), "/")
		pa, pb := strings.Contains(sa, "{"), strings.Contains(sb, "{")
		if pa != pb {
			return pb
		}
	}
	return false
}
