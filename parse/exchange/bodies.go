package exchange

import (
	"bytes"

	"lapwing/event"
	"lapwing/parse/body"
	"lapwing/parse/classify"
)

// read decodes and describes one body; it reports false if there is none.
func (b *Builder) read(c *event.Call, d *body.Doc, raw *Body, coding, kind []byte, gap int64, response bool) bool {
	if len(raw.Data) == 0 {
		if raw.WireBytes > 0 && c.Source == event.SourcePacket {
			c.Gap.BodyUnread = true
		}
		return false
	}
	data, complete := raw.Data, raw.Complete && gap == 0
	if !complete {
		c.Flags |= event.FlagBodyTruncated
		c.Gap.BodyUnread = true
	}
	if len(coding) > 0 {
		var flags event.Flags
		data, flags = b.inflater.Inflate(coding, data, complete, b.cfg.MaxBodyBytes)
		c.Flags |= flags
		c.Gap.BodyUnread = c.Gap.BodyUnread || flags != 0
	}
	if len(data) > b.cfg.MaxBodyBytes {
		data = data[:b.cfg.MaxBodyBytes]
		c.Flags |= event.FlagBodyTruncated
		c.Gap.BodyUnread = true
	}
	if response {
		b.reader.ReadResponse(d, kind, data)
	} else {
		b.reader.Read(d, kind, data)
	}
	c.Flags |= d.Flags
	b.moreIDs = b.moreIDs || d.More
	return d.Type != ""
}

func (b *Builder) shape(d *body.Doc) event.BodyShape {
	return event.BodyShape{Type: d.Type, Keys: d.Keys, Hash: d.Hash, Items: d.Items}
}

// sensitive returns the names of the classes, one list for equal sets.
func (b *Builder) sensitive(s classify.Sensitive) []string {
	if s == 0 {
		return nil
	}
	names, ok := b.classes[s]
	if !ok {
		names = s.Names() // at most 2^15 lists; in practice a few dozen
		b.classes[s] = names
	}
	return names
}

// requestBody reads the request's body and what it presents.
func (b *Builder) requestBody(c *event.Call, r *Raw, h *heads) {
	if !b.read(c, &b.doc, &r.RequestBody, h.coding, h.kind, r.Gap.Request, false) {
		return
	}
	d := &b.doc
	c.Shape.Request = b.shape(d)
	c.Sensitive.Request = b.sensitive(d.Sensitive)
	if d.Operation != "" {
		c.Operation = b.arena.intern([]byte(d.Operation))
	}
	secretDepth, presented := uint8(0), false
	for i := range d.Leaves {
		l := &d.Leaves[i]
		if l.Key&classify.KeyPresented != 0 && l.Kind <= body.Int && b.presents(l.Key, []byte(l.Path), l.Value) {
			if !presented {
				secretDepth = l.Depth
			}
			presented = true
		}
	}
	if presented {
		c.Flags |= event.FlagSecretPresented
	}
	if c.Account == "" && (presented || b.authPath(c.PathShape)) {
		c.Account = b.account(d, secretDepth)
	}
	if c.Account == "" && len(h.coding) == 0 && (presented || b.authPath(c.PathShape)) {
		if name := b.beside(d.Type, r.RequestBody.Data, !presented); name != nil {
			c.Account = b.keys.Name(name)
		}
	}
	b.requestLeaves(d)
}

