package accesslog

import (
	"errors"
	"fmt"
	"strings"
)

// nginxVariables are the variables of ngx_http_log_module and its neighbours
// that mean something to us, and a few names of our own (with a dot) for the
// presets written in this syntax. All others are stepped over.
var nginxVariables = map[string]kind{
	"remote_addr": kClient, "binary_remote_addr": kIgnore, "realip_remote_addr": kPeer, "remote_port": kPeerPort,
	"remote_user": kUser, "host": kHost, "http_host": kHost, "server_name": kServerName,
	"server_addr": kServer, "server_port": kServerPort,
	"time_local": kTime, "time_iso8601": kTime, "msec": kTime,
	"request": kRequest, "request_method": kMethod, "request_uri": kTarget, "uri": kPath, "document_uri": kPath,
	"args": kQuery, "query_string": kQuery, "server_protocol": kProtocol, "scheme": kScheme, "ssl_protocol": kTLS, "https": kScheme,
	"status": kStatus, "body_bytes_sent": kBody, "bytes_sent": kSent, "request_time": kSeconds, "content_length": kRequestBody,
	"lw.seconds2": kSeconds2, "lw.seconds3": kSeconds3, "lw.start": kStart,
}

func nginxTokens(s string) (variable, int, error) {
	if s[0] != '$' {
		return variable{}, 0, nil
	}
	name, n := "", 0
	if len(s) > 1 && s[1] == '{' {
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return variable{}, 0, errors.New("${ without }")
		}
		name, n = s[2:end], end+1
	} else {
		n = 1
		for n < len(s) && (s[n] == '_' || s[n]-'0' <= 9 || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z') {
			n++
		}
		name = s[1:n]
	}
	if name == "" {
		return variable{}, 0, errors.New("$ without a variable's name")
	}
	if k, ok := nginxVariables[name]; ok {
		return variable{kind: k, name: name}, n, nil
	}
	if h, ok := strings.CutPrefix(name, "http_"); ok {
		return variable{kind: kHeader, name: headerName(h)}, n, nil
	}
	if h, ok := strings.CutPrefix(name, "sent_http_"); ok {
		return variable{kind: kResponseHeader, name: headerName(h)}, n, nil
	}
	return variable{name: name}, n, nil
}

// headerName makes x_forwarded_for X-Forwarded-For.
func headerName(s string) string {
	b := []byte(strings.ReplaceAll(s, "_", "-"))
	for i, c := range b {
		if (i == 0 || b[i-1] == '-') && c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	if string(b) == "X-Real-Ip" {
		return "X-Real-IP"
	}
	return string(b)
}

// apacheDirectives are those of mod_log_config without an argument.
var apacheDirectives = map[byte]variable{
	'h': {kind: kClient}, 'a': {kind: kClient}, 'A': {kind: kServer}, 'l': {}, 'u': {kind: kUser},
	't': {kind: kStart, before: "[", after: "]"},
	'r': {kind: kRequest}, 's': {kind: kStatus}, 'b': {kind: kBody}, 'B': {kind: kBody}, 'O': {kind: kSent}, 'I': {}, 'S': {},
	'D': {kind: kMicros}, 'T': {kind: kSeconds}, 'v': {kind: kServerName}, 'V': {kind: kServerName}, 'p': {kind: kServerPort},
	'm': {kind: kMethod}, 'U': {kind: kPath}, 'q': {kind: kQuery}, 'H': {kind: kProtocol},
	'f': {}, 'k': {}, 'L': {}, 'P': {}, 'R': {}, 'X': {}, '%': {name: "%"},
}

func apacheTokens(s string) (variable, int, error) {
	if s[0] != '%' {
		return variable{}, 0, nil
	}
	i := 1
	for i < len(s) && (s[i] == '>' || s[i] == '<' || s[i] == '!' || s[i] == ',' || s[i]-'0' <= 9) {
		i++ // %>s, %!200,304s
	}
	arg, hasArg := "", false
	if i < len(s) && s[i] == '{' {
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			return variable{}, 0, errors.New("%{ without }")
		}
		arg, hasArg = s[i+1:i+end], true
		i += end + 1
		for i < len(s) && (s[i] == '>' || s[i] == '<') {
			i++
		}
	}
	if i >= len(s) {
		return variable{}, 0, errors.New("% at the end")
	}
	c := s[i]
	if c == '^' && i+2 < len(s) && (s[i+1:i+3] == "FB" || s[i+1:i+3] == "ti" || s[i+1:i+3] == "to") {
		return variable{}, i + 3, nil
	}
	i++
	if hasArg {
		v, err := apacheArgument(c, arg)
		return v, i, err
	}
	v, ok := apacheDirectives[c]
	if !ok {
		return variable{}, 0, fmt.Errorf("unknown directive %%%c", c)
	}
	return v, i, nil
}

