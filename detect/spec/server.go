package spec

import (
	"net/netip"
	"net/url"
	"sort"
	"strings"
)

// maxServers bounds how many (host, base path) pairs one document may expand
// to: enumerated server variables multiply.
const maxServers = 64

// A server is one place where a description says its API is found.
type server struct {
	host hostPattern
	base string // canonical, "" for the root
}

// A hostPattern is a host with or without wildcards for server variables. The
// zero value matches every host.
type hostPattern struct {
	parts []string // literal parts around the wildcards
	wild  bool
}

func (p hostPattern) any() bool { return len(p.parts) == 0 }

func (p hostPattern) String() string { return strings.Join(p.parts, "*") }

// matches reports whether host is meant; a wildcard stands for at least one
// character. Many logs drop the port: a host without one fits a server on any.
func (p hostPattern) matches(host string) bool {
	if p.any() || host == "" {
		return true
	}
	if !p.wild {
		if p.parts[0] == host {
			return true
		}
		name, _, ok := strings.Cut(p.parts[0], ":")
		return ok && name == host
	}
	first, last := p.parts[0], p.parts[len(p.parts)-1]
	if !strings.HasPrefix(host, first) || len(host) < len(first)+len(last) || !strings.HasSuffix(host, last) {
		return false
	}
	rest := host[len(first) : len(host)-len(last)]
	for _, part := range p.parts[1 : len(p.parts)-1] {
		if len(rest) == 0 {
			return false
		}
		i := strings.Index(rest[1:], part)
		if i < 0 {
			return false
		}
		rest = rest[1+i+len(part):]
	}
	return len(rest) > 0
}

// rawServer is a server entry as the document has it.
type rawServer struct {
	url       string
	variables map[string]rawVariable
}

type rawVariable struct {
	value string // the default
	enum  []string
}

// wildcard marks a variable without enumeration in the host. It cannot stand
// in a URL.
const wildcard = "\x00"

// expand turns server entries into servers. A variable with an enumeration
// stands for each of its values, one without for its default in the path and
// for anything in the host. No entries mean the root of any host.
func expand(list []rawServer) []server {
	if len(list) == 0 {
		return []server{{}}
	}
	var out []server
	for _, raw := range list {
		names := make([]string, 0, len(raw.variables))
		for n := range raw.variables {
			names = append(names, n)
		}
		sort.Strings(names)
		urls := []string{raw.url}
		for _, n := range names {
			urls = substitute(urls, n, raw.variables[n])
		}
		for _, u := range urls {
			if v, ok := parseServer(u); ok && len(out) < maxServers && !contains(out, v) {
				out = append(out, v)
			}
		}
	}
	if len(out) == 0 {
		return []server{{}}
	}
	return out
}

func substitute(urls []string, name string, v rawVariable) []string {
	var out []string
	for _, u := range urls {
		at := strings.Index(u, "{"+name+"}")
		if at < 0 {
			out = append(out, u)
			continue
		}
		values := v.enum
		if len(values) == 0 {
			values = []string{v.value}
			if inHost(u, at) {
				values = []string{wildcard}
			}
		}
		for _, value := range values {
			if len(out) < maxServers {
				out = append(out, strings.ReplaceAll(u, "{"+name+"}", value))
			}
		}
	}
	return out
}

// inHost reports whether offset at of URL u lies in its host.
func inHost(u string, at int) bool {
	i := strings.Index(u, "//")
	if i < 0 || at < i {
		return false
	}
	end := strings.IndexByte(u[i+2:], '/')
	return end < 0 || at < i+2+end
}

func parseServer(u string) (server, bool) {
	u = strings.TrimSpace(u)
	scheme, host, path := "", "", u
	if i := strings.Index(u, "//"); i >= 0 {
		scheme = strings.TrimSuffix(u[:i], ":")
		host, path = u[i+2:], ""
		if j := strings.IndexAny(host, "/?#"); j >= 0 {
			host, path = host[:j], host[j:]
		}
	}
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	if unescaped, err := url.PathUnescape(path); err == nil && !strings.ContainsAny(unescaped, "?#%") {
		path = unescaped
	}
	base := Canonical("/" + strings.TrimLeft(path, "/"))
	if base == "/" {
		base = ""
	}
	return server{host: hostOf(scheme, host), base: base}, !strings.Contains(base, wildcard)
}

// hostOf makes the pattern of a host. A loopback name says where the author's
// machine is, not where the API is: it stands for every host.
func hostOf(scheme, host string) hostPattern {
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	host = strings.ToLower(host)
	for strings.Contains(host, "{") { // a variable that was not declared
		i := strings.IndexByte(host, '{')
		j := strings.IndexByte(host[i:], '}')
		if j < 0 {
			return hostPattern{}
		}
		host = host[:i] + wildcard + host[i+j+1:]
	}
	switch scheme {
	case "http", "ws":
		host = strings.TrimSuffix(host, ":80")
	case "https", "wss":
		host = strings.TrimSuffix(host, ":443")
	}
	host = strings.TrimSuffix(host, ":"+wildcard)
	if host == "" || strings.Trim(host, wildcard+".") == "" || loopback(host) {
		return hostPattern{}
	}
	parts := strings.Split(host, wildcard)
	return hostPattern{parts: parts, wild: len(parts) > 1}
}

func loopback(host string) bool {
	name := host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name = host[:i]
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") || name == "host.docker.internal" {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && (a.IsLoopback() || a.IsUnspecified())
}

func contains(list []server, v server) bool {
	for _, o := range list {
		if o.base == v.base && o.host.wild == v.host.wild && o.host.String() == v.host.String() {
			return true
		}
	}
	return false
}
