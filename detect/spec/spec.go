package spec

// A Spec is one imported API description.
type Spec struct {
	Source     string       `snapshot:"-"` // the file it was read from
	Title      string       //
	Version    string       // of the API, as the document states it
	Warnings   []string     `snapshot:"-"` // what could not be read, in order
	Operations []*Operation // in order of template and method; one per base path

	servers []server
	root    *node
}

// An Operation is one method on one path of the API.
type Operation struct {
	ID         string // operationId; may be empty
	Method     string // upper case
	Template   string // with the base path of its server: /v1/orders/{orderId}
	Deprecated bool
	Secured    bool // a security scheme is required
	Parameters []Parameter
	Contract   *Contract `snapshot:"-"` // what its messages look like; nil if that could not be read

	// Group is equal for the same operation under several base paths.
	Group int

	hosts []hostPattern // empty: every host
	typed []typedSegment
	spec  *Spec
}

// Spec returns the description that the operation is from.
func (o *Operation) Spec() *Spec { return o.spec }

// A Parameter is one declared parameter of an operation.
type Parameter struct {
	Name     string
	In       string // path, query, header, cookie; body and formData in Swagger 2.0
	Type     string // of its schema: string, integer, number, boolean, array, object; "" if not stated
	Format   string // uuid, date, int64 …
	Required bool
	Enum     []string
}

// A Match is the place of a request in a description.
type Match struct {
	Template string     // of the path; "" if no path of the description fits
	Op       *Operation // nil if the path is described and the method is not
	Spec     *Spec
}

// Match finds the operation for a request. host is lower case without a
// default port, "" if unknown; path is without query. When the path is
// described but not with this method, template is that path's and ok is false.
// HEAD counts as GET unless it is described itself.
func (s *Spec) Match(host, method, path string) (template string, op *Operation, ok bool) {
	m := s.Lookup(host, method, path)
	return m.Template, m.Op, m.Op != nil
}

// Lookup is Match for a host that the description covers.
func (s *Spec) Lookup(host, method, path string) Match {
	return s.lookup(host, method, Canonical(path), false)
}

// LookupAnywhere is Lookup as if the description were about every host.
func (s *Spec) LookupAnywhere(method, path string) Match {
	return s.lookup("", method, Canonical(path), true)
}

// Covers reports whether the description is about host: one of its servers
// names it, or it names none, or the host is unknown.
func (s *Spec) Covers(host string) bool {
	if host == "" {
		return true
	}
	for i := range s.servers {
		if s.servers[i].host.matches(host) {
			return true
		}
	}
	return false
}

// Named reports whether one of the servers names host outright, rather than
// being about every host.
func (s *Spec) Named(host string) bool {
	if host == "" {
		return false
	}
	for i := range s.servers {
		if h := s.servers[i].host; !h.any() && h.matches(host) {
			return true
		}
	}
	return false
}

// Hosts returns the hosts that the description names without wildcards, in its
// order; none if it is about any host.
func (s *Spec) Hosts() []string {
	var out []string
	seen := map[string]bool{}
	for _, v := range s.servers {
		if h := v.host.String(); h != "" && !v.host.wild && !seen[h] {
			seen[h] = true
			out = append(out, h)
		}
	}
	return out
}

// NamesHosts reports whether the description names the hosts it is about.
func (s *Spec) NamesHosts() bool {
	for _, v := range s.servers {
		if v.host.any() {
			return false
		}
	}
	return len(s.servers) > 0
}
