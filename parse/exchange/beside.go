package exchange

import (
	"bytes"
	"encoding/json"
	"slices"

	"lapwing/parse/body"
	"lapwing/parse/classify"
)

// Names under which people log in are without number: customerNumber,
// kundennummer, cif, msisdn. Where no known name stands beside a password, the
// one value that can be a name is taken for it, whatever it is called.

const (
	// maxLoginBytes bounds the bodies that are looked at again; what logs in is
	// short.
	maxLoginBytes = 4 << 10
	maxLoginDepth = 8
	maxNameValue  = 128
	minNameValue  = 3
)

// besides are fields of a login that are neither name nor secret.
var besides = []string{
	"grant_type", "granttype", "scope", "client_id", "clientid", "audience", "realm", "tenant", "provider", "connection", "response_type", "redirect_uri", "redirect", "returnurl",
	"remember", "remember_me", "rememberme", "locale", "lang", "language", "timezone", "platform", "device", "device_id", "deviceid", "device_name", "os", "version", "app_version",
	"captcha", "recaptcha", "challenge", "state", "nonce", "type", "method", "jsonrpc", "id", "operationname", "query", "country", "currency", "action",
}

// A field is one scalar member of the object in which a secret stands.
type field struct {
	name  string
	value []byte
}

// beside returns what stands beside the password in a small JSON or form body
// and can be a name: the only such value, or among several the only one that is
// an e-mail address, a telephone number or a number. nil if none is. With alone
// there need be no password, but no second value either: who forgot the password
// sends a name and nothing else.
func (b *Builder) beside(kind string, data []byte, alone bool) []byte {
	if len(data) > maxLoginBytes {
		return nil
	}
	var fields []field
	switch kind {
	case "json", "graphql":
		fields = b.jsonBeside(data, alone)
	case "form":
		fields = b.formBeside(data, alone)
	}
	if alone && len(fields) != 1 {
		return nil
	}
	var could, looks []field
	for _, f := range fields {
		key := b.lexicon.Of([]byte(f.name))
		if key&(classify.KeySecret|classify.KeyQuery|classify.KeyMethod|classify.KeyPaging) != 0 || slices.Contains(besides, string(bytes.ToLower([]byte(f.name)))) {
			continue
		}
		if len(f.value) < minNameValue || len(f.value) > maxNameValue || bytes.ContainsAny(f.value, " \t\n{}[]<>") {
			continue
		}
		could = append(could, f)
		switch classify.Of(f.value) {
		case classify.FormEmail, classify.FormPhone, classify.FormInt:
			looks = append(looks, f)
		}
	}
	switch {
	case len(could) == 1:
		return could[0].value
	case len(looks) == 1:
		return looks[0].value
	}
	return nil
}

// jsonBeside returns the text and number members of the first object that has
// a password among its members; with alone, those of the whole.
func (b *Builder) jsonBeside(data []byte, alone bool) []field {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	type object struct {
		fields []field
		secret bool
		list   bool
	}
	var stack []object
	key, isKey := "", false
	for {
		token, err := d.Token()
		if err != nil {
			return nil
		}
		value, scalar := "", false
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{', '[':
				if len(stack) == maxLoginDepth {
					return nil
				}
				stack = append(stack, object{list: v == '['})
				isKey = v == '{'
				continue
			}
			top := stack[len(stack)-1]
			if top.secret || alone && len(stack) == 1 {
				return top.fields
			}
			if stack = stack[:len(stack)-1]; len(stack) == 0 || alone {
				return nil
			}
			isKey = !stack[len(stack)-1].list
			continue
		case string:
			value, scalar = v, true
		case json.Number:
			value, scalar = v.String(), true
		}
		if len(stack) == 0 {
			return nil
		}
		top := &stack[len(stack)-1]
		switch {
		case top.list:
		case isKey:
			key, isKey = value, false
		default:
			isKey = true
			if !scalar {
				break
			}
			if b.lexicon.Of([]byte(key))&classify.KeyPassword != 0 {
				top.secret = true
			} else {
				top.fields = append(top.fields, field{key, []byte(value)})
			}
		}
	}
}

func (b *Builder) formBeside(data []byte, alone bool) []field {
	var fields []field
	secret := false
	body.Pairs(data, func(name, value []byte) bool {
		n := string(body.PercentDecode(nil, name, true))
		if b.lexicon.Of([]byte(n))&classify.KeyPassword != 0 {
			secret = true
		} else {
			fields = append(fields, field{n, body.PercentDecode(nil, value, true)})
		}
		return true
	})
	if !secret && !alone {
		return nil
	}
	return fields
}
