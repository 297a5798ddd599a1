package wire

import (
	"strconv"
	"time"
	"unicode/utf8"

	"lapwing/simulate"
)

// appendNginx writes the fields that operators usually put into a log_format
// with escape=json.
func appendNginx(b []byte, e *simulate.Exchange) []byte {
	end := time.Unix(0, endNS(e)).UTC()
	b = append(b, `{"time_iso8601":"`...)
	b = end.AppendFormat(b, "2006-01-02T15:04:05+00:00")
	b = append(b, `","msec":`...)
	b = strconv.AppendFloat(b, float64(end.UnixMilli())/1000, 'f', 3, 64)
	b = field(b, "remote_addr", e.Peer.Addr().Unmap().String())
	b = number(b, "remote_port", int64(e.Peer.Port()))
	b = field(b, "remote_user", basicUser(e))
	b = field(b, "request_method", e.Method)
	b = field(b, "request_uri", string(appendTarget(nil, e.Target)))
	b = field(b, "server_protocol", "HTTP/1.1")
	b = field(b, "http_host", e.Host)
	b = number(b, "status", int64(status(e)))
	b = number(b, "body_bytes_sent", int64(bodyBytes(e)))
	b = append(b, `,"request_time":`...)
	b = strconv.AppendFloat(b, float64(max(e.DurationNS, 0)/1e6)/1000, 'f', 3, 64)
	b = headerField(b, "http_referer", e, "Referer")
	b = headerField(b, "http_user_agent", e, "User-Agent")
	b = headerField(b, "http_x_forwarded_for", e, "X-Forwarded-For")
	return append(b, '}')
}

// appendEnvoy writes Envoy's default fields as a json_format has them.
func appendEnvoy(b []byte, e *simulate.Exchange) []byte {
	b = append(b, `{"start_time":"`...)
	b = time.Unix(0, e.AtNS).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, '"')
	b = field(b, "method", e.Method)
	b = field(b, "path", string(appendTarget(nil, e.Target)))
	b = field(b, "protocol", "HTTP/1.1")
	b = number(b, "response_code", int64(e.Status))
	flags := "-"
	if e.Status == 0 {
		flags = "DC"
	}
	b = field(b, "response_flags", flags)
	b = number(b, "bytes_received", int64(len(e.RequestBody)))
	b = number(b, "bytes_sent", int64(bodyBytes(e)))
	b = number(b, "duration", max(e.DurationNS, 0)/1e6)
	b = headerField(b, "x_forwarded_for", e, "X-Forwarded-For")
	b = headerField(b, "user_agent", e, "User-Agent")
	b = field(b, "authority", e.Host)
	b = field(b, "downstream_remote_address", e.Peer.String())
	return append(b, '}')
}

// appendCaddy writes what Caddy's http.log.access holds; Caddy hides
// credentials by itself.
func appendCaddy(b []byte, e *simulate.Exchange) []byte {
	b = append(b, `{"level":"info","ts":`...)
	b = strconv.AppendFloat(b, float64(endNS(e)/1e3)/1e6, 'f', 6, 64)
	b = field(b, "logger", "http.log.access")
	b = field(b, "msg", "handled request")
	b = append(b, `,"request":{"remote_ip":`...)
	b = quoted(b, e.Peer.Addr().Unmap().String())
	b = field(b, "remote_port", strconv.Itoa(int(e.Peer.Port())))
	b = field(b, "client_ip", e.Peer.Addr().Unmap().String())
	b = field(b, "proto", "HTTP/1.1")
	b = field(b, "method", e.Method)
	b = field(b, "host", e.Host)
	b = field(b, "uri", string(appendTarget(nil, e.Target)))
	b = append(b, `,"headers":{`...)
	first := true
	for _, name := range []string{"User-Agent", "Accept", "Accept-Language", "Content-Type", "Referer", "X-Forwarded-For"} {
		v, ok := header(e.RequestHeaders, name)
		if !ok {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = quoted(b, name)
		b = append(b, ":["...)
		b = quoted(b, v)
		b = append(b, ']')
	}
	b = append(b, "}}"...)
	b = number(b, "bytes_read", int64(len(e.RequestBody)))
	b = field(b, "user_id", basicUser(e))
	b = append(b, `,"duration":`...)
	b = strconv.AppendFloat(b, float64(max(e.DurationNS, 0)/1e3)/1e6, 'f', 6, 64)
	b = number(b, "size", int64(bodyBytes(e)))
	b = number(b, "status", int64(e.Status))
	b = append(b, `,"resp_headers":{`...)
	if v, ok := header(e.ResponseHeaders, "Content-Type"); ok {
		b = append(b, `"Content-Type":[`...)
		b = quoted(b, v)
		b = append(b, ']')
	}
	return append(b, "}}"...)
}

func field(b []byte, key, value string) []byte {
	b = append(b, ',')
	b = quoted(b, key)
	b = append(b, ':')
	return quoted(b, value)
}

func number(b []byte, key string, value int64) []byte {
	b = append(b, ',')
	b = quoted(b, key)
	b = append(b, ':')
	return strconv.AppendInt(b, value, 10)
}

// headerField writes "-" for an absent header, as servers do.
func headerField(b []byte, key string, e *simulate.Exchange, name string) []byte {
	v, ok := header(e.RequestHeaders, name)
	if !ok {
		v = "-"
	}
	return field(b, key, v)
}

// quoted appends a JSON string (RFC 8259); bytes that are no UTF-8 become
// replacement characters.
func quoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', "0123456789abcdef"[r>>4], "0123456789abcdef"[r&15])
		case r == utf8.RuneError:
			b = append(b, "\ufffd"...)
		default:
			b = append(b, s[i:i+utf8.RuneLen(r)]...)
		}
	}
	return append(b, '"')
}
