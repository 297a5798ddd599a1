package login

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

// mint says what kind of credential an answer handed out. A cookie may be the
// anonymous session that many applications give everybody; a token in a body
// or header is not.
type mint uint8

const (
	mintNone mint = iota
	mintCookie
	mintToken
)

// place says where a redirect leads.
type place uint8

const (
	placeNone place = iota // no Location seen
	placeBack              // to the same page, a login page or an error
	placeMore              // to a page for a second factor
	placeElsewhere
)

// said is what an answer says of itself in fields like success and error.
type said uint8

const (
	saidNothing said = iota
	saidYes
	saidNo
	saidTaken  // there is such a user already
	saidNobody // no such user
	saidMore
	saidLocked
)

// An answer is what decides to which outcome cluster an attempt belongs.
type answer struct {
	status int
	to     place
	minted mint
	said   said
	html   bool // a page for people, or nothing that says what it is
	log    bool // bodies and headers cannot be seen
	size   int64
	shape  uint64
	word   uint64 // hash of Shape.Response.Outcome
}

func answerOf(seed uint64, c *event.Call) answer {
	r := &c.Shape.Response
	a := answer{status: c.Status, size: c.ResponseBytes, shape: r.Hash, log: c.Source == event.SourceLog}
	a.html = r.Type == "" || r.Type == "html" || r.Type == "text"
	if c.Flags.Has(event.FlagMinted) {
		a.minted = mintCookie
		for i := range c.IDs {
			if id := &c.IDs[i]; id.Response && id.Class == event.ClassSecret && id.In != event.InCookie {
				a.minted = mintToken
			}
		}
	}
	if r.Location != "" {
		a.to = placeOf(r.Location, c)
	}
	echo := false
	if r.Outcome != "" {
		a.word = state.Hash(seed, r.Outcome)
		a.said, echo = verdict(r.Outcome)
	}
	if a.said <= saidYes && len(r.Keys) > 0 {
		switch f := fieldsOf(r.Keys); {
		case a.said == saidYes && f&fieldMore != 0 && a.minted == mintNone:
			a.said = saidMore // the envelope speaks of the request, not of the login
		case echo && f&fieldFault != 0 && a.minted != mintToken:
			a.said = saidNo
		case a.said == saidYes:
		case f&fieldMore != 0:
			a.said = saidMore
		case f&(fieldError|fieldFault) != 0 && a.minted != mintToken:
			a.said = saidNo
		}
	}
	return a
}

func placeOf(location string, c *event.Call) place {
	path, _, _ := strings.Cut(location, "?")
	if path == c.Path || path == c.PathShape {
		return placeBack
	}
	w := wordsOf(path, "")
	low := strings.ToLower(location)
	switch {
	case w&wordMFA != 0:
		return placeMore
	case w&(wordLogin|wordScript) != 0, strings.Contains(low, "error"), strings.Contains(low, "fail"), strings.Contains(low, "denied"), strings.Contains(low, "invalid"):
		return placeBack
	}
	return placeElsewhere
}

// verdict reads literals such as "code=E17,success=false". It is an echo if yes
// is said by nothing but the HTTP status once more: an error that is told with
// 200 carries that number too (RFC 9457 §3.1.2, JSON:API errors), and then the
// form of the body has the last word.
func verdict(outcome string) (best said, echo bool) {
	plainly := false
	for pair := range strings.SplitSeq(strings.ToLower(outcome), ",") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		key, value = Plain(lastDotted(key)), strings.Trim(value, `" `)
		v := verdictOf(key, value)
		plainly = plainly || v == saidYes && value != "200"
		best = max(best, v)
	}
	return best, best == saidYes && !plainly
}

func lastDotted(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }

