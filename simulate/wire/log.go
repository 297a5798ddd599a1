package wire

import (
	"bufio"
	"container/heap"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"lapwing/simulate"
)

// A Style is how a server writes its access log.
type Style string

const (
	Combined      Style = "combined"       // Apache's and nginx's combined format
	VhostCombined Style = "vhost_combined" // the same with the host in front
	NginxJSON     Style = "nginx"          // nginx log_format with escape=json
	EnvoyJSON     Style = "envoy"          // Envoy json_format with its usual fields
	CaddyJSON     Style = "caddy"          // Caddy's own
)

// Styles are all there are, in the order of a help text.
var Styles = []Style{Combined, VhostCombined, NginxJSON, EnvoyJSON, CaddyJSON}

// A Log writes an access log: a line for each exchange at its end, when servers
// write. The address is the socket's, with forwarding headers beside it where
// the style has them; the user is that of Basic authentication (RFC 7617).
type Log struct {
	w      *bufio.Writer
	line   func(b []byte, e *simulate.Exchange) []byte
	wait   lines
	free   [][]byte
	order  uint64
	newest int64
}

// NewLog returns a Sink that writes lines of the style to w.
func NewLog(w io.Writer, style Style) (*Log, error) {
	l := &Log{w: bufio.NewWriterSize(w, 64<<10), newest: math.MinInt64}
	switch style {
	case Combined:
		l.line = appendCombined
	case VhostCombined:
		l.line = appendVhostCombined
	case NginxJSON:
		l.line = appendNginx
	case EnvoyJSON:
		l.line = appendEnvoy
	case CaddyJSON:
		l.line = appendCaddy
	default:
		return nil, fmt.Errorf("log style %q is not one of %v", style, Styles)
	}
	return l, nil
}

// Exchange writes the lines that are due and keeps that of e until its end.
func (l *Log) Exchange(e *simulate.Exchange) error {
	if e.AtNS < l.newest {
		return fmt.Errorf("exchange at %d ns comes after one at %d ns: exchanges must be ordered by their begin", e.AtNS, l.newest)
	}
	l.newest = e.AtNS
	if err := l.write(e.AtNS); err != nil {
		return err
	}
	var b []byte
	if n := len(l.free); n > 0 {
		b, l.free = l.free[n-1][:0], l.free[:n-1]
	}
	l.order++
	heap.Push(&l.wait, line{endNS(e), l.order, append(l.line(b, e), '\n')})
	return nil
}

// Close writes the remaining lines.
func (l *Log) Close() error {
	if err := l.write(math.MaxInt64); err != nil {
		return err
	}
	if err := l.w.Flush(); err != nil {
		return fmt.Errorf("write log: %w", err)
	}
	return nil
}

func (l *Log) write(until int64) error {
	for len(l.wait) > 0 && l.wait[0].at <= until {
		top := heap.Pop(&l.wait).(line)
		if _, err := l.w.Write(top.text); err != nil {
			return fmt.Errorf("write log: %w", err)
		}
		if len(l.free) < 256 {
			l.free = append(l.free, top.text)
		}
	}
	return nil
}

func endNS(e *simulate.Exchange) int64 { return e.AtNS + max(e.DurationNS, 0) }

// A line waits for its time.
type line struct {
	at    int64
	order uint64
	text  []byte
}

type lines []line

func (h lines) Len() int { return len(h) }
func (h lines) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h lines) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *lines) Push(x any)   { *h = append(*h, x.(line)) }
func (h *lines) Pop() any {
	old := *h
	n := len(old) - 1
	x := old[n]
	old[n] = line{}
	*h = old[:n]
	return x
}

// basicUser is the user name that the request brought itself.
func basicUser(e *simulate.Exchange) string {
	v, _ := header(e.RequestHeaders, "Authorization")
	coded, ok := strings.CutPrefix(v, "Basic ")
	if !ok {
		return ""
	}
	plain, err := base64.StdEncoding.DecodeString(coded)
	if err != nil {
		return ""
	}
	name, _, _ := strings.Cut(string(plain), ":")
	return name
}

// bodyBytes is how much of an answer's body was sent.
func bodyBytes(e *simulate.Exchange) int {
	if e.Method == "HEAD" || e.Status < 200 || e.Status == 204 || e.Status == 304 {
		return 0
	}
	return len(e.ResponseBody)
}

// status is the logged status: 499 is nginx's for a call that got no answer.
func status(e *simulate.Exchange) int {
	if e.Status == 0 {
		return 499
	}
	return e.Status
}

func appendCombined(b []byte, e *simulate.Exchange) []byte {
	b = e.Peer.Addr().Unmap().AppendTo(b)
	b = append(b, " - "...)
	b = appendField(b, basicUser(e))
	b = append(b, " ["...)
	b = time.Unix(0, endNS(e)).UTC().AppendFormat(b, "02/Jan/2006:15:04:05 -0700")
	b = append(b, `] "`...)
	b = appendEscaped(b, e.Method)
	b = append(b, ' ')
	b = appendEscaped(b, string(appendTarget(nil, e.Target)))
	b = append(b, ` HTTP/1.1" `...)
	b = strconv.AppendInt(b, int64(status(e)), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(bodyBytes(e)), 10)
	for _, name := range []string{"Referer", "User-Agent"} {
		v, _ := header(e.RequestHeaders, name)
		if v == "" {
			v = "-"
		}
		b = append(b, ` "`...)
		b = appendEscaped(b, v)
		b = append(b, '"')
	}
	return b
}

func appendVhostCombined(b []byte, e *simulate.Exchange) []byte {
	b = appendField(b, e.Host)
	if !strings.Contains(e.Host, ":") {
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(e.Server.Port()), 10)
	}
	return appendCombined(append(b, ' '), e)
}

// appendField appends a value that stands without quotes.
func appendField(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-')
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c == '"' || c == '\\' || c >= 0x7f {
			b = append(b, fmt.Sprintf(`\x%02X`, c)...)
		} else {
			b = append(b, c)
		}
	}
	return b
}

// appendEscaped escapes as nginx does by default: what could end the value.
func appendEscaped(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			b = append(b, fmt.Sprintf(`\x%02X`, c)...)
		} else {
			b = append(b, c)
		}
	}
	return b
}
