package identity

import (
	"bytes"

	"lapwing/parse/classify"
)

// maxCookies bounds the cookies looked at; browsers keep 180 a site.
const maxCookies = 256

// Cookies calls yield for each name=value of a Cookie header (RFC 6265 §4.2.1)
// until it returns false.
func Cookies(value []byte, yield func(name, value []byte) bool) {
	for n := 0; len(value) > 0 && n < maxCookies; n++ {
		item := value
		if i := bytes.IndexByte(value, ';'); i >= 0 {
			item, value = value[:i], value[i+1:]
		} else {
			value = nil
		}
		k, v, ok := bytes.Cut(bytes.TrimSpace(item), []byte("="))
		if ok && !yield(k, bytes.Trim(v, `"`)) {
			return
		}
	}
}

// analytics are the names and prefixes of cookies that measure visitors, pin
// them to a server or protect a form: they live across sessions and say nothing
// about who is logged in.
var analytics = [...]string{"_ga", "_gid", "_gat", "_gcl", "_fbp", "_fbc", "_hj", "_pk_", "_uet", "_clck", "_clsk", "_dd_", "_cf", "__cf", "cf_", "__utm", "__hs",
	"__stripe", "AWSALB", "AWSELB", "ARRAffinity", "BIGipServer", "TS01", "incap_", "visid_incap", "nlbi_", "ak_bmsc", "bm_", "_abck", "intercom-", "optimizely",
	"mp_", "amplitude", "AMP_", "ajs_", "hubspot", "OptanonConsent", "datadome", "_gh_", "_octo", "ROUTEID", "SERVERID"}

const (
	minSessionBytes = 8 // shorter values are counters and flags
	rankNone        = 0
	rankWeak        = 1
	rankStrong      = 3
)

// SessionRank says how likely a cookie carries a session, 0 for not at all. A
// call's session is the cookie of the highest rank, by name among equals.
func SessionRank(keys *classify.Keys, name, value []byte) int {
	if len(value) < minSessionBytes || len(name) == 0 || len(name) > 128 {
		return rankNone
	}
	for _, a := range analytics {
		if len(name) >= len(a) && string(name[:len(a)]) == a {
			return rankNone
		}
	}
	bareName := name
	for _, p := range [...]string{"__Host-", "__Secure-"} {
		bareName = bytes.TrimPrefix(bareName, []byte(p))
	}
	var room [128]byte
	low := room[:0]
	for _, c := range bareName {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		low = append(low, c)
	}
	has := func(s string) bool { return bytes.Contains(low, []byte(s)) }
	if has("csrf") || has("xsrf") || has("consent") || has("antiforgery") || has("locale") || has("theme") {
		return rankNone
	}
	if classify.JWT(value) {
		return rankStrong + 1
	}
	mean := keys.Of(bareName)
	switch {
	case mean&classify.KeySession != 0 && (has("remember") || has("refresh")):
		return rankWeak
	case mean&classify.KeySession != 0:
		return rankStrong
	case has("sess"), has("sid") && (bytes.HasSuffix(low, []byte("sid")) || bytes.HasSuffix(low, []byte(".sid"))):
		return rankStrong
	case has("logged_in"), has("auth"), has("token"), has("jwt"), has("remember"):
		return rankWeak + 1
	}
	return rankNone
}
