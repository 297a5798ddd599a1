package simulate

import (
	"strconv"
	"strings"
)

// A pair is a named value of a query or a body. A raw value stands in JSON as
// it is, without quotes.
type pair struct {
	name, value string
	raw         bool
}

// A request is what an agent asks of the application. With op the path and the
// body are written in the application's style (REST, GraphQL, RPC); without it
// method and path go out as they are, and whatever is there answers.
type request struct {
	op      *operation
	id, sub string // identifiers in the path (or the variables that stand for them)
	query   []pair
	fields  []pair // body

	name, secret, code string     // of the login family: who, password, code
	challenge          *challenge // what an mfa code answers
	old                *token     // what a refresh renews

	method, path string // without op; path with its query
	instead      string // identifier that the application reads instead of the one in path, as polluted parameters make it
	raw          []byte // body as it is
	kind         string // content type of raw
	host         int    // of an own path

	anonymous bool     // sends no credential
	token     *token   // instead of the client's
	auth      string   // Authorization line as it is, instead of a credential
	as        *account // whom the application takes the sender for, whatever the credential: a forged one that is believed
	extra     []Header
}

// A reply is what the application says, as the caller understands it.
type reply struct {
	status   int
	ok       bool // the application did what was asked
	wrong    bool // a secret, code or name was not right
	denied   bool // not logged in, or not allowed
	missing  bool // nothing there
	limited  bool // told to slow down, or locked
	op       *operation
	res      *resource // of the object that was named
	n        uint32    // its number
	foreign  bool      // ok, and the object belongs to someone else
	entered  *account  // whose password was right
	token    *token    // minted
	ask      *challenge
	items    []uint32 // numbers in a list; valid until the agent's next call
	total    int
	location string
	cookie   string
	html     bool
	plain    bool
	tookNS   int64
	overNS   int64 // when the answer was there
}

// A challenge is a login that waits for its code.
type challenge struct {
	account int32
	id      string
	code    string
	tries   int
	untilNS int64
}

// ok begins a good answer in the application's envelope; close ends it.
func (w *World) ok(p *reply, status int) {
	p.ok, p.status = true, status
	s := &w.app.style
	switch s.api {
	case apiGraphQL:
		w.body = append(w.body, `{"data":{"`...)
		w.body = append(append(w.body, p.op.name...), `":`...)
		p.status = 200
		return
	case apiRPC:
		w.body = append(w.body, `{"jsonrpc":"2.0","id":`...)
		w.body = strconv.AppendUint(w.body, w.rpcID, 10)
		w.body = append(w.body, `,"result":`...)
		p.status = 200
		return
	case apiMethodPath:
		p.status = 200
	}
	switch s.envelope {
	case 1:
		w.body = append(w.body, `{"data":`...)
	case 2:
		w.body = append(w.body, `{"success":true,"result":`...)
	case 3:
		w.body = append(w.body, `{"status":"ok","data":`...)
	}
}

func (w *World) close(*reply) {
	s := &w.app.style
	switch {
	case s.api == apiGraphQL:
		w.body = append(w.body, `}}`...)
	case s.api == apiRPC || s.envelope > 0:
		w.body = append(w.body, '}')
	}
}

// fail writes an error in the application's form.
func (w *World) fail(p *reply, status int, code, text string) {
	s := &w.app.style
	p.ok, p.status = false, status
	p.limited = p.limited || status == 429 || status == 423
	w.body = w.body[:0]
	switch s.api {
	case apiGraphQL:
		if status < 500 {
			p.status = 200
		}
		w.body = append(w.body, `{"errors":[{"message":"`...)
		w.body = append(append(w.body, text...), `","extensions":{"code":"`...)
		w.body = append(append(w.body, strings.ToUpper(code)...), `"}}],"data":null}`...)
		return
	case apiRPC:
		if status < 500 {
			p.status = 200
		}
		w.body = append(w.body, `{"jsonrpc":"2.0","id":`...)
		w.body = strconv.AppendUint(w.body, w.rpcID, 10)
		w.body = append(w.body, `,"error":{"code":-32`...)
		w.body = strconv.AppendInt(w.body, int64(status), 10)
		w.body = append(append(w.body, `,"message":"`...), text...)
		w.body = append(w.body, `"}}`...)
		return
	}
	switch s.errors {
	case errorFlat:
		w.body = append(append(w.body, `{"error":"`...), code...)
		w.body = append(append(w.body, `","message":"`...), text...)
		w.body = append(w.body, `"}`...)
	case errorNested:
		w.body = append(append(w.body, `{"error":{"code":"`...), code...)
		w.body = append(append(w.body, `","message":"`...), text...)
		w.body = append(w.body, `"}}`...)
	case errorList:
		w.body = append(w.body, `{"errors":[{"status":`...)
		w.body = strconv.AppendInt(w.body, int64(status), 10)
		w.body = append(append(w.body, `,"title":"`...), text...)
		w.body = append(w.body, `"}]}`...)
	case errorProblem:
		w.body = append(append(w.body, `{"type":"about:blank","title":"`...), text...)
		w.body = append(w.body, `","status":`...)
		w.body = strconv.AppendInt(w.body, int64(status), 10)
		w.body = append(w.body, '}')
	default:
		w.body = append(w.body, `{"success":false,"code":`...)
		w.body = strconv.AppendInt(w.body, int64(status)*100+1, 10)
		w.body = append(append(w.body, `,"msg":"`...), text...)
		w.body = append(w.body, `"}`...)
	}
}

// nothing answers a path at which nothing is.
func (w *World) nothing(q *request, p *reply, there bool) {
	p.missing = true
	if there {
		w.fail(p, 405, "method_not_allowed", "method not allowed")
		p.status = 405
		return
	}
	if w.app.style.soft404 {
		p.status, p.html = 200, true
		w.body = appendPage(w.body[:0], "not found")
		return
	}
	w.fail(p, 404, "not_found", "no such path")
	p.status = 404
}

func appendPage(b []byte, title string) []byte {
	b = append(append(b, "<!doctype html><html><head><title>"...), title...)
	return append(b, `</title><script src="/static/app.js"></script></head><body><div id="root"></div></body></html>`...)
}

func (w *World) missing(p *reply) {
	p.missing = true
	w.fail(p, 404, "not_found", "not found")
}

func (w *World) refuse(p *reply) {
	p.denied = true
	if w.app.style.ownerMissing404 {
		w.missing(p)
		return
	}
	w.fail(p, 403, "forbidden", "not yours")
}