func verdictOf(key, value string) said {
	if strings.HasPrefix(value, "~") { // the hash of a sentence says nothing but that there is one
		if key == "error" || key == "err" || key == "errormessage" || key == "errordescription" {
			return saidNo
		}
		return saidNothing
	}
	v := Plain(value)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(v, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("locked", "toomany", "ratelimit", "captcha", "throttl", "blocked", "suspended"):
		return saidLocked
	case has("mfa", "otp", "2fa", "twofactor", "secondfactor", "challenge", "totp"):
		return saidMore
	case has("usernotfound", "unknownuser", "nosuchuser", "emailnotfound", "accountnotfound", "unknownemail", "usernotexist", "doesnotexist"):
		return saidNobody
	case has("taken", "alreadyexist", "alreadyregist", "alreadyinuse", "alreadyused", "duplicate", "emailexists", "userexists", "nameexists", "accountexists", "notunique", "notavailable"):
		return saidTaken
	case has("unsuccess", "notauth", "unauth", "invalid", "fail", "error", "wrong", "denied", "incorrect", "badcred", "bad", "mismatch", "notfound", "forbidden", "rejected"):
		return saidNo
	case v == "false" || v == "ko" || v == "no":
		if key == "error" || key == "err" || key == "errors" {
			return saidYes
		}
		return saidNo
	case v == "true":
		switch key {
		case "error", "err", "errors", "failed":
			return saidNo
		}
		return saidYes
	case has("success", "authenticated", "loggedin") || v == "ok":
		return saidYes
	}
	return verdictOfCode(key, v)
}

// verdictOfCode reads numbers and short codes: 0 and 200 are the custom for
// success, 1 is used for both.
func verdictOfCode(key, v string) said {
	switch key {
	case "error", "err":
		if v == "" || v == "null" || v == "none" || v == "0" {
			return saidYes
		}
		return saidNo
	case "code", "errcode", "errorcode", "ret", "status", "statuscode":
	default:
		return saidNothing
	}
	n, err := strconv.Atoi(v)
	switch {
	case err != nil && key != "status" && len(v) >= 2 && v[0] == 'e' && v[len(v)-1] >= '0' && v[len(v)-1] <= '9':
		return saidNo // E17
	case err != nil:
		return saidNothing
	case n == 0 && key != "status", n == 200:
		return saidYes
	case n >= 400, n > 1 && (key == "errcode" || key == "errorcode"):
		return saidNo
	}
	return saidNothing
}

// key is equal for answers that look the same. Lengths count only where no
// body was read: a page of failure has one length, within a sixth or so.
func (a *answer) key() uint64 {
	k := uint64(a.status)<<16 | uint64(a.to)<<8 | uint64(a.minted)<<4 | uint64(a.said)
	k = state.Join(k, a.shape^bits.RotateLeft64(a.word, 17))
	if a.html && a.size > 0 {
		k = state.Join(k, uint64(math.Log2(float64(a.size))*4)+1)
	}
	return k
}

// A cluster is one way in which an endpoint answers.
type cluster struct {
	key    uint64
	answer answer
	n      uint32 // attempts
	used   uint32 // … whose credential the same client then used elsewhere
	on     uint32 // … after which the client went on to other pages
	back   uint32 // … after which it came back with another attempt
}

const (
	// steadyFrom steps after one answer tell what it leads to.
	steadyFrom = 12
	// contrast between two answers, in the share of those who came back, from
	// which they mean different things.
	contrast = 0.35
)

func (cl *cluster) follows(next step) {
	if cl.on+cl.back == 1<<20 { // forget slowly rather than overflow
		cl.on, cl.back = cl.on/2, cl.back/2
	}
	if next == stepBack {
		cl.back++
	} else {
		cl.on++
	}
}

// backShare is how many came back after this answer; ok if enough did either.
func (cl *cluster) backShare() (share float64, ok bool) {
	n := cl.on + cl.back
	return float64(cl.back) / float64(max(1, n)), n >= steadyFrom
}

// contrasted judges an answer by what it leads to beside what others of the
// endpoint do. One attempt's next step says little at an address that people
// share; over all who got that answer it does. Where all answers look alike
// there is nothing to compare.
func (m *model) contrasted(cl *cluster) (detect.LoginOutcome, float64) {
	mine, ok := cl.backShare()
	if !ok {
		return detect.LoginUnknown, 0.5
	}
	low, high := mine, mine
	for i := range m.clusters {
		if share, ok := m.clusters[i].backShare(); ok {
			low, high = min(low, share), max(high, share)
		}
	}
	switch {
	case high-low < contrast:
		return detect.LoginUnknown, 0.5
	case mine > (high+low)/2:
		return detect.LoginFailure, 0.85
	}
	return detect.LoginSuccess, 0.85
}

