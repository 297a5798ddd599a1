package redact

import (
	"bytes"

	"lapwing/parse/body"
	"lapwing/parse/classify"
	"lapwing/parse/pseudonym"
)

// Hidden replaces what may not even be hashed: passwords, short codes, cards.
const Hidden = "***"

// minHashedCode is the length from which a code is hashed rather than dropped:
// shorter ones can be tried out by whoever gets the key.
const minHashedCode = 9

// maxNesting bounds URLs inside values of URLs.
const maxNesting = 2

// A Redactor rewrites values.
type Redactor struct {
	keys  *classify.Keys
	names *pseudonym.Keyring

	clean, shape []byte // results, valid until the next call
	decoded      []byte
	name         []byte
	literals     [256]literal
}

// New returns a Redactor that hides under the given keyring.
func New(keys *classify.Keys, ring *pseudonym.Keyring) *Redactor {
	return &Redactor{keys: keys, names: ring}
}

// An ID is an identifier met in a path or a query. Value is decoded and
// borrowed.
type ID struct {
	Name  []byte // the query's key; nil in a path
	Index int    // in a path: of the segment, from 1
	Form  classify.Form
	Key   classify.Key
	Value []byte
}

// verdict is what happens to a value.
type verdict uint8

const (
	keep verdict = iota
	hide
	hash
	encrypt
)

// judge decides about a decoded value of the given form under a name.
func judge(v []byte, key classify.Key, form classify.Form) verdict {
	if len(v) == 0 {
		return keep
	}
	switch {
	case form == classify.FormCard:
		return hide
	case form.Secret():
		return hash
	case key&(classify.KeySecret|classify.KeyPerson|classify.KeyBirth) == 0 && (form == classify.FormWord || form == classify.FormUUID || form == classify.FormInt && len(v) < 13):
		return keep // what most values are
	case key&(classify.KeyPassword|classify.KeyCard|classify.KeySSN) != 0:
		return hide
	case key&(classify.KeyCode|classify.KeySecretID) != 0:
		if len(v) < minHashedCode {
			return hide
		}
		return hash
	case key&classify.KeyToken != 0:
		// "key" and "ticket" also name things: a plain number or word stays.
		if key&classify.KeyID != 0 && len(v) < 16 && (form == classify.FormInt || form == classify.FormWord || form == classify.FormSlug) {
			return keep
		}
		return hash
	case form.Person():
		return encrypt
	case form == classify.FormOpaque:
		return hash
	case key&classify.KeyPerson != 0 && !(form == classify.FormNone && odd(v, key)):
		switch form {
		case classify.FormInt, classify.FormUUID, classify.FormULID, classify.FormObjectID, classify.FormHex, classify.FormPrefixed:
			return keep // a number for a person, not a name
		}
		return encrypt
	}
	if s := classify.SensitiveOf(v, key&^classify.KeyID); s != 0 {
		if s&(classify.SeesPAN|classify.SeesSSN|classify.SeesIBAN|classify.SeesPassword|classify.SeesPrivateKey|classify.SeesPasswordHash) != 0 {
			return hide
		}
		if s&(classify.SeesJWT|classify.SeesAWSKey|classify.SeesCloudKey) != 0 {
			return hash
		}
		if s&(classify.SeesEmail|classify.SeesPhone) != 0 {
			return encrypt
		}
	}
	return keep
}

// odd reports whether a value under a person's name is none: it has what no
// name contains, or stands where a number does. It is an attack on the field
// then, and to be seen.
func odd(v []byte, key classify.Key) bool {
	return key&classify.KeyID != 0 || bytes.ContainsAny(v, "<>(){}$;=|\"\\\n") || bytes.Contains(v, []byte("--")) || bytes.Contains(v, []byte("/*")) || bytes.Contains(v, []byte("' "))
}

// apply appends what a verdict makes of a value.
func (r *Redactor) apply(dst, v []byte, what verdict) []byte {
	switch what {
	case hide:
		return append(dst, Hidden...)
	case hash:
		return r.names.AppendSecret(dst, v)
	case encrypt:
		return append(dst, r.names.Name(v)...)
	}
	return append(dst, v...)
}

// decode returns s percent-decoded, in a buffer if that changed anything. The
// buffer only grows during one call of Path or Query, so that what was decoded
// before stays.
func (r *Redactor) decode(s []byte, plus bool) []byte {
	if bytes.IndexByte(s, '%') < 0 && (!plus || bytes.IndexByte(s, '+') < 0) {
		return s
	}
	start := len(r.decoded)
	r.decoded = body.PercentDecode(r.decoded, s, plus)
	return r.decoded[start:len(r.decoded):len(r.decoded)]
}

// embedded reports whether a JSON text inside a value holds a name under which
// nothing may travel.
func (r *Redactor) embedded(v []byte) bool {
	for i := 0; i < len(v); i++ {
		if v[i] != '"' {
			continue
		}
		end := bytes.IndexByte(v[i+1:], '"')
		if end < 0 {
			return false
		}
		name := v[i+1 : i+1+end]
		i += end + 1
		rest := bytes.TrimLeft(v[i+1:], " \t\r\n")
		if len(rest) > 0 && rest[0] == ':' {
			if r.keys.Of(name)&(classify.KeySecret|classify.KeyPerson) != 0 {
				return true
			}
		} else if judge(name, 0, classify.Of(name)) != keep {
			return true
		}
	}
	return false
}
