package accesslog

import (
	"bytes"
	"net/netip"
	"time"

	"lapwing/event"
	"lapwing/parse/exchange"
)

// A kind says what a field of a line means.
type kind uint8

const (
	kIgnore         kind = iota
	kPeer                // socket address of the client side, with or without port
	kPeerPort            //
	kClient              // the client as the server worked it out behind proxies
	kServer              // own address, with or without port
	kServerPort          //
	kUser                //
	kHost                // the Host of the request
	kServerName          // the virtual host's configured name: stands in for kHost
	kStart               // time of the request's begin
	kTime                // time of logging: the request's end where a duration is known
	kDate                // W3C: date and time are two fields
	kClockTime           //
	kRequest             // request line
	kMethod              //
	kTarget              // path and query
	kPath                // path alone
	kQuery               // query alone, with or without "?"
	kURL                 // absolute URL, where that is the log's notation, not the client's
	kHostTarget          // host and target without anything between them
	kProtocol            //
	kScheme              //
	kTLS                 // anything but "-" means https
	kStatus              //
	kRequestBody         // body bytes
	kBody                // body bytes of the response
	kSent                // bytes of the response with its head, where nothing better is logged
	kDuration            // unit by its form, see duration
	kSeconds             //
	kMillis              //
	kMicros              //
	kNanos               //
	kSeconds2            // further parts of a duration that is logged in parts
	kSeconds3            //
	kHeader              // a request header; name beside it
	kResponseHeader      //
	kindCount
)

// maxHeaders is more headers than any log is configured to write; more in a
// line are ignored.
const maxHeaders = 48

// A record gathers the fields of one line by kind, until finish reads them.
type record struct {
	set     uint64 // bit per kind
	val     [kindCount][]byte
	rank    [kindCount]uint8 // of several sources of a kind the higher-ranked stands
	headers [maxHeaders]exchange.Field
	n       int
	replies [maxHeaders]exchange.Field
	m       int
	arena   []byte // what had to be copied: escapes decoded, parts joined
	clock   clock

	quotedURLs bool // request lines carry absolute URLs by the log's own notation (ALB)
	escaped    bool // values still carry \xHH and \" escapes
	portAlways bool // addresses always end in a port
}

func (r *record) reset() {
	r.set, r.n, r.m, r.arena = 0, 0, 0, r.arena[:0]
}

func (r *record) has(k kind) bool { return r.set>>k&1 != 0 }

// put notes a field. A value that says "nothing" is as good as none.
func (r *record) put(k kind, rank uint8, v []byte) {
	if k == kIgnore || missing(v) && k != kStatus {
		return
	}
	if r.has(k) && r.rank[k] > rank {
		return
	}
	r.val[k], r.rank[k] = v, rank
	r.set |= 1 << k
}

func (r *record) header(name, v []byte) {
	if !missing(v) && r.n < maxHeaders && len(name) > 0 {
		r.headers[r.n] = exchange.Field{Name: name, Value: r.text(v)}
		r.n++
	}
}

func (r *record) response(name, v []byte) {
	if !missing(v) && r.m < maxHeaders && len(name) > 0 {
		r.replies[r.m] = exchange.Field{Name: name, Value: r.text(v)}
		r.m++
	}
}

// text is v with its escapes decoded; a copy only if there are any.
func (r *record) text(v []byte) []byte {
	if !r.escaped || bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	start := len(r.arena)
	r.arena = unescape(r.arena, v)
	return r.arena[start:]
}

// fault makes the error for a bad value of line.
func fault(line, at []byte, reason string) error {
	col := cap(line) - cap(at) + 1 // both end where line's array ends, unless at was copied
	if col < 1 || col > len(line)+1 {
		col = 0
	}
	return &LineError{Reason: reason, Column: col}
}

// finish fills raw from the fields gathered of line.
func (r *record) finish(line []byte, raw *exchange.Raw) error {
	*raw = exchange.Raw{Source: event.SourceLog}
	if err := r.times(line, raw); err != nil {
		return err
	}
	if r.has(kStatus) {
		n, ok := status(r.val[kStatus])
		if !ok {
			return fault(line, r.val[kStatus], "status is no number of three digits")
		}
		raw.Status = n
	}
	if err := r.sizes(line, raw); err != nil {
		return err
	}
	r.parties(raw)
	if !r.request(raw) {
		return &LineError{Reason: "no request line, path or URL in it"}
	}
	r.names(raw)
	raw.RequestHeaders = r.headers[:r.n]
	raw.ResponseHeaders = r.replies[:r.m]
	return nil
}

