package exchange

import (
	"bytes"
	"strconv"

	"lapwing/event"
	"lapwing/parse/body"
	"lapwing/parse/classify"
	"lapwing/parse/pseudonym"
	"lapwing/parse/redact"
)

const (
	// maxRequestIDs bounds the identifiers of a request: a bulk call that names
	// more objects is known by the first ones and Gap.IDsIncomplete.
	maxRequestIDs = 64
	// maxResponseIDs bounds those of a response. A page of a list has 20 to 200
	// elements, each with an identifier of its own; those come first.
	maxResponseIDs = 256
	// maxIDBytes bounds a value that identifies something.
	maxIDBytes = 256
	// maxLinkIDs bounds the identifiers taken of one link.
	maxLinkIDs = 4
)

// ref appends an identifier. Equal values have equal hashes in whatever form
// they were written: integers in decimal, hexadecimal in lower case.
func (b *Builder) ref(response bool, in event.Place, name string, form classify.Form, key classify.Key, v []byte) {
	if len(v) == 0 || len(v) > maxIDBytes {
		return
	}
	most, have := maxRequestIDs, len(b.refs)
	if response {
		most, have = maxResponseIDs, len(b.refs)-b.requestRefs
	}
	if have >= most {
		b.moreIDs = true
		return
	}
	r := event.IDRef{Response: response, In: in, Name: name, Class: form.Class()}
	room := b.scratch[:0]
	switch form {
	case classify.FormInt:
		r.Int, _ = classify.Int(v)
		if v[0] > '0' && len(v) <= 18 { // as it would be written
			r.Hash = b.keys.Hash(v)
			b.add(r, key)
			return
		}
		room = strconv.AppendInt(room, r.Int, 10)
	case classify.FormUUID, classify.FormHex, classify.FormObjectID:
		room = appendLower(room, v)
		r.Order = classify.Order(form, room)
	case classify.FormULID:
		room = append(room, bytes.ToUpper(v)...)
		r.Order = classify.Order(form, v)
	case classify.FormEmail, classify.FormPhone:
		room = append(room, pseudonym.Normalize(v)...)
	default:
		if r.Class == event.ClassNone {
			r.Class = event.ClassSlug
		}
		r.Hash = b.keys.Hash(v)
		b.add(r, key)
		return
	}
	b.scratch = room
	r.Hash = b.keys.Hash(room)
	b.add(r, key)
}

func (b *Builder) add(r event.IDRef, key classify.Key) {
	if key&classify.KeyPerson != 0 && (r.Class == event.ClassSlug || r.Class == event.ClassMixed) {
		r.Class = event.ClassName
	}
	b.refs = append(b.refs, r)
}

// secretRef appends a credential that the response hands out. Its hash is that
// of the Token of a call that presents it.
func (b *Builder) secretRef(in event.Place, name string, hash uint64) {
	for _, r := range b.refs[b.requestRefs:] {
		if r.Class == event.ClassSecret && r.Hash == hash {
			return
		}
	}
	b.refs = append(b.refs, event.IDRef{Response: true, In: in, Name: name, Class: event.ClassSecret, Hash: hash})
}

