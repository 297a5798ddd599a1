package accesslog

import (
	"errors"
	"fmt"
	"strings"

	"lapwing/parse/exchange"
)

// ErrUnparsed is wrapped by every error of Parse about a line that does not
// fit the format.
var ErrUnparsed = errors.New("line does not fit the log format")

// ErrNoCall is returned by Parse for a line that rightly carries no call: a
// blank line, a comment, a W3C directive. It is no fault and needs no count
// among the unparsed.
var ErrNoCall = errors.New("line carries no call")

// A Format reads the lines of one kind of access log.
type Format interface {
	// Name returns the preset's name, or "custom" for a format string.
	Name() string

	// Parse fills raw from one line, with or without its line end. All of raw
	// is overwritten but its ID seed is left zero (see Seed). Slices in raw
	// point into line or into scratch space of the format and are valid until
	// the next Parse. Errors are a *LineError wrapping ErrUnparsed, or
	// ErrNoCall.
	Parse(line []byte, raw *exchange.Raw) error
}

// A LineError says why, and where, a line did not fit.
type LineError struct {
	Reason string
	Column int // from 1; 0 if it is the line as a whole
}

func (e *LineError) Error() string {
	if e.Column > 0 {
		return fmt.Sprintf("%v: column %d: %s", ErrUnparsed, e.Column, e.Reason)
	}
	return fmt.Sprintf("%v: %s", ErrUnparsed, e.Reason)
}

func (e *LineError) Unwrap() error { return ErrUnparsed }

// A SpecError says what is wrong with a format specification.
type SpecError struct {
	Reason string
	Column int // from 1, in the specification
}

func (e *SpecError) Error() string {
	return fmt.Sprintf("log format: column %d: %s", e.Column, e.Reason)
}

// presets are the named formats, in the order Detect tries them: of two that
// parse equally many lines the earlier, stricter one wins.
var presets = []struct {
	name string
	make func() (Format, error)
}{
	{"combined", func() (Format, error) { return wrap(&clf{name: "combined"}), nil }},
	{"common", func() (Format, error) { return wrap(&clf{name: "common"}), nil }},
	{"vhost_combined", func() (Format, error) { return wrap(&clf{name: "vhost_combined"}), nil }},
	{"json", func() (Format, error) { return JSON(nil), nil }},
	{"haproxy", func() (Format, error) { return wrap(&haproxy{}), nil }},
	{"envoy", func() (Format, error) { return compilePattern("envoy", envoyDefault, envoyTokens) }},
	{"alb", func() (Format, error) { return compilePreset("alb", albPattern) }},
	{"elb", func() (Format, error) { return compilePreset("elb", elbPattern) }},
	{"nginx_proxy_manager", func() (Format, error) { return compilePreset("nginx_proxy_manager", npmPattern) }},
	{"nginx_proxy_manager_static", func() (Format, error) { return compilePreset("nginx_proxy_manager_static", npmStaticPattern) }},
	{"s3", func() (Format, error) { return compilePreset("s3", s3Pattern) }},
	{"w3c", func() (Format, error) { return wrap(newW3C("w3c", "")), nil }},
	{"cloudfront", func() (Format, error) { return wrap(newW3C("cloudfront", cloudfrontFields)), nil }},
}

var aliases = map[string]string{
	"nginx": "combined", "apache": "combined", "vcombined": "vhost_combined", "common_vhost": "vhost_combined", "clf": "common",
	"traefik": "combined", "caddy": "json", "kong": "json", "istio": "json", "traefik_json": "json", "nginx_json": "json", "envoy_json": "json",
	"awsalb": "alb", "awselb": "elb", "awss3": "s3", "iis": "w3c", "httplog": "haproxy",
}

// Presets returns the names that Compile knows, in a fixed order.
func Presets() []string {
	out := make([]string, len(presets))
	for i, p := range presets {
		out[i] = p.name
	}
	return out
}

// Compile returns the format that spec describes: the name of a preset
// ("combined", "json", …), "json:field=key,…" for JSON with own key names (see
// JSON), a W3C "#Fields: …" line, or a format string as it stands in the
// server's configuration: nginx (`$remote_addr - …`, optionally the whole
// log_format directive), Apache (`%h %l …`, optionally the whole LogFormat
// directive), Envoy (`[%START_TIME%] …`), or a JSON template of any of them.
// Errors are a *SpecError.
func Compile(spec string) (Format, error) {
	s := strings.TrimSpace(spec)
	name := strings.ToLower(s)
	if a, ok := aliases[name]; ok {
		name = a
	}
	for _, p := range presets {
		if p.name == name {
			return p.make()
		}
	}
	switch {
	case s == "":
		return nil, &SpecError{Reason: "empty; known names are " + strings.Join(Presets(), ", "), Column: 1}
	case strings.HasPrefix(s, "json:"):
		return compileJSONSpec(s)
	case strings.HasPrefix(s, "#Fields:"):
		return wrap(newW3C("w3c", strings.TrimSpace(s[len("#Fields:"):]))), nil
	}
	s = configuration(s)
	tokens := nginxTokens
	switch {
	case strings.Contains(s, "%START_TIME") || strings.Contains(s, "%REQ(") || strings.Contains(s, "%RESPONSE_CODE%"):
		tokens = envoyTokens
	case !strings.Contains(s, "$") && strings.Contains(s, "%"):
		tokens = apacheTokens
	case !strings.Contains(s, "$"):
		return nil, &SpecError{Reason: fmt.Sprintf("%q is no known name (%s) and holds no $variable or %%directive", clip(s), strings.Join(Presets(), ", ")), Column: 1}
	}
	if strings.HasPrefix(s, "{") {
		return compileTemplate(s, tokens)
	}
	return compilePattern("custom", s, tokens)
}

// configuration takes the format out of a directive as users paste it:
// log_format NAME [escape=…] 'a' 'b'; or LogFormat "…" NAME.
func configuration(s string) string {
	directive, rest, _ := strings.Cut(s, " ")
	apache := strings.EqualFold(directive, "LogFormat") || strings.EqualFold(directive, "CustomLog")
	if !apache && directive != "log_format" {
		return s
	}
	var out strings.Builder
	var quote byte
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
			if apache { // what follows is the nickname
				return out.String()
			}
		case quote != 0 && c == '\\' && i+1 < len(rest) && (rest[i+1] == '"' || rest[i+1] == '\'' || rest[i+1] == '\\'):
			i++
			out.WriteByte(rest[i])
		case quote != 0:
			out.WriteByte(c)
		}
	}
	if out.Len() == 0 {
		return s
	}
	return out.String()
}

// Seed sets the ID seed of raw from where its line stands: the same line of
// the same file gets the same ID however often it is read. fileFingerprint
// names the file's content (not its path), offset is the line's first byte.
func Seed(raw *exchange.Raw, fileFingerprint uint64, offset int64) {
	raw.IDHigh = mix(fileFingerprint ^ 0x6c6f676c696e65) // apart from packets' seeds
	raw.IDLow = mix(raw.IDHigh ^ uint64(offset))
}

// mix is the finalizer of SplitMix64: a bijection, so distinct offsets of one
// file never collide.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}
