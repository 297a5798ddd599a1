package wire

import (
	"net/http"
	"strconv"
	"strings"

	"lapwing/simulate"
)

// appendRequest appends the request as HTTP/1.1 (RFC 9112). Its length is told
// by Content-Length, whatever the headers said, unless they say chunked.
func appendRequest(b []byte, e *simulate.Exchange) []byte {
	b = appendText(b, e.Method)
	b = append(b, ' ')
	b = appendTarget(b, e.Target)
	b = append(b, " HTTP/1.1\r\n"...)
	if _, ok := header(e.RequestHeaders, "Host"); !ok {
		b = appendHeader(b, "Host", e.Host)
	}
	return appendBody(b, e.RequestHeaders, e.RequestBody, len(e.RequestBody) > 0, true)
}

// appendResponse appends the answer; nothing for status 0, a server that hung up.
func appendResponse(b []byte, e *simulate.Exchange) []byte {
	if e.Status == 0 {
		return b
	}
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(e.Status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(e.Status)...)
	b = append(b, "\r\n"...)
	bodiless := e.Status < 200 || e.Status == http.StatusNoContent || e.Status == http.StatusNotModified
	return appendBody(b, e.ResponseHeaders, e.ResponseBody, !bodiless, !bodiless && e.Method != http.MethodHead)
}

// appendBody appends headers and, if it is sent, the body. length says that
// its length must be told. A length told without a body that is sent (HEAD,
// 304) stands as the exchange has it.
func appendBody(b []byte, headers []simulate.Header, body []byte, length, sent bool) []byte {
	coding, _ := header(headers, "Transfer-Encoding")
	chunked := sent && strings.EqualFold(coding, "chunked")
	told := false
	for _, h := range headers {
		switch {
		case strings.EqualFold(h.Name, "Transfer-Encoding") && !chunked:
			continue
		case strings.EqualFold(h.Name, "Content-Length") && (told || chunked):
			continue
		case strings.EqualFold(h.Name, "Content-Length") && sent:
			told = true
			b = appendLength(b, h.Name, len(body)) // in its place: the order of headers is part of a client
			continue
		case strings.EqualFold(h.Name, "Content-Length"):
			told = true
		}
		b = appendHeader(b, h.Name, h.Value)
	}
	if length && !chunked && !told {
		b = appendLength(b, "Content-Length", len(body))
	}
	b = append(b, "\r\n"...)
	switch {
	case !sent:
	case chunked:
		// One chunk: how a server flushes is no part of the exchange.
		if len(body) > 0 {
			b = strconv.AppendInt(b, int64(len(body)), 16)
			b = append(b, "\r\n"...)
			b = append(b, body...)
			b = append(b, "\r\n"...)
		}
		b = append(b, "0\r\n\r\n"...)
	default:
		b = append(b, body...)
	}
	return b
}

func appendLength(b []byte, name string, n int) []byte {
	b = append(appendText(b, name), ": "...)
	return append(strconv.AppendInt(b, int64(n), 10), "\r\n"...)
}

func appendHeader(b []byte, name, value string) []byte {
	b = appendText(b, name)
	b = append(b, ": "...)
	b = appendText(b, value)
	return append(b, "\r\n"...)
}

// appendText keeps a value from ending its line: the exchange, not the line
// break in a value, says where a message ends.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\r' || c == '\n' || c == 0 {
			c = ' '
		}
		b = append(b, c)
	}
	return b
}

// appendTarget encodes what would end a request target too early.
func appendTarget(b []byte, s string) []byte {
	if s == "" {
		return append(b, '/')
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c == 0x7f {
			b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

// header returns the first value under a name.
func header(headers []simulate.Header, name string) (string, bool) {
	for i := range headers {
		if strings.EqualFold(headers[i].Name, name) {
			return headers[i].Value, true
		}
	}
	return "", false
}

// closes reports whether the connection ends after the exchange (RFC 9112, 9.6).
func closes(e *simulate.Exchange) bool {
	if e.Status == 0 || e.Status == http.StatusSwitchingProtocols {
		return true
	}
	if v, _ := header(e.RequestHeaders, "Connection"); strings.EqualFold(v, "close") {
		return true
	}
	v, _ := header(e.ResponseHeaders, "Connection")
	return strings.EqualFold(v, "close")
}