// outcome says how attempts with this answer ended, and how sure that is. It
// starts from what the answer says and yields to what follows from it.
func (cl *cluster) outcome(m *model) (detect.LoginOutcome, float64) {
	a := &cl.answer
	switch {
	case a.status == 0, a.status < 200:
		return detect.LoginUnknown, 0.5
	case a.status >= 500:
		return detect.LoginError, 0.99
	case a.status == 423 || a.status == 429 || a.said == saidLocked:
		return detect.LoginLocked, 0.95
	case a.said == saidNobody:
		return detect.LoginNoSuchUser, 0.95
	case a.to == placeMore, a.said == saidMore && a.status < 400:
		return detect.LoginMoreNeeded, 0.9
	case a.status >= 400:
		return cl.refusal(m)
	case a.status >= 300 && a.to == placeBack, a.said == saidNo, a.said == saidTaken:
		return detect.LoginFailure, 0.95
	case a.minted == mintToken:
		return detect.LoginSuccess, 0.97
	case cl.used >= 3 && cl.used*2 >= cl.n:
		return detect.LoginSuccess, 0.97
	case a.status >= 300 && a.to == placeElsewhere:
		return detect.LoginSuccess, 0.92
	}
	return cl.quiet(m)
}

// read refines what an answer means by the part that its call plays.
func read(class detect.LoginClass, a *answer, outcome detect.LoginOutcome) detect.LoginOutcome {
	if class == detect.LoginRegister && outcome == detect.LoginFailure && (a.status == 409 || a.said == saidTaken) {
		return detect.LoginTaken
	}
	return outcome
}

func (cl *cluster) refusal(m *model) (detect.LoginOutcome, float64) {
	switch cl.answer.status {
	case 401, 403:
		return detect.LoginFailure, 0.97
	case 400, 422, 402, 409:
		return detect.LoginFailure, 0.92
	case 404, 410:
		if m != nil && m.answered > 0 { // the endpoint is there: it is the user who is not
			return detect.LoginNoSuchUser, 0.8
		}
		return detect.LoginUnknown, 0.5
	case 405, 406, 408, 411, 413, 414, 415, 416, 417, 426, 431:
		return detect.LoginError, 0.9 // the request was wrong, not the secret
	}
	return detect.LoginFailure, 0.75
}

// quiet judges answers of 2xx or 3xx that carry no credential that counts and
// no word, by what other answers the endpoint has. Where they do not tell, what
// the client does next has to: see step.
func (cl *cluster) quiet(m *model) (detect.LoginOutcome, float64) {
	a := &cl.answer
	if a.minted == mintCookie && !a.html {
		if cl.n >= 10 && cl.used == 0 {
			return detect.LoginFailure, 0.75 // a session for everybody, used by nobody
		}
		return detect.LoginSuccess, 0.9
	}
	if a.said == saidYes {
		return detect.LoginSuccess, 0.9
	}
	if m != nil {
		switch page, moved := m.has(200, 299), m.has(300, 399); {
		case m.words&(wordScript|wordLogin) == wordScript|wordLogin && a.status >= 300:
			return detect.LoginSuccess, 0.85
		case m.words&(wordScript|wordLogin) == wordScript|wordLogin: // wp-login.php shows the form again
			return detect.LoginFailure, 0.9
		case a.html && page && moved && a.status < 300:
			return detect.LoginFailure, 0.85
		case a.html && page && moved:
			return detect.LoginSuccess, 0.85
		case a.minted == mintNone && a.status < 300 && m.minting():
			return detect.LoginFailure, 0.92
		case m.refused > 0 && a.status < 400:
			return detect.LoginSuccess, 0.85
		}
	}
	if a.status == 204 && !a.log {
		return detect.LoginSuccess, 0.7
	}
	if m != nil {
		return m.contrasted(cl)
	}
	return detect.LoginUnknown, 0.5
}
