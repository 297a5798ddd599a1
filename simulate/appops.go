package simulate

import (
	"math/rand/v2"
	"strings"
)

type opKind uint8

const (
	opList opKind = iota
	opGet
	opCreate
	opUpdate
	opDelete
	opSearch
	opExport
	opAction
	opLogin
	opMFA
	opRefresh
	opLogout
	opForgot
	opReset
	opRegister
	opMe
	opMeUpdate
	opPassword
	opCoupon
	opPay
	opOTP
	opHealth
	opConfig
	opRobots
	opFavicon
	opAsset
	opSpec
	opPage
	opInternal
	opGateway // the one path of GraphQL and JSON-RPC, asked by hand
)

// An operation is one thing that can be asked of the application.
type operation struct {
	index      int
	kind       opKind
	res        *resource
	method     string
	parts      []string // literal, ":", literal …: the path with its identifiers left out
	ids        int
	host       int
	anyone     bool // needs no account
	employees  bool // needs the role of one
	unguarded  bool // but forgets to ask for it
	documented bool
	deprecated bool
	dead       bool
	login      string
	name       string // GraphQL operation or RPC method
	title      string // GraphQL operationName
	document   string // GraphQL document
	mutation   bool
	action     string
	query      []string // names of its query parameters
	body       []string // names of its body fields
	calls      int64
}

// template writes the path with identifiers named.
func (o *operation) template() string {
	var b strings.Builder
	n := 0
	for _, p := range o.parts {
		if p == ":" {
			n++
			if n == 1 {
				b.WriteString("{id}")
			} else {
				b.WriteString("{id2}")
			}
		} else {
			b.WriteString(p)
		}
	}
	return b.String()
}

func (o *operation) appendPath(b []byte, id, sub string) []byte {
	first := true
	for _, p := range o.parts {
		switch {
		case p != ":":
			b = append(b, p...)
		case first:
			b, first = append(b, id...), false
		default:
			b = append(b, sub...)
		}
	}
	return b
}

// seedOps notes which operations a resource has; buildOperations gives them
// paths once all words are known.
func (r *resource) seedOps(letters string) {
	letters, actions, _ := strings.Cut(letters, "+")
	for _, c := range letters {
		op := &operation{res: r, anyone: r.access == public || r.access == authored, employees: r.access == staff, documented: true}
		switch c {
		case 'l':
			op.kind, op.method, r.list = opList, "GET", op
		case 'g':
			op.kind, op.method, r.get = opGet, "GET", op
		case 'c':
			op.kind, op.method, op.anyone, op.mutation, r.create = opCreate, "POST", false, true, op
		case 'u':
			op.kind, op.method, op.anyone, op.mutation, r.update = opUpdate, "PATCH", false, true, op
			if r.app.style.put {
				op.method = "PUT"
			}
		case 'd':
			op.kind, op.method, op.anyone, op.mutation, r.remove = opDelete, "DELETE", false, true, op
		case 's':
			op.kind, op.method, r.find = opSearch, "GET", op
		case 'x':
			op.kind, op.method, op.anyone, r.export = opExport, "GET", false, op
		}
	}
	if actions == "" {
		return
	}
	for a := range strings.SplitSeq(actions, "+") {
		r.actions = append(r.actions, &operation{kind: opAction, res: r, method: "POST", action: a, mutation: true, documented: true, employees: r.access == staff})
	}
}

func (r *resource) operations() []*operation {
	var all []*operation
	for _, op := range []*operation{r.list, r.get, r.create, r.update, r.remove, r.find, r.export} {
		if op != nil {
			all = append(all, op)
		}
	}
	return append(all, r.actions...)
}

