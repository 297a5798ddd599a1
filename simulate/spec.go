package simulate

import (
	"encoding/json"
	"strconv"
)

// object is a JSON object in the making; encoding/json sorts its keys.
type object map[string]any

// Spec returns the OpenAPI 3.0 description that the application's makers
// publish: its documented operations, the dead ones among them, with
// parameters, bodies, answers and deprecations. What is undocumented is missing.
func (w *World) Spec() []byte {
	if w.specJSON == nil {
		b, err := json.MarshalIndent(w.app.describeOperations(), "", " ")
		if err != nil { // maps of texts and numbers always marshal
			return []byte("{}")
		}
		w.specJSON = b
	}
	return w.specJSON
}

func (a *application) describeOperations() object {
	paths := object{}
	for _, op := range a.ops {
		if !op.documented {
			continue
		}
		template, method := op.template(), op.method
		if op.name != "" && (a.style.api == apiGraphQL || a.style.api == apiRPC) {
			template, method = a.style.prefix+"/graphql", "POST"
			if a.style.api == apiRPC {
				template = a.style.prefix + "/rpc"
			}
		}
		item, _ := paths[template].(object)
		if item == nil {
			item = object{}
			paths[template] = item
		}
		if key := map[string]string{"GET": "get", "POST": "post", "PUT": "put", "PATCH": "patch", "DELETE": "delete"}[method]; item[key] == nil {
			item[key] = a.describeOperation(op)
		}
	}
	var servers []object
	for _, h := range a.hosts {
		servers = append(servers, object{"url": "https://" + h})
	}
	return object{
		"openapi": "3.0.3",
		"info":    object{"title": a.kind.name, "version": "4.2.0"},
		"servers": servers, "paths": paths,
		"components": object{"securitySchemes": object{"main": a.securityScheme()}},
	}
}