func (r *record) times(line []byte, raw *exchange.Raw) error {
	const durations = 1<<kDuration | 1<<kSeconds | 1<<kMillis | 1<<kMicros | 1<<kNanos
	for k := kDuration; k <= kNanos && r.set&durations != 0; k++ {
		if !r.has(k) {
			continue
		}
		if d, ok := duration(r.val[k], units[k-kDuration]); ok {
			raw.Duration = d
		}
	}
	for k := kSeconds2; k <= kSeconds3; k++ {
		if !r.has(k) {
			continue
		}
		if d, ok := duration(r.val[k], time.Second); ok {
			raw.Duration += d
		}
	}
	if r.has(kStart) {
		t, ok := r.clock.read(r.val[kStart])
		if !ok {
			return fault(line, r.val[kStart], "time has no known form")
		}
		raw.Time = t
		return nil
	}
	switch {
	case r.has(kTime):
		t, ok := r.clock.read(r.val[kTime])
		if !ok {
			return fault(line, r.val[kTime], "time has no known form")
		}
		raw.Time = t
	case r.has(kDate) && r.has(kClockTime):
		start := len(r.arena)
		r.arena = append(append(append(r.arena, r.val[kDate]...), 'T'), r.val[kClockTime]...)
		t, ok := r.clock.read(r.arena[start:])
		if !ok {
			return fault(line, r.val[kDate], "date and time have no known form")
		}
		raw.Time = t
	default:
		return &LineError{Reason: "no time in it"}
	}
	if raw.Duration != 0 {
		raw.Time = raw.Time.Add(-raw.Duration)
	}
	return nil
}

var units = [...]time.Duration{0, time.Second, time.Millisecond, time.Microsecond, time.Nanosecond}

func (r *record) sizes(line []byte, raw *exchange.Raw) error {
	for _, k := range [...]kind{kSent, kBody, kRequestBody} {
		if !r.has(k) {
			continue
		}
		n, ok := number(r.val[k])
		if !ok {
			if k == kBody && r.val[k][0] != '-' {
				return fault(line, r.val[k], "size is no number")
			}
			continue
		}
		if k == kRequestBody {
			raw.RequestBody.WireBytes = n
		} else {
			raw.ResponseBody.WireBytes = n
		}
	}
	return nil
}

// status reads a final status. 0, 000, 009 (nginx for HTTP/0.9) and -1 say
// that no response went out.
func status(v []byte) (int, bool) {
	if missing(v) || len(v) == 2 && v[0] == '-' && v[1] == '1' {
		return 0, true
	}
	n, ok := number(v)
	if !ok || n > 999 {
		return 0, false
	}
	if n < 100 {
		n = 0
	}
	return int(n), true
}

func (r *record) parties(raw *exchange.Raw) {
	if r.has(kPeer) {
		raw.Peer = address(r.val[kPeer], r.portAlways)
	}
	if r.has(kClient) {
		v := r.val[kClient]
		client := address(v, r.portAlways)
		switch {
		case !raw.Peer.IsValid():
			raw.Peer = client
		case client.IsValid() && client.Addr() != raw.Peer.Addr() && !r.forwarded():
			r.header(nameForwardedFor, v)
		}
	}
	if r.has(kPeerPort) && raw.Peer.IsValid() && raw.Peer.Port() == 0 {
		if p, ok := port(r.val[kPeerPort]); ok {
			raw.Peer = netip.AddrPortFrom(raw.Peer.Addr(), p)
		}
	}
	if r.has(kServer) {
		raw.Server = address(r.val[kServer], false)
	}
	if r.has(kServerPort) && raw.Server.IsValid() && raw.Server.Port() == 0 {
		if p, ok := port(r.val[kServerPort]); ok {
			raw.Server = netip.AddrPortFrom(raw.Server.Addr(), p)
		}
	}
}

var (
	nameForwardedFor = []byte("X-Forwarded-For")
	nameRealIP       = []byte("X-Real-IP")
	nameForwarded    = []byte("Forwarded")
	nameUserAgent    = []byte("User-Agent")
	nameReferer      = []byte("Referer")
)

// forwarded reports whether the line itself shows where the client comes from.
func (r *record) forwarded() bool {
	for _, f := range r.headers[:r.n] {
		if bytes.EqualFold(f.Name, nameForwardedFor) || bytes.EqualFold(f.Name, nameRealIP) || bytes.EqualFold(f.Name, nameForwarded) {
			return true
		}
	}
	return false
}

// names sets user, host and scheme.
func (r *record) names(raw *exchange.Raw) {
	if r.has(kUser) {
		raw.User = r.text(r.val[kUser])
	}
	switch {
	case r.has(kHost):
		raw.Host = r.text(r.val[kHost])
	case raw.Host != nil:
	case r.has(kServerName) && !(len(r.val[kServerName]) == 1 && r.val[kServerName][0] == '_'): // nginx's "any host"
		raw.Host = r.text(r.val[kServerName])
	}
	if r.has(kScheme) {
		switch v := r.val[kScheme]; {
		case bytes.EqualFold(v, []byte("http")), bytes.EqualFold(v, []byte("ws")), bytes.EqualFold(v, []byte("h2c")):
			raw.Scheme = "http"
		case bytes.EqualFold(v, []byte("https")), bytes.EqualFold(v, []byte("wss")), bytes.EqualFold(v, []byte("h2")), bytes.EqualFold(v, []byte("on")):
			raw.Scheme = "https"
		}
	} else if r.has(kTLS) {
		raw.Scheme = "https"
	}
}