func (a *application) buildOperations(r *rand.Rand) {
	s := a.style
	base := s.prefix
	for _, res := range a.resources {
		root := base
		if res.access == staff {
			root += "/admin"
		}
		collection := root + "/" + s.paths.join(res.many)
		for _, op := range res.operations() {
			op.parts = []string{collection}
			if res.parent != nil {
				op.parts = []string{root + "/" + s.paths.join(res.parent.many) + "/", ":", "/" + s.paths.join(res.many)}
				op.ids = 1
			}
			last := &op.parts[len(op.parts)-1]
			switch op.kind {
			case opGet, opUpdate, opDelete, opAction:
				if res.single {
					break
				}
				*last += "/"
				op.parts = append(op.parts, ":")
				op.ids++
				if op.kind == opAction {
					op.parts = append(op.parts, "/"+op.action)
				}
			case opSearch:
				*last += "/" + lookUp(a.language, "search").one
				op.query = []string{"q"}
			case opExport:
				*last += "/export"
			}
			if op.kind == opCreate || op.kind == opUpdate {
				for _, f := range res.fields {
					if f.writable() {
						op.body = append(op.body, f.name)
					}
				}
			}
			if op.kind == opList || op.kind == opExport {
				op.query = append(op.query, a.pageWords()...)
			}
			a.addOp(op)
		}
	}
	a.buildLogins(r)
	a.buildSundry(r)
	a.ageOperations(r)
	a.nameOperations()
	a.buildRoutes()
}

func (a *application) addOp(op *operation) *operation {
	op.index = len(a.ops)
	a.ops = append(a.ops, op)
	return op
}

// word returns the application's word for a concept, as field name.
func (a *application) word(concept string) string {
	if w, ok := a.words[concept]; ok {
		return w
	}
	w := a.style.casing.join(lookUp(a.language, concept).one)
	a.words[concept] = w
	return w
}

func (a *application) pageWords() []string {
	switch a.style.paging {
	case 0:
		return []string{a.word("page"), "per_page"}
	case 1:
		return []string{"offset", a.word("limit")}
	case 2:
		return []string{"cursor", a.word("limit")}
	}
	return []string{a.word("page")}
}

// buildLogins adds the login family.
func (a *application) buildLogins(r *rand.Rand) {
	s := a.style
	auth := len(a.hosts) - 1
	p := s.prefix
	seg := func(w string) string { return s.paths.join(lookUp(a.language, w).one) }
	root := p + pick(r, []string{"/auth", "", "/" + seg("account"), "/identity", "/" + seg("user")})
	if s.form {
		root = ""
	}
	path := root + "/" + seg("login")
	name := a.loginField()
	fields := []string{name, a.word("password")}
	switch {
	case s.grant:
		path = pick(r, []string{"/oauth/token", "/connect/token", p + "/oauth2/token"})
		fields = []string{"grant_type", "username", "password", "client_id"}
	case !s.form && chance(r, .25):
		path = root + "/" + pick(r, []string{seg("session"), "token", "signin", "authenticate"})
	}
	add := func(kind opKind, method, path, login string, body ...string) *operation {
		return a.addOp(&operation{kind: kind, method: method, parts: []string{path}, host: auth, anyone: true, documented: true, login: login, body: body, mutation: method != "GET"})
	}
	if s.auth == authBasic {
		a.login = add(opLogin, "GET", p+"/"+seg("session"), "password")
	} else {
		a.login = add(opLogin, "POST", path, "password", fields...)
	}
	if s.mfa > 0 {
		a.mfa = add(opMFA, "POST", root+pick(r, []string{"/mfa", "/otp", "/2fa/verify", "/" + seg("verify")}), "mfa", "challenge", a.word("code"))
	}
	if s.refresh {
		path := root + "/refresh"
		body := []string{"refresh_token"}
		if s.grant {
			path, body = a.login.parts[0]+"/refresh", []string{"grant_type", "refresh_token"}
		}
		a.refresh = add(opRefresh, "POST", path, "refresh", body...)
	}
	a.logout = add(opLogout, "POST", root+"/"+seg("logout"), "")
	a.logout.anyone = false
	resetPath := pick(r, []string{"/forgot", "/" + seg("password") + "/forgot", "/" + seg("password") + "/" + seg("reset")})
	a.forgot = add(opForgot, "POST", root+resetPath, "forgot", name)
	a.reset = add(opReset, "POST", root+resetPath+"/confirm", "reset", name, a.word("code"), a.word("password"))
	a.register = add(opRegister, "POST", root+"/"+seg("register"), "register", a.word("email"), a.word("password"), a.word("name"))
	a.otp = add(opOTP, "POST", root+"/"+seg("phone")+"/"+seg("verify"), "", a.word("phone"))
	if a.kind.machines > .2 {
		a.register.documented = chance(r, .5)
	}
}