func (a *application) securityScheme() object {
	switch a.style.auth {
	case authJWT:
		return object{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
	case authOpaque:
		return object{"type": "http", "scheme": "bearer"}
	case authBasic:
		return object{"type": "http", "scheme": "basic"}
	case authCookie:
		return object{"type": "apiKey", "in": "cookie", "name": "sid"}
	case authKeyQuery:
		return object{"type": "apiKey", "in": "query", "name": "api_key"}
	}
	return object{"type": "apiKey", "in": "header", "name": "X-Api-Key"}
}

func (a *application) describeOperation(op *operation) object {
	o := object{"operationId": op.method + " " + op.template()}
	if op.deprecated {
		o["deprecated"] = true
	}
	if !op.anyone {
		o["security"] = []object{{"main": []string{}}}
	}
	shared := op.name != "" && (a.style.api == apiGraphQL || a.style.api == apiRPC)
	var params []object
	if !shared {
		for i := range op.ids {
			name := "id"
			if i > 0 {
				name = "id" + strconv.Itoa(i+1)
			}
			kind := "string"
			if res := op.res; res != nil {
				if i == 0 && res.parent != nil {
					res = res.parent
				}
				if res.id.kind == idInt || res.id.kind == idSparse {
					kind = "integer"
				}
			}
			params = append(params, object{"name": name, "in": "path", "required": true, "schema": object{"type": kind}})
		}
		if op.method == "GET" {
			for _, q := range op.query {
				params = append(params, object{"name": q, "in": "query", "schema": object{"type": "string"}})
			}
		}
	}
	if len(params) > 0 {
		o["parameters"] = params
	}
	if body := a.describeBody(op, shared); body != nil {
		o["requestBody"] = body
	}
	answers := object{"default": object{"description": "error"}}
	code := "200"
	switch {
	case a.style.api != apiREST:
	case op.kind == opCreate && !op.res.single || op.kind == opRegister || op.kind == opPay:
		code = "201"
	case op.kind == opForgot || op.kind == opOTP:
		code = "202"
	case op.kind == opDelete || op.kind == opLogout:
		code = "204"
	case op.kind == opLogin && a.style.redirectOK:
		code = "302"
	}
	answer := object{"description": "done"}
	if code != "204" && code != "302" {
		answer["content"] = object{"application/json": object{"schema": a.describeAnswer(op, shared)}}
	}
	answers[code] = answer
	o["responses"] = answers
	return o
}

func (a *application) describeBody(op *operation, shared bool) object {
	props := object{}
	kind := "application/json"
	switch {
	case shared && a.style.api == apiGraphQL:
		props = object{"operationName": object{"type": "string"}, "query": object{"type": "string"}, "variables": object{"type": "object"}}
	case shared:
		props = object{"jsonrpc": object{"type": "string"}, "method": object{"type": "string"}, "params": object{"type": "object"}, "id": object{"type": "integer"}}
	case a.style.api == apiMethodPath && op.name != "":
		props["id"], props["parentId"] = object{"type": "string"}, object{"type": "string"}
		for _, q := range op.query {
			props[q] = object{}
		}
		fallthrough
	default:
		if op.res != nil && len(op.body) > 0 {
			for i := range op.res.fields {
				if f := &op.res.fields[i]; f.writable() {
					props[f.name] = f.schema()
				}
			}
		} else {
			for _, name := range op.body {
				props[name] = object{}
			}
		}
		if a.style.form && op.login != "" || a.style.grant && (op == a.login || op == a.refresh) {
			kind = "application/x-www-form-urlencoded"
		}
	}
	if len(props) == 0 || op.method == "GET" {
		return nil
	}
	return object{"content": object{kind: object{"schema": object{"type": "object", "properties": props}}}}
}

// describeAnswer gives the schema of a good answer, in the envelope.
func (a *application) describeAnswer(op *operation, shared bool) object {
	if shared {
		return object{"type": "object"}
	}
	plain := object{"type": "object"}
	inner := plain
	if op.res != nil {
		inner = describeFields(op.res.fields, op.res)
		if op.kind == opList || op.kind == opSearch || op.kind == opExport {
			items := object{"type": "array", "items": describeFields(op.res.brief, op.res)}
			switch {
			case a.style.paging < 2 && a.style.envelope == 0:
				inner = object{"type": "object", "properties": object{"items": items, "total": object{"type": "integer"}}}
			case a.style.paging == 2:
				inner = object{"type": "object", "properties": object{op.res.plural: items, "next": object{"type": "string", "nullable": true}}}
			default:
				inner = items
			}
		}
	}
	if op.kind == opHealth {
		return plain
	}
	switch a.style.envelope {
	case 1:
		return object{"type": "object", "properties": object{"data": inner}}
	case 2:
		return object{"type": "object", "properties": object{"success": object{"type": "boolean"}, "result": inner}}
	case 3:
		return object{"type": "object", "properties": object{"status": object{"type": "string"}, "data": inner}}
	}
	return inner
}

func describeFields(fields []field, res *resource) object {
	props := object{"id": object{"type": "string"}}
	if res.id.kind == idInt {
		props["id"] = object{"type": "integer"}
	}
	for i := range fields {
		props[fields[i].name] = fields[i].schema()
	}
	return object{"type": "object", "properties": props}
}

func (f *field) schema() object {
	switch f.kind {
	case fieldMoney, fieldRating:
		return object{"type": "number"}
	case fieldInt:
		return object{"type": "integer"}
	case fieldBool:
		return object{"type": "boolean"}
	case fieldTime:
		return object{"type": "string", "format": "date-time"}
	case fieldAddress:
		return object{"type": "object", "properties": object{"street": object{"type": "string"}, "city": object{"type": "string"}, "zip": object{"type": "string"}}}
	case fieldGeo:
		return object{"type": "object", "properties": object{"lat": object{"type": "number"}, "lon": object{"type": "number"}}}
	case fieldRef, fieldOwner: // a number or a text, as the identifier is
		return object{}
	}
	return object{"type": "string"}
}
