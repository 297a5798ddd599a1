package accesslog

import (
	"bytes"

	"lapwing/event"
	"lapwing/parse/exchange"
)

// request sets method, target and protocol from whatever shows them; false if
// nothing does.
func (r *record) request(raw *exchange.Raw) bool {
	switch {
	case r.has(kRequest):
		r.requestLine(raw, r.val[kRequest])
		return true
	case r.has(kTarget):
		raw.Target = r.text(r.val[kTarget])
	case r.has(kPath):
		raw.Target = r.joined()
	case r.has(kURL):
		raw.Target = r.absolute(raw, r.text(r.val[kURL]))
	case r.has(kHostTarget):
		v := r.text(r.val[kHostTarget])
		i := bytes.IndexByte(v, '/')
		if i < 0 {
			i = len(v)
		}
		raw.Host, raw.Target = v[:i], v[i:]
	default:
		return false
	}
	if r.has(kURL) && raw.Host == nil { // beside a path it still knows host and scheme
		r.absolute(raw, r.val[kURL])
	}
	if r.has(kMethod) {
		raw.Method = r.text(r.val[kMethod])
		if !token(raw.Method) {
			raw.Flags |= event.FlagBadTarget
		}
	}
	if r.has(kProtocol) {
		known := false
		if raw.Protocol, known = protocol(r.val[kProtocol]); !known {
			raw.Flags |= event.FlagBadVersion
		}
	}
	raw.Flags |= targetFlags(raw.Target, raw.Method)
	return true
}

// joined puts path and query together again.
func (r *record) joined() []byte {
	path := r.text(r.val[kPath])
	if !r.has(kQuery) {
		return path
	}
	query := r.text(r.val[kQuery])
	if len(query) > 0 && query[0] == '?' {
		query = query[1:]
	}
	if len(query) == 0 || bytes.IndexByte(path, '?') >= 0 {
		return path
	}
	start := len(r.arena)
	r.arena = append(append(append(r.arena, path...), '?'), query...)
	return r.arena[start:]
}

// absolute splits scheme://host:port/target, sets scheme and host, and returns
// the target; what is no absolute URL is a target as it stands.
func (r *record) absolute(raw *exchange.Raw, v []byte) []byte {
	i := bytes.Index(v, []byte("://"))
	if i <= 0 || i > 8 {
		return v
	}
	switch string(v[:i]) {
	case "http", "ws":
		raw.Scheme = "http"
	case "https", "wss":
		raw.Scheme = "https"
	default:
		return v
	}
	rest := v[i+3:]
	end := bytes.IndexAny(rest, "/?#")
	if end < 0 {
		raw.Host = rest
		return slash
	}
	raw.Host = rest[:end]
	if rest[end] != '/' { // http://host?query: RFC 9112 §3.2.1 makes the empty path "/"
		start := len(r.arena)
		r.arena = append(append(r.arena, '/'), rest[end:]...)
		return r.arena[start:]
	}
	return rest[end:]
}

var slash = []byte("/")

// requestLine reads METHOD target HTTP/x.y, RFC 9112 §3. What is none is kept
// as the target, and flagged.
func (r *record) requestLine(raw *exchange.Raw, v []byte) {
	v = r.text(v)
	const bad = event.FlagBadTarget | event.FlagBadVersion
	sp := bytes.IndexByte(v, ' ')
	if sp < 0 || !token(v[:sp]) {
		raw.Target = v
		raw.Flags |= bad
		return
	}
	raw.Method = v[:sp]
	rest := v[sp+1:]
	last := bytes.LastIndexByte(rest, ' ')
	if last < 0 { // HTTP/0.9, or a request cut short by the log
		raw.Target = rest
		raw.Flags |= event.FlagBadVersion | targetFlags(rest, raw.Method)
		return
	}
	known := false
	if raw.Protocol, known = protocol(rest[last+1:]); !known {
		raw.Flags |= event.FlagBadVersion
		if !bytes.HasPrefix(rest[last+1:], []byte("HTTP/")) && rest[last+1:] != nil && string(rest[last+1:]) != "-" && last+1 < len(rest) {
			last = len(rest) // a space in the target and no version
		}
	}
	target := rest[:last]
	if r.quotedURLs {
		if len(raw.Method) == 1 && raw.Method[0] == '-' { // ALB's `- http://host:port- -` for what it could not read
			r.absolute(raw, bytes.TrimSuffix(target, []byte("-")))
			raw.Method = nil
			raw.Flags |= bad
			return
		}
		target = r.absolute(raw, target)
	}
	raw.Target = target
	raw.Flags |= targetFlags(target, raw.Method)
}

// targetFlags looks at the form of a request target, RFC 9112 §3.2.
func targetFlags(v, method []byte) event.Flags {
	var f event.Flags
	if len(v) == 0 {
		return event.FlagBadTarget
	}
	if !visible(v) {
		f |= event.FlagBadTarget
	}
	if v[0] != '/' && v[0] != '*' && string(method) != "CONNECT" {
		if i := bytes.Index(v, []byte("://")); i > 0 && i <= 8 {
			f |= event.FlagAbsoluteForm
		} else {
			f |= event.FlagBadTarget
		}
	}
	return f
}

// protocol maps what logs call a protocol to the names calls use; false for a
// version that is none.
func protocol(v []byte) (string, bool) {
	switch string(v) {
	case "HTTP/1.1", "http/1.1", "1.1", "HTTP11":
		return "http/1.1", true
	case "HTTP/1.0", "http/1.0", "1.0", "HTTP10":
		return "http/1.0", true
	case "HTTP/2.0", "HTTP/2", "h2", "h2c", "2.0", "2", "http/2.0", "http/2", "HTTP2", "H2":
		return "h2", true
	case "HTTP/3.0", "HTTP/3", "h3", "3.0", "3", "http/3.0", "http/3", "HTTP3", "H3", "QUIC":
		return "h3", true
	case "http", "https", "HTTP", "HTTPS", "ws", "wss", "grpc", "grpcs": // a family, no version
		return "", true
	}
	return "", false
}

// token reports whether v is a token of RFC 9110 §5.6.2 of a length that a
// method may have.
func token(v []byte) bool {
	if len(v) == 0 || len(v) > 32 {
		return false
	}
	for _, c := range v {
		if !tchar[c] {
			return false
		}
	}
	return true
}

var tchar = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		t[c] = true
	}
	return t
}()

// unescape appends v with the escapes of nginx (\xHH) and Apache (\" \\ \n \t
// \r \b \f \v \xhh) decoded. A backslash before anything else stays.
func unescape(dst, v []byte) []byte {
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c != '\\' || i+1 == len(v) {
			dst = append(dst, c)
			continue
		}
		switch v[i+1] {
		case '"', '\\', '/':
			dst = append(dst, v[i+1])
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'v':
			dst = append(dst, '\v')
		case 'x':
			if i+3 < len(v) {
				hi, lo := unhex(v[i+2]), unhex(v[i+3])
				if hi < 16 && lo < 16 {
					dst = append(dst, hi<<4|lo)
					i += 3
					continue
				}
			}
			dst = append(dst, '\\', 'x')
		default:
			dst = append(dst, '\\', v[i+1])
		}
		i++
	}
	return dst
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
