package spec

import (
	"slices"
	"strings"
)

// document is what an importer takes out of a file, before it is compiled.
type document struct {
	title, version string
	servers        []rawServer
	paths          []rawPath
	warnings       []string
	contracts      map[string]*Contract // by method and path; what a library left out has none
}

type rawPath struct {
	path    string
	servers []rawServer
	ops     []rawOperation
}

type rawOperation struct {
	method     string
	id         string
	deprecated bool
	secured    bool
	servers    []rawServer
	params     []Parameter
}

// maxOperations bounds one description: the largest public ones have a few
// thousand operations.
const maxOperations = 50_000

func compile(source string, d *document) *Spec {
	s := &Spec{Source: source, Title: d.title, Version: d.version, Warnings: d.warnings, root: &node{}}
	s.servers = expand(d.servers)
	slices.SortStableFunc(d.paths, func(a, b rawPath) int { return strings.Compare(a.path, b.path) })
	group := 0
	for i := range d.paths {
		p := &d.paths[i]
		slices.SortStableFunc(p.ops, func(a, b rawOperation) int { return strings.Compare(a.method, b.method) })
		for j := range p.ops {
			o := &p.ops[j]
			servers := s.servers
			if len(o.servers) > 0 {
				servers = expand(o.servers)
			} else if len(p.servers) > 0 {
				servers = expand(p.servers)
			}
			for _, v := range servers {
				if !contains(s.servers, v) {
					s.servers = append(s.servers, v)
				}
			}
			s.add(p.path, o, servers, group, d.contracts[contractKey(p.path, o.method)])
			group++
		}
	}
	slices.SortStableFunc(s.Operations, func(a, b *Operation) int {
		if c := strings.Compare(a.Template, b.Template); c != 0 {
			return c
		}
		return strings.Compare(a.Method, b.Method)
	})
	return s
}

// add compiles an operation under each base path of its servers; servers with
// the same base path share one Operation.
func (s *Spec) add(path string, o *rawOperation, servers []server, group int, contract *Contract) {
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i] // some documents tell operations apart by query
	}
	var bases []string
	hosts := map[string][]hostPattern{}
	every := map[string]bool{}
	for _, v := range servers {
		if !slices.Contains(bases, v.base) {
			bases = append(bases, v.base)
		}
		hosts[v.base] = append(hosts[v.base], v.host)
		every[v.base] = every[v.base] || v.host.any()
	}
	for _, base := range bases {
		if len(s.Operations) >= maxOperations {
			return
		}
		op := &Operation{
			ID: o.id, Method: o.method, Template: base + path, Deprecated: o.deprecated, Secured: o.secured,
			Parameters: o.params, Group: group, Contract: contract, spec: s,
		}
		if !every[base] {
			op.hosts = hosts[base]
		}
		segs := segments(Canonical(op.Template))
		if len(segs) > maxSegments {
			s.Warnings = append(s.Warnings, "path "+op.Template+" has too many segments")
			continue
		}
		for i, seg := range segs {
			if name, ok := wholeParam(seg); ok && wordless(o.params, name) {
				op.typed = append(op.typed, typedSegment{index: i})
			}
		}
		s.root.insert(op.Template, op)
		s.Operations = append(s.Operations, op)
	}
}

func wholeParam(seg string) (name string, ok bool) {
	if len(seg) < 3 || seg[0] != '{' || strings.IndexByte(seg, '}') != len(seg)-1 {
		return "", false
	}
	return seg[1 : len(seg)-1], true
}

// wordless reports whether the declared type of a path parameter rules out a
// plain word.
func wordless(params []Parameter, name string) bool {
	for _, p := range params {
		if p.In == "path" && p.Name == name {
			return p.Type == "integer" || p.Type == "number" || p.Format == "uuid" || p.Format == "guid"
		}
	}
	return false
}
