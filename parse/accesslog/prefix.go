package accesslog

import (
	"bytes"

	"lapwing/parse/exchange"
)

// maxPrefix is how far into a line a carrier's prefix may reach: RFC 5424
// headers with structured data seldom pass 500 bytes.
const maxPrefix = 1024

// A carried format reads lines that may come inside another: syslog (RFC 3164
// and 5424), a container runtime's log (CRI), docker compose.
type carried struct{ inner Format }

func wrap(f Format) Format { return &carried{f} }

func (f *carried) Name() string { return f.inner.Name() }

func (f *carried) Parse(line []byte, raw *exchange.Raw) error {
	line = trimLine(line)
	if len(line) == 0 {
		return ErrNoCall
	}
	if line[0] == '#' { // a comment everywhere; W3C directives are the format's own
		if w, ok := f.inner.(*w3c); ok {
			w.directive(line)
		}
		return ErrNoCall
	}
	if n := syslogPrefix(line); n > 0 && n < len(line) {
		return shift(f.inner.Parse(line[n:], raw), n)
	}
	err := f.inner.Parse(line, raw)
	if err == nil || err == ErrNoCall {
		return err
	}
	if n := runtimePrefix(line); n > 0 && n < len(line) && f.inner.Parse(line[n:], raw) == nil {
		return nil
	}
	return err
}

func shift(err error, n int) error {
	if e, ok := err.(*LineError); ok && e.Column > 0 {
		return &LineError{Reason: e.Reason, Column: e.Column + n}
	}
	return err
}

func trimLine(line []byte) []byte {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	if len(line) >= 3 && line[0] == 0xef && line[1] == 0xbb && line[2] == 0xbf {
		line = line[3:] // byte order mark of files made on Windows
	}
	return line
}

// syslogPrefix returns the length of a syslog header that is certainly one.
func syslogPrefix(line []byte) int {
	i := 0
	if line[0] == '<' { // PRI, RFC 3164 §4.1.1
		for i = 1; i < len(line) && i < 5 && line[i]-'0' <= 9; i++ {
		}
		if i < 2 || i >= len(line) || line[i] != '>' {
			return 0
		}
		i++
		if i+1 < len(line) && line[i] == '1' && line[i+1] == ' ' {
			return rfc5424(line, i+2)
		}
	}
	return headerEnd(line, i, bsdStamp(line[i:]))
}

// bsdStamp returns the length of "Nov 21 20:53:09 " at the start of v, 0 if
// there is none.
func bsdStamp(v []byte) int {
	if len(v) < 16 || v[3] != ' ' || v[6] != ' ' || v[9] != ':' || v[12] != ':' || monthOf(v) == 0 {
		return 0
	}
	if v[15] == ' ' {
		return 16
	}
	if v[15] == '.' { // fraction
		if n := bytes.IndexByte(v[15:min(len(v), 27)], ' '); n > 0 {
			return 15 + n + 1
		}
	}
	return 0
}

// headerEnd skips the stamp of n bytes at i, a host and "tag:" or "tag[pid]:".
func headerEnd(line []byte, i, n int) int {
	if n == 0 {
		if i > 0 { // <PRI> with an RFC 3339 stamp, as rsyslog forwards
			if sp := bytes.IndexByte(line[i:min(len(line), i+40)], ' '); sp > 18 && line[i+4] == '-' {
				return headerEnd(line, i, sp+1)
			}
		}
		return 0
	}
	i += n
	head := line[i:min(len(line), i+maxPrefix)]
	tag := bytes.Index(head, []byte(": "))
	if tag < 0 {
		return 0
	}
	if bytes.Count(head[:tag], []byte{' '}) > 1 { // host and tag hold no spaces
		return 0
	}
	i += tag + 2
	for i < len(line) && line[i] == ' ' {
		i++
	}
	return i
}

// rfc5424 skips TIMESTAMP HOST APP PROCID MSGID SD from i, RFC 5424 §6.
func rfc5424(line []byte, i int) int {
	for range 5 {
		n := bytes.IndexByte(line[i:min(len(line), i+maxPrefix)], ' ')
		if n < 0 {
			return 0
		}
		i += n + 1
	}
	if i >= len(line) {
		return 0
	}
	if line[i] == '-' {
		i++
	} else {
		for i < len(line) && line[i] == '[' {
			quoted := false // some senders forget to escape ] in values, as §6.3.3 demands
			for i++; i < len(line) && (quoted || line[i] != ']'); i++ {
				switch line[i] {
				case '\\':
					i++
				case '"':
					quoted = !quoted
				}
			}
			i++
		}
	}
	for i < len(line) && line[i] == ' ' {
		i++
	}
	if bytes.HasPrefix(line[min(i, len(line)):], []byte("\xef\xbb\xbf")) {
		i += 3
	}
	return min(i, len(line))
}

// runtimePrefix returns the length of a prefix that only might be one, so that
// it is tried when the whole line did not fit: an RFC 3339 stamp followed by a
// syslog host and tag, CRI's stream and flag, or a bare host; "name | ".
func runtimePrefix(line []byte) int {
	head := line[:min(len(line), maxPrefix)]
	if len(head) > 20 && head[4] == '-' && (head[10] == 'T' || head[10] == ' ') {
		sp := bytes.IndexByte(head[11:], ' ')
		if sp < 0 {
			return 0
		}
		i := 11 + sp + 1
		if rest := head[i:]; bytes.HasPrefix(rest, []byte("stdout ")) || bytes.HasPrefix(rest, []byte("stderr ")) {
			if len(rest) > 9 && (rest[7] == 'F' || rest[7] == 'P') && rest[8] == ' ' {
				return i + 9
			}
			return i + 7
		}
		if n := headerEnd(line, 0, i); n > 0 && n < i+200 && bytes.IndexByte(line[i:n], '{') < 0 {
			return n
		}
		if n := bytes.IndexByte(head[i:], '{'); n >= 0 && n < 200 {
			return i + n
		}
		return i
	}
	if n := bytes.Index(head, []byte(" | ")); n > 0 && n < 100 {
		return n + 3
	}
	if n := bytes.IndexByte(head, '{'); n > 0 && n < 200 { // a tag of any kind before JSON
		return n
	}
	return 0
}
