package accesslog

import (
	"bytes"

	"lapwing/parse/exchange"
)

// A clf reads the family of NCSA's common log format as sites really mix it:
// common, combined, with the virtual host in front, with fields appended. The
// anchor is `[dd/Mon/yyyy:hh:mm:ss +zone] "`; no server lets a user name
// contain the quote that ends it.
type clf struct {
	name string
	rec  record
}

func (f *clf) Name() string { return f.name }

func (f *clf) Parse(line []byte, raw *exchange.Raw) error {
	r := &f.rec
	r.escaped = bytes.IndexByte(line, '\\') >= 0
	if !r.escaped && f.fast(line, raw) {
		return nil
	}
	return f.slow(line, raw)
}

// slow reads every line that fits at all.
func (f *clf) slow(line []byte, raw *exchange.Raw) error {
	r := &f.rec
	r.reset()
	at, end := dateField(line)
	if at < 0 {
		return &LineError{Reason: `no [day/month/year:time zone] followed by a quoted request`}
	}
	r.put(kStart, 0, line[at+1:end])
	if !f.who(line[:at]) {
		return &LineError{Reason: "no client in front of the time", Column: 1}
	}
	i := end + 3 // ] space quote
	q := requestEnd(line, i)
	if q < 0 {
		return &LineError{Reason: "request's closing quote and a status after it not found", Column: i}
	}
	r.set |= 1 << kRequest // "-" and "" are requests too: somebody connected
	r.val[kRequest], r.rank[kRequest] = line[i:q], 0
	i = q + 2
	i = f.word(line, i, kStatus)
	if i < len(line) {
		i = f.word(line, i, kBody)
	}
	f.rest(line, i)
	return r.finish(line, raw)
}

// word notes the field from i to the next space and returns what follows it.
func (f *clf) word(line []byte, i int, k kind) int {
	n := bytes.IndexByte(line[i:], ' ')
	if n < 0 {
		n = len(line) - i
	}
	f.rec.put(k, 0, line[i:i+n])
	return i + n + 1
}

// dateField finds the bracketed time and returns the places of its brackets.
func dateField(line []byte) (at, end int) {
	for i := 0; ; {
		n := bytes.IndexByte(line[i:], '[')
		if n < 0 {
			return -1, -1
		}
		i += n
		v := line[i:]
		if len(v) < 25 {
			return -1, -1
		}
		if v[3] == '/' && v[7] == '/' && v[12] == ':' {
			for _, width := range [...]int{27, 21} { // with the zone, without
				if len(v) > width+2 && v[width] == ']' && v[width+1] == ' ' && v[width+2] == '"' {
					return i, i + width
				}
			}
		}
		i++
	}
}

// who reads what stands before the time: [vhost] client ident user. The client
// is the first address; the user is what follows the ident, spaces included.
func (f *clf) who(v []byte) bool {
	r := &f.rec
	var word [4][]byte
	n, rest := 0, 0
	client := -1
	for i := 0; i < len(v) && n < len(word); {
		sp := bytes.IndexByte(v[i:], ' ')
		if sp < 0 {
			sp = len(v) - i
		}
		if sp > 0 {
			word[n] = v[i : i+sp]
			if client < 0 && n < 2 && looksLikeAddress(word[n]) {
				client = n
			}
			n++
			if n == client+2 {
				rest = i + sp
			}
		}
		i += sp + 1
	}
	if n == 0 || carrier(word[0], v) {
		return false
	}
	if client < 0 { // a host name or unix: in the client's place
		client = 0
		if n == 4 {
			client = 1
		}
		rest = len(word[0]) + 1
		if client+1 < n {
			rest = cap(v) - cap(word[client+1]) + len(word[client+1])
		}
	}
	r.put(kPeer, 0, word[client])
	if client == 1 {
		r.put(kServerName, 0, word[0])
	}
	if n < client+2 {
		return true
	}
	user := bytes.Trim(v[min(rest, len(v)):], " ")
	if ident := word[client+1]; !missing(ident) && client == 0 && bytes.IndexByte(ident, '.') > 0 && len(user) > 0 {
		r.put(kServerName, 0, ident) // client vhost user, as shared hosters write it
	}
	if bytes.HasSuffix(user, []byte(" -")) || string(user) == `""` {
		return true
	}
	r.put(kUser, 0, user)
	return true
}

// carrier reports whether what stands in front is a log shipper's time stamp or
// name rather than a virtual host; carried then takes it off.
func carrier(first, v []byte) bool {
	return len(first) > 18 && first[4] == '-' && first[10] == 'T' || bytes.Contains(v, []byte(" | "))
}

func looksLikeAddress(v []byte) bool {
	if c := v[0]; c-'0' > 9 && c != ':' && c != '[' && (c|0x20 < 'a' || c|0x20 > 'f') {
		return false
	}
	return address(v, false).IsValid()
}

// requestEnd finds the quote that ends the request at i: not escaped, and a
// status behind it. Servers that do not escape quotes are forgiven so.
func requestEnd(line []byte, i int) int {
	for start := i; ; {
		n := bytes.IndexByte(line[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		if !escapedAt(line, start, i) && i+2 < len(line) && line[i+1] == ' ' && (line[i+2]-'0' <= 9 || line[i+2] == '-') {
			return i
		}
		i++
	}
}

// escapedAt reports whether an odd number of backslashes stands before i.
func escapedAt(line []byte, start, i int) bool {
	n := 0
	for i--; i >= start && line[i] == '\\'; i-- {
		n++
	}
	return n&1 == 1
}

// rest reads what follows the size: "referer" "user agent" and, unnamed and so
// ignored, whatever a site appends. Traefik's tail ends in its duration.
func (f *clf) rest(line []byte, i int) {
	r := &f.rec
	names := [...][]byte{nameReferer, nameUserAgent}
	for _, name := range names {
		if i >= len(line) || line[i] != '"' {
			return
		}
		end := quoteEnd(line, i+1)
		if end < 0 { // cut off by a length limit: what is there still counts
			r.header(name, line[i+1:])
			return
		}
		r.header(name, line[i+1:end])
		i = end + 2
	}
	if n := len(line); i < n && n > 4 && string(line[n-2:]) == "ms" && line[n-3]-'0' <= 9 {
		if sp := bytes.LastIndexByte(line, ' '); sp >= i {
			r.put(kMillis, 0, line[sp+1:n-2])
		}
	}
}

// quoteEnd finds the quote that ends the field at i: not escaped, and a space
// or the end of the line behind it.
func quoteEnd(line []byte, i int) int {
	for start := i; ; {
		n := bytes.IndexByte(line[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		if (i+1 == len(line) || line[i+1] == ' ') && !escapedAt(line, start, i) {
			return i
		}
		i++
	}
}