func apacheArgument(c byte, arg string) (variable, error) {
	switch c {
	case 'i':
		if strings.EqualFold(arg, "Host") {
			return variable{kind: kHost}, nil
		}
		return variable{kind: kHeader, name: arg}, nil
	case 'o':
		return variable{kind: kResponseHeader, name: arg}, nil
	case 'a', 'h': // %{c}a is the peer where mod_remoteip changed %a
		return variable{kind: kPeer}, nil
	case 'p':
		if arg == "remote" {
			return variable{kind: kPeerPort}, nil
		}
		return variable{kind: kServerPort}, nil
	case 'T':
		switch arg {
		case "ms":
			return variable{kind: kMillis}, nil
		case "us":
			return variable{kind: kMicros}, nil
		case "s":
			return variable{kind: kSeconds}, nil
		}
		return variable{}, fmt.Errorf("unknown unit %%{%s}T", arg)
	case 't':
		return apacheTime(arg)
	case 'x':
		switch arg {
		case "SSL_PROTOCOL":
			return variable{kind: kTLS}, nil
		case "HTTPS":
			return variable{kind: kScheme}, nil
		}
		return variable{}, nil
	case 'C', 'e', 'n', 'P', 'L', 'c', '^': // cookies, environment, notes: nothing we may or can use
		return variable{}, nil
	}
	return variable{}, fmt.Errorf("unknown directive %%{…}%c", c)
}

func apacheTime(arg string) (variable, error) {
	k := kStart
	if rest, ok := strings.CutPrefix(arg, "end:"); ok {
		k, arg = kTime, rest
	}
	arg = strings.TrimPrefix(arg, "begin:")
	switch arg {
	case "":
		return variable{kind: k, before: "[", after: "]"}, nil
	case "sec", "msec", "usec":
		return variable{kind: k}, nil
	case "msec_frac", "usec_frac":
		return variable{}, nil
	}
	if _, ok := goLayout(arg); !ok {
		return variable{}, fmt.Errorf("time format %q has a conversion that is not supported", arg)
	}
	return variable{kind: k, layout: arg}, nil
}

// envoyDefault is the default text format of Envoy's access logs.
const envoyDefault = `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ` +
	`%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ` +
	`"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"`

var envoyOperators = map[string]kind{
	"START_TIME": kStart, "PROTOCOL": kProtocol, "RESPONSE_CODE": kStatus, "BYTES_RECEIVED": kRequestBody, "BYTES_SENT": kBody,
	"DURATION": kMillis, "DOWNSTREAM_REMOTE_ADDRESS": kClient, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": kPeer,
	"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": kClient, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": kPeer,
	"DOWNSTREAM_LOCAL_ADDRESS": kServer, "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": kServer, "DOWNSTREAM_TLS_VERSION": kTLS,
}

func envoyTokens(s string) (variable, int, error) {
	if s[0] != '%' {
		return variable{}, 0, nil
	}
	if strings.HasPrefix(s, "%%") {
		return variable{name: "%"}, 2, nil
	}
	depth, end := 0, -1
	for i := 1; i < len(s) && end < 0; i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '%':
			if depth == 0 {
				end = i
			}
		}
	}
	if end < 0 {
		return variable{}, 0, errors.New("% without its closing %")
	}
	name, arg, _ := strings.Cut(s[1:end], "(")
	arg, _, _ = strings.Cut(arg, ")")
	switch name {
	case "REQ":
		first, _, _ := strings.Cut(arg, "?")
		switch strings.ToUpper(first) {
		case ":METHOD":
			return variable{kind: kMethod}, end + 1, nil
		case ":PATH", "X-ENVOY-ORIGINAL-PATH":
			return variable{kind: kTarget}, end + 1, nil
		case ":AUTHORITY", "HOST":
			return variable{kind: kHost}, end + 1, nil
		case ":SCHEME":
			return variable{kind: kScheme}, end + 1, nil
		}
		return variable{kind: kHeader, name: headerName(strings.ToLower(first))}, end + 1, nil
	case "RESP":
		first, _, _ := strings.Cut(arg, "?")
		return variable{kind: kResponseHeader, name: headerName(strings.ToLower(first))}, end + 1, nil
	case "START_TIME":
		if arg != "" {
			if _, ok := goLayout(strings.ReplaceAll(arg, "%3f", "")); !ok {
				return variable{}, 0, fmt.Errorf("time format %q has a conversion that is not supported", arg)
			}
			if !strings.Contains(arg, "%3f") && arg != "%s" {
				return variable{kind: kStart, layout: arg}, end + 1, nil
			}
		}
	}
	return variable{kind: envoyOperators[name], name: name}, end + 1, nil
}

func compilePreset(name, spec string) (Format, error) { return compilePattern(name, spec, nginxTokens) }

// The presets below are written in nginx's syntax with ${lw.…} for what nginx
// has no name for. AWS appends fields over the years: what follows is ignored.
const (
	albPattern = `$type $time_iso8601 $elb $remote_addr $target $request_time ${lw.seconds2} ${lw.seconds3} $status $target_status $received $bytes_sent ` +
		`"$request" "$http_user_agent" $cipher $ssl_protocol`
	elbPattern = `$time_iso8601 $elb $remote_addr $target $request_time ${lw.seconds2} ${lw.seconds3} $status $target_status $received $bytes_sent ` +
		`"$request" "$http_user_agent" $cipher $ssl_protocol`
	npmPattern = `[$time_local] $cache $upstream_status $status - $request_method $scheme $host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] ` +
		`[Gzip $gzip_ratio] [Sent-to $server] "$http_user_agent" "$http_referer"`
	npmStaticPattern = `[$time_local] $status - $request_method $scheme $host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] ` +
		`[Gzip $gzip_ratio] "$http_user_agent" "$http_referer"`
	s3Pattern = `$owner $bucket [$time_local] $remote_addr $requester $request_id $operation $key "$request" $status $error $body_bytes_sent $object_size ` +
		`$total_ms $turnaround_ms "$http_referer" "$http_user_agent"`
)
