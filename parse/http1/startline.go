package http1

import (
	"bytes"

	"lapwing/event"
)

// tokenBytes marks the bytes of a token, RFC 9110 §5.6.2.
var tokenBytes = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

// maxMethod bounds a method; the longest registered one has 17 bytes
// (UPDATEREDIRECTREF, RFC 4437).
const maxMethod = 32

// parseRequestLine reads METHOD SP target SP version (RFC 9112 §3) into h,
// leniently as to blanks, and reports whether the line can be one. Spans index
// h.Bytes, of which line is the start.
func parseRequestLine(h *Head, line []byte) bool {
	i := 0
	for i < len(line) && i <= maxMethod && tokenBytes[line[i]] {
		i++
	}
	if i == 0 || i > maxMethod || i == len(line) || line[i] != ' ' && line[i] != '\t' {
		return false
	}
	h.Method = Span{0, uint32(i)}
	start := i
	for start < len(line) && isBlank(line[start]) {
		start++
	}
	if line[i] == '\t' || start-i > 1 {
		h.Flags |= event.FlagBadTarget
	}
	end := len(line)
	for end > start && isBlank(line[end-1]) {
		end--
	}
	if start == end {
		return false
	}
	h.Version = VersionNone
	if sp := bytes.LastIndexByte(line[start:end], ' '); sp >= 0 {
		word := line[start+sp+1 : end]
		if len(word) >= 5 && equalFold(word[:5], "http/") {
			switch string(word) {
			case "HTTP/1.1":
				h.Version = Version11
			case "HTTP/1.0":
				h.Version = Version10
			default:
				h.Version = oddVersion(word)
				h.Flags |= event.FlagBadVersion
			}
			end = start + sp
			for end > start && isBlank(line[end-1]) {
				end--
				h.Flags |= event.FlagBadTarget
			}
		}
	}
	if start >= end {
		return false
	}
	target := line[start:end]
	h.Target = Span{uint32(start), uint32(end)}
	if h.Version == VersionNone {
		// Any line of text with a blank would pass; a path makes it a request.
		if target[0] != '/' && !hasScheme(target) || !isUpper(line[:i]) {
			return false
		}
		h.Flags |= event.FlagBadVersion
	}
	for _, c := range target {
		if c <= ' ' || c == 0x7f {
			h.Flags |= event.FlagBadTarget
			break
		}
	}
	if target[0] != '/' && hasScheme(target) {
		h.Flags |= event.FlagAbsoluteForm
	}
	return true
}

// oddVersion reads what follows an unusual version: 1.x with x > 1 behaves as
// 1.1, and so do lower case and leading zeros in most servers.
func oddVersion(word []byte) Version {
	v := word[5:]
	if len(v) >= 3 && v[0] == '1' && v[1] == '.' && v[2] >= '1' && v[2] <= '9' {
		return Version11
	}
	if len(v) >= 2 && v[0] == '1' && v[1] == '.' {
		return Version10
	}
	return VersionOther
}

// parseStatusLine reads HTTP-version SP status SP reason (RFC 9112 §4) into h
// and reports whether the line can be one.
func parseStatusLine(h *Head, line []byte) bool {
	if len(line) < 5 || !equalFold(line[:5], "http/") {
		return false
	}
	i := 5
	for i < len(line) && !isBlank(line[i]) {
		i++
	}
	switch string(line[:i]) {
	case "HTTP/1.1":
		h.Version = Version11
	case "HTTP/1.0":
		h.Version = Version10
	default:
		h.Version = oddVersion(line[:i])
		h.Flags |= event.FlagBadVersion
	}
	for i < len(line) && isBlank(line[i]) {
		i++
	}
	if len(line) < i+3 || !isDigit(line[i]) || !isDigit(line[i+1]) || !isDigit(line[i+2]) || line[i] == '0' {
		return false
	}
	if len(line) > i+3 && isDigit(line[i+3]) {
		return false
	}
	h.Status = int(line[i]-'0')*100 + int(line[i+1]-'0')*10 + int(line[i+2]-'0')
	return true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isUpper(b []byte) bool {
	for _, c := range b {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

// hasScheme reports whether a target is in absolute form, RFC 9112 §3.2.2.
func hasScheme(target []byte) bool {
	i := 0
	for i < len(target) && (target[i]|0x20 >= 'a' && target[i]|0x20 <= 'z' || i > 0 && (isDigit(target[i]) || target[i] == '+' || target[i] == '-' || target[i] == '.')) {
		i++
	}
	return i > 0 && len(target) >= i+3 && target[i] == ':' && target[i+1] == '/' && target[i+2] == '/'
}

// equalFold reports whether b is lower in any ASCII case; lower has no upper
// case letters.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