// presents reports whether a value under a secret's name is one to be checked.
// "code" and "pin" also name things such as countries: they need to look the
// part.
func (b *Builder) presents(key classify.Key, name, v []byte) bool {
	if len(v) == 0 {
		return false
	}
	if key&(classify.KeyPassword|classify.KeySecretID) != 0 {
		return true
	}
	if i := bytes.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	if !bytes.EqualFold(name, []byte("code")) && !bytes.EqualFold(name, []byte("promo")) && !bytes.EqualFold(name, []byte("voucher")) {
		return true
	}
	digits := 0
	for _, c := range v {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return len(v) >= 4 && len(v) <= 10 && digits == len(v) || len(v) >= 6 && digits >= 1
}

// account returns the pseudonym of the identifier that stands beside a secret,
// or of the first one anywhere.
func (b *Builder) account(d *body.Doc, depth uint8) string {
	var best *body.Leaf
	for i := range d.Leaves {
		l := &d.Leaves[i]
		if l.Key&classify.KeyAccount == 0 || l.Key&(classify.KeyPassword|classify.KeyToken) != 0 || l.Kind > body.Int || len(l.Value) == 0 || len(l.Value) > maxIDBytes {
			continue
		}
		if best == nil || best.Depth != depth && l.Depth == depth {
			best = l
		}
	}
	if best == nil {
		for i := range d.Leaves {
			if l := &d.Leaves[i]; l.Path == "client_id" || l.Path == "clientId" {
				best = l
			}
		}
	}
	if best == nil {
		return ""
	}
	return b.keys.Name(best.Value)
}

// maxAuthPaths bounds the shapes of paths remembered, which are shared texts.
const maxAuthPaths = 4096

// authPath is authPath, remembered.
func (b *Builder) authPath(shape string) bool {
	is, ok := b.authPaths[shape]
	if !ok {
		is = authPath(shape)
		if len(b.authPaths) >= maxAuthPaths {
			clear(b.authPaths)
		}
		if len(shape) <= maxInternedBytes {
			b.authPaths[shape] = is
		}
	}
	return is
}

// authPath reports whether a path is one where accounts are named without a
// secret: forgotten passwords, magic links, registration.
func authPath(shape string) bool {
	for _, w := range [...]string{"login", "signin", "sign-in", "logon", "auth", "forgot", "reset", "recover", "register", "signup", "sign-up", "otp", "magic", "password", "verify",
		"session", "anmelde", "connexion", "acceso", "entrar", "registr"} {
		if containsFold(shape, w) {
			return true
		}
	}
	return false
}

// containsFold: needle is lower-case ASCII.
func containsFold(s, needle string) bool {
	for i := 0; i+len(needle) <= len(s); i++ {
		j := 0
		for j < len(needle) && (s[i+j] == needle[j] || s[i+j] >= 'A' && s[i+j] <= 'Z' && s[i+j]|0x20 == needle[j]) {
			j++
		}
		if j == len(needle) {
			return true
		}
	}
	return false
}

// responseBody reads the response's body and what it hands out.
func (b *Builder) responseBody(c *event.Call, r *Raw, coding, kind []byte) {
	if !b.read(c, &b.doc, &r.ResponseBody, coding, kind, r.Gap.Response, true) {
		return
	}
	d := &b.doc
	location := c.Shape.Response.Location
	c.Shape.Response = b.shape(d)
	c.Shape.Response.Location = location
	c.Shape.Response.Outcome = b.outcome(d)
	c.Sensitive.Response = b.sensitive(d.Sensitive)
	if d.Type == "text" && classify.JWT(bytes.TrimSpace(r.ResponseBody.Data)) {
		b.mint(c, event.InBody, "", bytes.TrimSpace(r.ResponseBody.Data))
	}
	for i := range d.Leaves {
		l := &d.Leaves[i]
		if l.Kind == body.String && (l.Key&classify.KeyMint != 0 || l.Key == 0 && !l.InKey) && minted(l.Value) {
			b.mint(c, event.InBody, l.Path, l.Value)
		}
	}
	b.responseLeaves(d)
}

// minSecretBits is the information from which a value can be a credential
// rather than a state or a counter.
const minSecretBits = 64

// minted reports whether a value can be a credential.
func minted(v []byte) bool {
	if len(v) < 16 || len(v) > 16<<10 {
		return false
	}
	switch classify.Of(v) {
	case classify.FormJWT, classify.FormSecret, classify.FormOpaque, classify.FormHex, classify.FormUUID, classify.FormULID, classify.FormPrefixed:
		return true
	case classify.FormEmail, classify.FormDate, classify.FormInt, classify.FormDecimal, classify.FormCard, classify.FormPhone, classify.FormIP:
		return false
	}
	return bytes.IndexByte(v, ' ') < 0 && bytes.Count(v, []byte("/")) < 3 && classify.Entropy(v) >= minSecretBits
}

func (b *Builder) mint(c *event.Call, in event.Place, name string, v []byte) {
	hash := b.keys.Hash(v)
	if hash == b.presentedHash { // the one that came with the request, confirmed
		return
	}
	c.Flags |= event.FlagMinted
	b.secretRef(in, name, hash)
}