func appendLower(dst, v []byte) []byte {
	for _, c := range v {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

var smallNumbers = func() (s [64]string) {
	for i := range s {
		s[i] = strconv.Itoa(i)
	}
	return s
}()

// pathID is called for each identifier in the request's path.
func (b *Builder) pathID(id redact.ID) {
	if id.Name != nil { // a parameter within the path
		b.queryID(id)
		return
	}
	if id.Form.Secret() || id.Key&classify.KeyToken != 0 || id.Index >= len(smallNumbers) {
		return
	}
	b.ref(false, event.InPath, smallNumbers[id.Index], id.Form, 0, id.Value)
}

// queryID is called for each identifier or credential in the query.
func (b *Builder) queryID(id redact.ID) {
	if id.Key&classify.KeyPresented != 0 && b.presents(id.Key, id.Name, id.Value) {
		b.queryFlags |= event.FlagSecretPresented | event.FlagCredentialInQuery
		return
	}
	if id.Key&classify.KeyAccount != 0 && b.queryAccount == "" && len(id.Value) <= maxIDBytes {
		b.queryAccount = b.keys.Name(id.Value)
	}
	if id.Key&classify.KeyToken != 0 || id.Form.Secret() {
		b.queryCredential(id)
		if id.Key&classify.KeyID == 0 {
			return
		}
	}
	if id.Key&(classify.KeyPaging|classify.KeySecret&^classify.KeyToken) != 0 {
		return
	}
	b.ref(false, event.InQuery, b.keyName(id.Name), id.Form, id.Key, id.Value)
}

// keyName makes a key fit to travel as the name of an identifier.
func (b *Builder) keyName(name []byte) string {
	if len(name) > 64 {
		return "{long}"
	}
	if f := classify.Of(name); f.Typed() != "" {
		return f.Typed()
	}
	return b.arena.intern(name)
}

// requestLeaves takes the identifiers of a request's body.
func (b *Builder) requestLeaves(d *body.Doc) {
	for i := range d.Leaves {
		l := &d.Leaves[i]
		if l.Key&(classify.KeySecret|classify.KeyPaging|classify.KeyQuery|classify.KeyMethod) != 0 && l.Key&classify.KeyID == 0 {
			continue
		}
		if l.Key&classify.KeySecret&^classify.KeyToken != 0 || l.Kind > body.Int || len(l.Value) == 0 {
			continue
		}
		form := classify.Of(l.Value)
		if form.Secret() || l.Key&classify.KeyToken != 0 && form == classify.FormOpaque {
			continue
		}
		if l.Key&classify.KeyLink != 0 && l.Key&classify.KeyID == 0 {
			b.link(false, event.InBody, l.Path, l.Value)
			continue
		}
		if l.Key&(classify.KeyID|classify.KeyAccount) != 0 || form.Person() {
			b.ref(false, event.InBody, l.Path, form, l.Key, l.Value)
		}
	}
}

// responseLeaves takes the identifiers of a response's body: those that
// elements of lists and the object itself have for their own come first, then
// what they refer to.
func (b *Builder) responseLeaves(d *body.Doc) {
	own := func(l *body.Leaf) bool { return l.Key&classify.KeyOwnID != 0 && (l.Elem || l.Depth <= 2) }
	for i := range d.Leaves {
		if l := &d.Leaves[i]; own(l) && l.Kind <= body.Int {
			if b.moreIDs && len(b.refs)-b.requestRefs >= maxResponseIDs {
				return
			}
			b.ref(true, event.InBody, l.Path, classify.Of(l.Value), l.Key, l.Value)
		}
	}
	for i := range d.Leaves {
		l := &d.Leaves[i]
		if l.Kind > body.Int || len(l.Value) == 0 || own(l) || l.Key&classify.KeyPaging != 0 || l.Key&(classify.KeySecret&^classify.KeyToken) != 0 && l.Key&classify.KeyID == 0 {
			continue
		}
		switch {
		case l.Key&classify.KeyID != 0:
			form := classify.Of(l.Value)
			if form.Secret() || l.Key&(classify.KeyToken|classify.KeyMint) != 0 && form == classify.FormOpaque {
				continue
			}
			if l.Key&classify.KeyOutcome != 0 && (form == classify.FormWord || form == classify.FormSlug || form == classify.FormInt) {
				continue // "code" of an error, not of a product
			}
			b.ref(true, event.InBody, l.Path, form, l.Key, l.Value)
		case l.Key&classify.KeyOwner != 0:
			form := classify.Of(l.Value)
			if form.Secret() || bytes.IndexByte(l.Value, ' ') >= 0 { // "Ada Lovelace" is no reference
				continue
			}
			b.ref(true, event.InBody, l.Path, form, l.Key, l.Value)
		case l.Key&classify.KeyLink != 0:
			b.link(true, event.InBody, l.Path, l.Value)
		}
	}
}

// link takes the strong identifiers in the path of a link.
func (b *Builder) link(response bool, in event.Place, name string, u []byte) {
	if len(u) > 2048 { // longer links carry data, not objects
		return
	}
	if i := bytes.IndexAny(u, "?#"); i >= 0 {
		u = u[:i]
	}
	if i := bytes.Index(u, []byte("//")); i >= 0 {
		u = u[i+2:]
		if i = bytes.IndexByte(u, '/'); i < 0 {
			return
		}
		u = u[i:]
	}
	found := 0
	for index := 1; len(u) > 0 && found < maxLinkIDs; {
		var seg []byte
		if i := bytes.IndexByte(u, '/'); i >= 0 {
			seg, u = u[:i], u[i+1:]
		} else {
			seg, u = u, nil
		}
		if len(seg) == 0 {
			continue
		}
		form := classify.Of(seg)
		switch form.Class() {
		case event.ClassInt, event.ClassUUID, event.ClassULID, event.ClassObjectID, event.ClassHex, event.ClassPrefixed, event.ClassMixed:
			if !classify.Version(seg, index) {
				b.ref(response, in, name, form, 0, seg)
				found++
			}
		}
		index++
	}
}
