package accesslog

import (
	"bytes"

	"lapwing/parse/exchange"
)

// A haproxy reads HAProxy's "option httplog" (configuration manual §8.2.3):
//
//	client:port [date] frontend backend/server TR/Tw/Tc/Tr/Ta status bytes req_cookie resp_cookie state conns queues {req} {resp} "request"
//
// The captured headers stand in braces without their names and are ignored.
// Older releases write four or five timers likewise; the last is the total.
type haproxy struct{ rec record }

func (f *haproxy) Name() string { return "haproxy" }

func (f *haproxy) Parse(line []byte, raw *exchange.Raw) error {
	r := &f.rec
	r.reset()
	r.escaped, r.portAlways = false, true
	pos := 0
	next := func() []byte {
		n := bytes.IndexByte(line[pos:], ' ')
		if n < 0 {
			n = len(line) - pos
		}
		v := line[pos : pos+n]
		pos = min(pos+n+1, len(line))
		return v
	}
	r.put(kPeer, 0, next())
	date := next()
	if len(date) < 22 || date[0] != '[' || date[len(date)-1] != ']' {
		return fault(line, date, "want [day/month/year:time.ms] after the client")
	}
	r.put(kStart, 0, date[1:len(date)-1])
	front := next()
	if bytes.HasSuffix(front, []byte("~")) {
		r.put(kTLS, 0, front)
	}
	backend := next()
	if bytes.IndexByte(backend, '/') < 0 {
		return fault(line, backend, "want backend/server")
	}
	timers := next()
	if n := bytes.Count(timers, []byte{'/'}); n < 3 || n > 6 {
		return fault(line, timers, "want timers TR/Tw/Tc/Tr/Ta")
	}
	total := timers[bytes.LastIndexByte(timers, '/')+1:]
	total = bytes.TrimPrefix(total, []byte{'+'}) // option logasap: time so far
	r.put(kMillis, 0, total)
	r.put(kStatus, 0, next())
	r.put(kSent, 0, bytes.TrimPrefix(next(), []byte{'+'}))
	q := bytes.IndexByte(line[pos:], '"')
	if q < 0 {
		return &LineError{Reason: "no quoted request", Column: pos + 1}
	}
	// HAProxy encodes quotes as #22; a captured header could hold one, the request ends the line.
	if at := bytes.LastIndex(line[pos:], []byte(`} "`)); at >= 0 {
		q = at + 2
	}
	start := pos + q + 1
	end := bytes.LastIndexByte(line, '"')
	if end < start {
		end = len(line) // cut by the length limit of syslog
	}
	r.set |= 1 << kRequest
	r.val[kRequest], r.rank[kRequest] = f.hashes(line[start:end]), 0
	return r.finish(line, raw)
}

// hashes decodes the #XX with which HAProxy writes bytes that are not printable.
// An honest "#" never stands in a request line: RFC 9112 §3.2 sends no fragment.
func (f *haproxy) hashes(v []byte) []byte {
	if bytes.IndexByte(v, '#') < 0 {
		return v
	}
	r := &f.rec
	start := len(r.arena)
	for i := 0; i < len(v); i++ {
		if v[i] == '#' && i+2 < len(v) {
			hi, lo := unhex(v[i+1]), unhex(v[i+2])
			if hi < 16 && lo < 16 {
				r.arena = append(r.arena, hi<<4|lo)
				i += 2
				continue
			}
		}
		r.arena = append(r.arena, v[i])
	}
	return r.arena[start:]
}
