package accesslog

import (
	"bytes"
	"strings"

	"lapwing/parse/exchange"
)

// maxColumns is more than any product writes (CloudFront has 33).
const maxColumns = 128

// A w3c reads the extended log format of the W3C (WD-logfile-960323): IIS,
// CloudFront, proxies and gateways. The #Fields directive may change in the
// middle of a file. Times are UTC. The time is that of logging, at the end.
type w3c struct {
	name    string
	columns []op
	escape  valueEscape
	rec     record
}

// valueEscape is how a product hides spaces inside values.
type valueEscape uint8

const (
	escapeNone    valueEscape = iota
	escapePlus                // IIS: + for a space in User-Agent and the like
	escapePercent             // CloudFront: %20
)

// cloudfrontFields are the fields of CloudFront's standard logs, for a file
// whose head was lost.
const cloudfrontFields = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) " +
	"x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type " +
	"cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end"

func newW3C(name, fields string) *w3c {
	f := &w3c{name: name}
	if fields != "" {
		f.fields([]byte(fields))
	}
	return f
}

func (f *w3c) Name() string { return f.name }

var w3cColumns = map[string]kind{
	"date": kDate, "time": kClockTime, "c-ip": kPeer, "c-port": kPeerPort, "s-ip": kServer, "s-port": kServerPort, "cs-ip": kPeer, "x-client-ip": kPeer,
	"cs-method": kMethod, "cs-uri-stem": kPath, "cs-uri-query": kQuery, "cs-uri": kTarget, "cs-uri-path": kPath, "cs-username": kUser, "cs-host": kHost,
	"x-host-header": kHost, "cs-version": kProtocol, "cs-protocol-version": kProtocol, "cs-protocol": kScheme, "cs-uri-scheme": kScheme,
	"sc-status": kStatus, "c-status": kStatus, "sc-bytes": kSent, "sc-content-len": kBody, "time-taken": kMillis, "x-duration": kSeconds, "ssl-protocol": kTLS,
	"cs(host)": kHost, "cs-computername": kIgnore, "s-computername": kServerName, "gmttime": kTime, "localtime": kTime, "timestamp": kTime, "x-timestamp": kTime,
}

// fields reads a #Fields directive.
func (f *w3c) fields(v []byte) {
	f.columns = f.columns[:0]
	f.escape = escapeNone
	cloudfront := bytes.Contains(v, []byte("x-edge-"))
	if cloudfront {
		f.escape = escapePercent
	} else if bytes.Contains(v, []byte("sc-win32-status")) || bytes.Contains(v, []byte("sc-substatus")) {
		f.escape = escapePlus
	}
	for _, word := range strings.Fields(string(v)) {
		if len(f.columns) == maxColumns {
			return
		}
		low := strings.ToLower(word)
		o := op{kind: w3cColumns[low]}
		switch {
		case o.kind != kIgnore:
			if cloudfront && low == "time-taken" {
				o.kind = kSeconds
			}
			if cloudfront && low == "cs(host)" {
				o.kind = kServerName // the distribution's own name; x-host-header is what the client asked for
			}
		case low == "x-forwarded-for":
			o.kind, o.name = kHeader, nameForwardedFor
		case strings.HasPrefix(low, "cs(") && strings.HasSuffix(low, ")"):
			o.kind, o.name = kHeader, []byte(word[3:len(word)-1])
		case strings.HasPrefix(low, "sc(") && strings.HasSuffix(low, ")"):
			o.kind, o.name = kResponseHeader, []byte(word[3:len(word)-1])
		}
		f.columns = append(f.columns, o)
	}
}

// directive heeds a line that begins with "#".
func (f *w3c) directive(line []byte) {
	if rest, ok := bytes.CutPrefix(line, []byte("#Fields:")); ok {
		f.fields(rest)
	}
}

func (f *w3c) Parse(line []byte, raw *exchange.Raw) error {
	if len(f.columns) == 0 {
		return &LineError{Reason: "no #Fields line before it says what its columns are"}
	}
	r := &f.rec
	r.reset()
	sep := byte(' ')
	if bytes.IndexByte(line, '\t') >= 0 {
		sep = '\t'
	}
	pos, i := 0, 0
	for ; i < len(f.columns) && pos < len(line); i++ {
		var v []byte
		if line[pos] == '"' {
			if end := quoteEnd(line, pos+1); end >= 0 {
				v = line[pos+1 : end]
				pos = end + 2
			}
		}
		if v == nil {
			n := bytes.IndexByte(line[pos:], sep)
			if n < 0 {
				n = len(line) - pos
			}
			v = line[pos : pos+n]
			pos += n + 1
		}
		o := &f.columns[i]
		switch o.kind {
		case kHeader:
			r.header(o.name, f.value(v))
		case kResponseHeader:
			r.response(o.name, f.value(v))
		case kUser:
			r.put(o.kind, 0, f.value(v))
		default:
			r.put(o.kind, 0, v)
		}
	}
	if i < len(f.columns) && i < 4 {
		return &LineError{Reason: "fewer columns than #Fields names"}
	}
	if !r.has(kStatus) {
		return &LineError{Reason: "no status column"}
	}
	return r.finish(line, raw)
}

// value decodes a value as its product wrote it.
func (f *w3c) value(v []byte) []byte {
	r := &f.rec
	switch f.escape {
	case escapePlus:
		if bytes.IndexByte(v, '+') < 0 {
			return v
		}
		start := len(r.arena)
		for _, c := range v {
			if c == '+' {
				c = ' '
			}
			r.arena = append(r.arena, c)
		}
		return r.arena[start:]
	case escapePercent:
		if bytes.IndexByte(v, '%') < 0 {
			return v
		}
		start := len(r.arena)
		for i := 0; i < len(v); i++ {
			if v[i] == '%' && i+2 < len(v) && unhex(v[i+1]) < 16 && unhex(v[i+2]) < 16 {
				r.arena = append(r.arena, unhex(v[i+1])<<4|unhex(v[i+2]))
				i += 2
				continue
			}
			r.arena = append(r.arena, v[i])
		}
		return r.arena[start:]
	}
	return v
}
