package har

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash/fnv"
	"math"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lapwing/event"
	"lapwing/parse/exchange"
)

const (
	// maxBodyBytes of a body are handed on; what follows is counted only.
	maxBodyBytes = 1 << 20
	// maxHeaders of one message are handed on: servers refuse far fewer.
	maxHeaders = 256
)

// entry is log.entries[i] of HAR 1.2, http://www.softwareishard.com/blog/har-12-spec/,
// as far as it is used here.
type entry struct {
	Started  string   `json:"startedDateTime"`
	Time     number   `json:"time"` // ms
	Request  request  `json:"request"`
	Response response `json:"response"`
	ServerIP string   `json:"serverIPAddress"`
}

type request struct {
	Method   string  `json:"method"`
	URL      string  `json:"url"`
	Version  string  `json:"httpVersion"`
	Headers  []field `json:"headers"`
	BodySize number  `json:"bodySize"`
	Post     *struct {
		Type     string  `json:"mimeType"`
		Text     string  `json:"text"`
		Params   []field `json:"params"`
		Encoding string  `json:"encoding"` // not in the standard; written by some proxies
	} `json:"postData"`
}

type response struct {
	Status   number  `json:"status"`
	Headers  []field `json:"headers"`
	BodySize number  `json:"bodySize"`
	Content  struct {
		Size     number `json:"size"`
		Text     string `json:"text"`
		Encoding string `json:"encoding"`
	} `json:"content"`
}

type field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// number takes what exporters write for one: 1, 1.5, "1", null, "".
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "" || s == "null" {
		*n = 0
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return &json.UnmarshalTypeError{Value: "text", Field: "number"}
	}
	*n = number(f)
	return nil
}

// fill makes the exchange of the entry.
func (e *entry) fill(raw *exchange.Raw, index int) error {
	started, err := when(e.Started)
	if err != nil {
		return err
	}
	u, err := url.Parse(e.Request.URL)
	if err != nil || u.Host == "" {
		return errors.New("request.url is no absolute URL")
	}
	*raw = exchange.Raw{
		Time: started, Source: event.SourceLog, HeadersKnown: true,
		Method: []byte(e.Request.Method), Host: []byte(u.Host), Protocol: protocol(e.Request.Version), Target: target(e.Request.URL),
	}
	if d := float64(e.Time); d > 0 && d < float64(7*24*time.Hour/time.Millisecond) { // Firefox writes -1 for unknown
		raw.Duration = time.Duration(d * float64(time.Millisecond))
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "ws":
		raw.Scheme = "http"
	case "https", "wss":
		raw.Scheme = "https"
	default: // data:, blob:, chrome-extension: never left the browser
		return errors.New("request.url is no HTTP URL")
	}
	if a, err := netip.ParseAddr(strings.Trim(e.ServerIP, "[]")); err == nil {
		raw.Server = netip.AddrPortFrom(a.Unmap(), urlPort(u))
	}
	if s := e.Response.Status; s >= 100 && s <= 999 { // 0: blocked or aborted
		raw.Status = int(s)
	}
	if raw.Status == 101 {
		raw.Flags |= event.FlagUpgrade
	}
	raw.RequestHeaders = headers(e.Request.Headers, false)
	body, decoded := e.body()
	raw.RequestBody = keep(body, e.Request.BodySize, &raw.Flags)
	reply := []byte(e.Response.Content.Text)
	if strings.EqualFold(e.Response.Content.Encoding, "base64") {
		if reply, err = unbase64(e.Response.Content.Text); err != nil {
			reply, raw.Flags = nil, raw.Flags|event.FlagDecodeError
		}
	}
	raw.ResponseHeaders = headers(e.Response.Headers, len(reply) > 0)
	size := e.Response.BodySize
	if size <= 0 { // -1 unknown; 0 in Chrome when it came from a cache or over h2 with a stripped export
		size = e.Response.Content.Size
	}
	raw.ResponseBody = keep(reply, size, &raw.Flags)
	if !decoded {
		raw.Flags |= event.FlagDecodeError
	}
	if len(reply) == 0 && size > 0 {
		raw.Gap.BodyUnread = true // exported without content
	}
	e.seed(raw, index)
	return nil
}

