package rules

import (
	"net/netip"
	"strconv"
	"strings"

	"lapwing/detect"
	"lapwing/event"
)

// A frame is one call while rules look at it. What is expensive to make is
// made when a rule first asks for it, once a call.
type frame struct {
	o     *detect.Observation
	call  *event.Call
	steps int // left for this call

	item string // of the list that is walked
	id   *event.IDRef

	lowered uint64 // bit by index of the text field
	made    uint8  // bit by the constants below
	lower   [64]string

	clientText, serverText, uriText, lineText, objectText, prefixText, actorText, endpointText string
	flagNames                                                                                  []string
}

const (
	madeClient = 1 << iota
	madeServer
	madeURI
	madeLine
	madeObject
	madePrefix
	madeActor
	madeFlags
)

func (f *frame) begin(o *detect.Observation) {
	f.o, f.call, f.steps = o, o.Call, MaxSteps
	f.lowered, f.made, f.endpointText = 0, 0, ""
}

// once reports whether what bit stands for has to be made.
func (f *frame) once(bit uint8) bool {
	if f.made&bit != 0 {
		return false
	}
	f.made |= bit
	return true
}

// lowerOf is the text of a field in lower case.
func (f *frame) lowerOf(x *field) string {
	bit := uint64(1) << x.index
	if f.lowered&bit == 0 {
		f.lowered |= bit
		f.lower[x.index] = strings.ToLower(x.text(f))
	}
	return f.lower[x.index]
}

func (f *frame) client() string {
	if f.once(madeClient) {
		f.clientText = addr(f.call.Client)
	}
	return f.clientText
}

func (f *frame) server() string {
	if f.once(madeServer) {
		f.serverText = addr(f.call.Server)
	}
	return f.serverText
}

func addr(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func (f *frame) uri() string {
	if f.call.Query == "" {
		return f.call.Path
	}
	if f.once(madeURI) {
		f.uriText = f.call.Path + "?" + f.call.Query
	}
	return f.uriText
}

// line is what of a line in an access log is still there.
func (f *frame) line() string {
	if f.once(madeLine) {
		f.lineText = f.call.Method + " " + f.uri() + " " + f.call.Referer + " " + f.call.UserAgent
	}
	return f.lineText
}

func (f *frame) route() string {
	if f.o.Route.Template != "" {
		return f.o.Route.Template
	}
	return f.call.Route
}

// object is the value of the identifier that the call is about, or its hash.
func (f *frame) object() string {
	if f.o.Object == nil {
		return ""
	}
	if f.once(madeObject) {
		if r := f.o.Object; r.Class == event.ClassInt {
			f.objectText = strconv.FormatInt(r.Int, 10)
		} else {
			f.objectText = strconv.FormatUint(r.Hash, 16)
		}
	}
	return f.objectText
}

// prefix is the network of the client by address alone: /24, or /48 of IPv6.
func (f *frame) prefix() string {
	if f.once(madePrefix) {
		a, bits := f.call.Client.Unmap(), 24
		if a.Is6() {
			bits = 48
		}
		f.prefixText = ""
		if p, err := a.Prefix(bits); err == nil && a.IsValid() {
			f.prefixText = p.String()
		}
	}
	return f.prefixText
}

func (f *frame) actor() string {
	if f.call.Actor.Kind == "" {
		return f.client()
	}
	if f.once(madeActor) {
		f.actorText = string(f.call.Actor.Kind) + " " + f.call.Actor.Value
	}
	return f.actorText
}

func (f *frame) endpoint() string {
	if f.endpointText == "" {
		f.endpointText = f.call.Method + " " + f.call.Host + f.route()
	}
	return f.endpointText
}

func (f *frame) flags() []string {
	if f.call.Flags == 0 {
		return nil
	}
	if f.once(madeFlags) {
		f.flagNames = f.call.Flags.Names()
	}
	return f.flagNames
}

// countries holds all pairs of letters, so that none is made anew for a call.
var countries = func() string {
	var b strings.Builder
	for i := range 26 * 26 {
		b.WriteByte(byte('A' + i/26))
		b.WriteByte(byte('A' + i%26))
	}
	return b.String()
}()

func country(c [2]byte) string {
	x, y := int(c[0])-'A', int(c[1])-'A'
	if x < 0 || x > 25 || y < 0 || y > 25 {
		return ""
	}
	at := 2 * (26*x + y)
	return countries[at : at+2]
}

var loginClasses = [...]string{"", "password", "refresh", "mfa", "forgot", "reset", "change", "register", "machine", "guess"}

func loginClass(l *detect.Login) string {
	if l == nil || int(l.Class) >= len(loginClasses) {
		return ""
	}
	return loginClasses[l.Class]
}

var loginOutcomes = [...]string{"unknown", "success", "failure", "no_such_user", "more_needed", "locked", "error"}

func loginOutcome(l *detect.Login) string {
	if l == nil || int(l.Outcome) >= len(loginOutcomes) {
		return ""
	}
	return loginOutcomes[l.Outcome]
}