func (a *application) loginField() string {
	switch a.style.loginName {
	case "username":
		return a.word("username")
	case "number":
		return a.style.casing.join(lookUp(a.language, "customer").one, lookUp(a.language, "number").one)
	case "phone":
		return a.word("phone")
	}
	if a.style.grant {
		return "username"
	}
	return a.word("email")
}

// buildSundry adds what belongs to no resource.
func (a *application) buildSundry(r *rand.Rand) {
	p := a.style.prefix
	add := func(kind opKind, method, path string, anyone bool) *operation {
		return a.addOp(&operation{kind: kind, method: method, parts: []string{path}, anyone: anyone, documented: true, mutation: method != "GET"})
	}
	me := p + pick(r, []string{"/me", "/" + a.style.paths.join(lookUp(a.language, "user").many) + "/me", "/" + a.style.paths.join(lookUp(a.language, "profile").one) + "/self", "/account"})
	a.me = add(opMe, "GET", me, false)
	a.meUpdate = add(opMeUpdate, "PATCH", me, false)
	a.meUpdate.body = []string{a.word("name"), a.word("email"), a.word("phone")}
	a.password = add(opPassword, "POST", me+"/"+a.style.paths.join(lookUp(a.language, "password").one), false)
	a.password.body = []string{"current", a.word("password")}
	a.coupon = add(opCoupon, "POST", p+"/"+a.style.paths.join(lookUp(a.language, pick(r, []string{"coupon", "giftcard"})).many)+"/check", true)
	a.coupon.body = []string{a.word("code")}
	a.pay = add(opPay, "POST", p+"/checkout/"+a.style.paths.join(lookUp(a.language, "payment").one), false)
	a.pay.body = []string{a.word("amount"), a.word("card"), "cvc"}
	a.config = add(opConfig, "GET", p+"/config", true)
	a.unsubscribe = add(opConfig, "GET", p+"/unsubscribe", true)
	a.unsubscribe.query = []string{"u"}
	a.health = add(opHealth, "GET", pick(r, []string{"/healthz", "/health", "/ping", "/status", "/actuator/health"}), true)
	a.health.documented = chance(r, .3)
	a.robots = add(opRobots, "GET", "/robots.txt", true)
	a.favicon = add(opFavicon, "GET", "/favicon.ico", true)
	a.asset = add(opAsset, "GET", "/static/app.js", true)
	a.page = add(opPage, "GET", "/", true)
	a.spec = add(opSpec, "GET", pick(r, []string{"/openapi.json", "/swagger.json", "/v3/api-docs", "/docs/openapi.json"}), true)
	a.internal = add(opInternal, "GET", "/internal/"+pick(r, []string{"export", "debug", "metrics/users", "dump", "cache/stats"}), true)
	switch a.style.api {
	case apiGraphQL:
		a.gateway = add(opGateway, "POST", p+"/graphql", true)
	case apiRPC:
		a.gateway = add(opGateway, "POST", p+"/rpc", true)
	}
	for _, op := range []*operation{a.robots, a.favicon, a.asset, a.page, a.spec, a.internal} {
		op.documented = false
	}
}

// ageOperations lets some be forgotten by the description, some by everyone,
// and keeps some under the prefix of the version before.
func (a *application) ageOperations(r *rand.Rand) {
	for _, op := range a.ops {
		if op.res == nil {
			continue
		}
		if chance(r, .05) {
			op.documented = false
		} else if op.kind != opList && op.kind != opGet && chance(r, .05) || !op.res.main && chance(r, .02) {
			op.dead = true
		}
		op.unguarded = op.employees && chance(r, .2)
	}
	unguarded := false
	for _, op := range a.ops {
		unguarded = unguarded || op.unguarded
	}
	for _, op := range a.ops {
		if !unguarded && op.employees {
			op.unguarded, unguarded = true, true
		}
	}
	if a.style.old == "" || a.style.prefix == "" || a.style.api != apiREST {
		return
	}
	for _, op := range a.ops[:len(a.ops):len(a.ops)] {
		if op.res == nil || op.kind > opGet || chance(r, .6) {
			continue
		}
		old := *op
		old.deprecated, old.documented = true, chance(r, .7)
		old.parts = append([]string(nil), op.parts...)
		old.parts[0] = a.style.old + strings.TrimPrefix(old.parts[0], a.style.prefix)
		if added := a.addOp(&old); op.kind == opList {
			op.res.oldList = added
		} else {
			op.res.oldGet = added
		}
	}
}