// seed derives the ID from what was exchanged and where it stands.
func (e *entry) seed(raw *exchange.Raw, index int) {
	h := fnv.New128a()
	for _, s := range [...]string{e.Started, e.Request.Method, e.Request.URL, strconv.Itoa(index)} {
		_, _ = h.Write([]byte(s)) // a hash never fails
		_, _ = h.Write([]byte{0})
	}
	sum := h.Sum(nil)
	for i := range 8 {
		raw.IDHigh = raw.IDHigh<<8 | uint64(sum[i])
		raw.IDLow = raw.IDLow<<8 | uint64(sum[i+8])
	}
}

// body is the request's body: its text, or the form it was split into.
func (e *entry) body() (b []byte, ok bool) {
	p := e.Request.Post
	switch {
	case p == nil:
		return nil, true
	case p.Text == "" && len(p.Params) > 0 && !strings.HasPrefix(p.Type, "multipart/"):
		for i, f := range p.Params {
			if i > 0 {
				b = append(b, '&')
			}
			b = append(append(append(b, formEscape(f.Name)...), '='), formEscape(f.Value)...)
		}
		return b, true
	case strings.EqualFold(p.Encoding, "base64"):
		b, err := unbase64(p.Text)
		return b, err == nil
	}
	return []byte(p.Text), true
}

// formEscape undoes nothing twice: Chrome exports params still escaped, Firefox
// decoded, and only the latter can hold the characters that separate.
func formEscape(s string) string {
	if strings.ContainsAny(s, "&= +\r\n") || strings.Contains(s, "%") && !escapedForm(s) {
		return url.QueryEscape(s)
	}
	return s
}

func escapedForm(s string) bool {
	_, err := url.QueryUnescape(s)
	return err == nil
}

func unbase64(s string) ([]byte, error) {
	s = strings.TrimRight(strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == ' ' {
			return -1
		}
		return r
	}, s), "=")
	return base64.RawStdEncoding.DecodeString(s)
}

// keep bounds a body. wire is what the archive says of its size.
func keep(data []byte, wire number, flags *event.Flags) exchange.Body {
	b := exchange.Body{WireBytes: int64(len(data)), Data: data, Complete: len(data) > 0 || wire <= 0}
	if wire > 0 && wire < 1<<53 {
		b.WireBytes = int64(wire)
	}
	if len(data) > maxBodyBytes {
		b.Data, b.Complete = data[:maxBodyBytes], false
		*flags |= event.FlagBodyTruncated
	}
	return b
}

// headers drops HTTP/2's pseudo header fields, which Chrome lists, and, beside
// a decoded body, its coding.
func headers(in []field, decoded bool) []exchange.Field {
	out := make([]exchange.Field, 0, min(len(in), maxHeaders))
	for _, f := range in {
		if len(out) == maxHeaders {
			break
		}
		if f.Name == "" || f.Name[0] == ':' || decoded && strings.EqualFold(f.Name, "Content-Encoding") {
			continue
		}
		out = append(out, exchange.Field{Name: []byte(f.Name), Value: []byte(f.Value)})
	}
	return out
}

// target is the part of the URL that was sent: path and query as written.
func target(raw string) []byte {
	_, rest, _ := strings.Cut(raw, "://")
	rest, _, _ = strings.Cut(rest, "#")
	i := strings.IndexAny(rest, "/?")
	switch {
	case i < 0:
		return []byte("/")
	case rest[i] == '?':
		return []byte("/" + rest[i:])
	}
	return []byte(rest[i:])
}

func urlPort(u *url.URL) uint16 {
	if p, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(p)
	}
	if u.Scheme == "http" || u.Scheme == "ws" {
		return 80
	}
	return 443
}

// protocol maps the names that exporters use: HTTP/1.1, http/2.0, h2, h3-29, quic.
func protocol(v string) string {
	v = strings.ToLower(strings.TrimSpace(v))
	switch {
	case v == "http/1.1" || v == "http/1.0":
		return v
	case v == "h2" || v == "h2c" || v == "http/2" || v == "http/2.0" || v == "spdy":
		return "h2"
	case strings.HasPrefix(v, "h3") || strings.HasPrefix(v, "http/3") || strings.Contains(v, "quic"):
		return "h3"
	}
	return ""
}

// when reads ISO 8601 as exporters write it, with and without a colon in the zone.
func when(s string) (time.Time, error) {
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("startedDateTime is no ISO 8601 time")
}
