package classify

// A Key is the set of meanings that a field's name has.
type Key uint32

const (
	KeyID       Key = 1 << iota // names an object: orderId, customer_id, sku
	KeyOwnID                    // names the object it stands in: id, _id, uuid
	KeyLink                     // holds a link: href, url, self
	KeyPassword                 // a password, or another low-entropy secret: its value becomes nothing
	KeyCode                     // a one-time code, PIN or coupon to be checked
	KeyToken                    // a credential: its value becomes a one-way hash
	KeyMint                     // in a response: a credential handed out
	KeyAccount                  // identifies who logs in
	KeyPerson                   // identifies a person: e-mail, phone, user name
	KeyOutcome                  // says how an operation went
	KeySession                  // a cookie that carries a session
	KeyPaging                   // a cursor or page token: neither identifier nor credential
	KeyCard                     // a payment card's number or check digits
	KeySSN                      // a social security or tax number
	KeyLat                      // latitude
	KeyLon                      // longitude
	KeyBirth                    // date of birth
	KeySecretID                 // the second half of a client's credential: client_secret
	KeyQuery                    // text of a GraphQL document
	KeyMethod                   // operationName, JSON-RPC method
	KeyOwner                    // in a response: says by itself whose the object is: owner, created_by
)

const (
	// KeySecret is any name whose value must not travel.
	KeySecret = KeyPassword | KeyCode | KeyToken | KeyCard | KeySSN | KeySecretID
	// KeyPresented is any name that, in a request body, presents a secret to be
	// checked.
	KeyPresented = KeyPassword | KeyCode | KeySecretID
)

// maxKeyBytes bounds the names that are looked at; longer ones mean nothing.
const maxKeyBytes = 96

// maxKnownKeys bounds the names remembered, about 100 bytes each. When it is
// reached all are forgotten: real APIs have far fewer, and a flood of invented
// names then costs one classification each.
const maxKnownKeys = 8192

// Keys classifies names, with a deployment's additions to the built-in lists.
type Keys struct {
	extra map[string]Key
	known map[string]Key
}

// NewKeys returns a classifier that also knows the given names of secrets and
// of people. Case, dashes, underscores and dots in names do not matter.
func NewKeys(secrets, people []string) *Keys {
	k := &Keys{extra: map[string]Key{}, known: map[string]Key{}}
	var w words
	for _, s := range secrets {
		w.split([]byte(s))
		k.extra[string(w.joined)] |= KeyPassword
	}
	for _, s := range people {
		w.split([]byte(s))
		k.extra[string(w.joined)] |= KeyPerson
	}
	return k
}

// Of returns what a name means.
func (k *Keys) Of(name []byte) Key {
	if len(name) == 0 || len(name) > maxKeyBytes {
		return 0
	}
	if v, ok := k.known[string(name)]; ok {
		return v
	}
	var w words
	w.split(name)
	v := w.mean() | k.extra[string(w.joined)]
	if len(k.known) >= maxKnownKeys {
		clear(k.known)
	}
	k.known[string(name)] = v
	return v
}

// words are the parts of a name: "userID", "user_id" and "User-Id" are user, id.
type words struct {
	room   [maxKeyBytes]byte
	joined []byte // all parts, lower case, without separators
	ends   [16]int
	n      int
}

func (w *words) split(name []byte) {
	w.joined, w.n = w.room[:0], 0
	if len(name) > maxKeyBytes {
		return
	}
	upper := func(c byte) bool { return c >= 'A' && c <= 'Z' }
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80 }
	for i, c := range name {
		if !upper(c) && !letter(c) {
			w.end()
			continue
		}
		if upper(c) && i > 0 && (letter(name[i-1]) || upper(name[i-1]) && i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z' && !(i+2 == len(name) && name[i+1] == 's')) {
			w.end()
		}
		if upper(c) {
			c += 'a' - 'A'
		}
		w.joined = append(w.joined, c)
	}
	w.end()
}

func (w *words) end() {
	if w.n < len(w.ends) && len(w.joined) > 0 && (w.n == 0 || w.ends[w.n-1] < len(w.joined)) {
		w.ends[w.n] = len(w.joined)
		w.n++
	}
}

func (w *words) word(i int) string {
	start := 0
	if i > 0 {
		start = w.ends[i-1]
	}
	return string(w.joined[start:w.ends[i]])
}

func (w *words) mean() Key {
	if w.n == 0 {
		return 0
	}
	v := exact[string(w.joined)]
	var all Key
	for i := range w.n {
		all |= anywhere[w.word(i)]
	}
	if all&KeyPaging != 0 {
		return v&KeyOutcome | KeyPaging
	}
	v |= all
	last := lastWord[w.word(w.n-1)]
	if w.n == 1 {
		last &^= KeyID // "id" alone is in the exact list
	}
	v |= last
	if w.n == 1 && v == 0 {
		v |= compound(string(w.joined))
	}
	return v
}

// compound recognises names written without any separator.
func compound(s string) Key {
	for _, e := range endings {
		if len(s) > len(e.text) && s[len(s)-len(e.text):] == e.text {
			return e.key
		}
	}
	return 0
}