// nameOperations gives names for GraphQL and RPC.
func (a *application) nameOperations() {
	verbs := map[opKind]string{opList: "list", opGet: "get", opCreate: "create", opUpdate: "update", opDelete: "delete", opSearch: "search", opExport: "export",
		opLogin: "login", opMFA: "verifyCode", opRefresh: "refreshToken", opLogout: "logout", opForgot: "forgotPassword", opReset: "resetPassword", opRegister: "register",
		opMe: "me", opMeUpdate: "updateMe", opPassword: "changePassword", opCoupon: "checkCode", opPay: "pay", opOTP: "sendCode", opConfig: "config"}
	for _, op := range a.ops {
		verb, ok := verbs[op.kind]
		if op.kind == opAction {
			verb, ok = op.action, true
		}
		if !ok || a.style.api == apiREST {
			continue
		}
		noun := ""
		if op.res != nil {
			noun = pascal.join(op.res.one)
			if op.kind == opList || op.kind == opSearch {
				noun = pascal.join(op.res.many)
			}
			if op.res.parent != nil {
				noun = pascal.join(op.res.parent.one) + noun
			}
		}
		switch a.style.api {
		case apiGraphQL:
			op.name = verb + noun
			op.title, op.document = pascal.join(op.name), a.graphQL(op)
		case apiRPC:
			op.name = verb
			if op.res != nil {
				op.name = camel.join(op.res.one) + "." + verb
				if op.res.parent != nil {
					op.name = camel.join(op.res.parent.one) + "." + op.name
				}
			}
		case apiMethodPath:
			service := "Account"
			if op.res != nil {
				service = pascal.join(op.res.one)
				if op.res.parent != nil {
					service = pascal.join(op.res.parent.one) + service
				}
			}
			op.name = "/" + a.kind.name + ".v1." + service + "Service/" + pascal.join(verb)
			if op.res != nil && (op.kind == opList || op.kind == opSearch) {
				op.name += pascal.join(op.res.many)
			}
			op.method, op.parts, op.ids = "POST", []string{op.name}, 0
		}
		a.byName[op.name] = op
	}
}

// graphQL writes the document that the application's own programs send.
func (a *application) graphQL(op *operation) string {
	var b strings.Builder
	if op.mutation {
		b.WriteString("mutation ")
	} else {
		b.WriteString("query ")
	}
	b.WriteString(pascal.join(op.name))
	var vars, args []string
	names := []string{"id"}
	if op.res != nil && op.res.parent != nil {
		names = []string{"parentId", "id"}
	}
	for i, v := range names {
		if i < op.ids {
			vars, args = append(vars, "$"+v+": ID!"), append(args, v+": $"+v)
		}
	}
	for _, v := range op.query {
		vars, args = append(vars, "$"+v+": String"), append(args, v+": $"+v)
	}
	if len(op.body) > 0 {
		vars, args = append(vars, "$input: "+pascal.join(op.name)+"Input!"), append(args, "input: $input")
	}
	if len(vars) > 0 {
		b.WriteString("(" + strings.Join(vars, ", ") + ")")
	}
	b.WriteString(" { " + camel.join(op.name))
	if len(args) > 0 {
		b.WriteString("(" + strings.Join(args, ", ") + ")")
	}
	b.WriteString(" { ")
	switch {
	case op.res != nil && op.kind == opList || op.kind == opSearch:
		b.WriteString("items { id")
		for _, f := range op.res.brief {
			b.WriteString(" " + f.name)
		}
		b.WriteString(" } total")
	case op.res != nil:
		b.WriteString("id")
		for _, f := range op.res.fields {
			b.WriteString(" " + f.name)
		}
	case op.kind == opLogin || op.kind == opMFA || op.kind == opRefresh:
		b.WriteString(a.word("token") + " expiresIn")
	case op.kind == opConfig:
		b.WriteString("features { search beta } locale minVersion")
	case op.kind == opMe || op.kind == opMeUpdate || op.kind == opRegister:
		b.WriteString("id " + a.word("name") + " " + a.word("email") + " role")
	default:
		b.WriteString("done")
	}
	b.WriteString(" } }")
	return b.String()
}
