package identity

import (
	"strconv"

	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

// A Link says whose a token is.
type Link struct {
	User    uint64 // key of the account, as login.AccountKey makes it
	Name    string // its pseudonym
	Session uint64 // key of the first token of the login that it descends from: equal for all that follows from one login
	Machine bool   // handed out for client credentials: a program, not a person
	SinceNS int64  // event time of that login
	usedNS  int64
}

const (
	prefix = "tok-"
	digits = 12
)

// TokenKey is the key of a token presented, from its pseudonym; 0 for none. It
// equals MintedKey of the same token.
func TokenKey(seed uint64, token string) uint64 {
	if token == "" {
		return 0
	}
	if len(token) == len(prefix)+digits && token[:len(prefix)] == prefix {
		if key, err := strconv.ParseUint(token[len(prefix):], 16, 64); err == nil {
			return MintedKey(key << 16)
		}
	}
	return state.Hash(seed, token) // of another sensor's making
}

// MintedKey is the key of a token handed out, from the hash of its reference
// in the answer. Pseudonyms of tokens hold 48 bits of it; all bits of a key
// have to vary.
func MintedKey(hash uint64) uint64 { return state.Join(hash>>16, 0x746f6b656e) }

// SessionOf is the Session of the links that a successful login gives rise to.
func SessionOf(o *detect.Observation) uint64 {
	for i := range o.Call.IDs {
		if id := &o.Call.IDs[i]; id.Response && id.Class == event.ClassSecret {
			return MintedKey(id.Hash)
		}
	}
	return state.Join(o.Source, uint64(o.AtNS))
}

// An Ask is the payload of a Fact to For under a token's key: whose is it? The
// answer goes as a Fact with an Answer to stage To, under the key of the user.
// If nobody knows, it goes under Else, and nowhere if that is 0.
type Ask struct {
	To      string
	Else    uint64
	Payload any
}

// An Answer is what an Ask became. User is 0 if nobody knows.
type Answer struct {
	Link
	Payload any
}

// learned sets the link of the token under whose key it comes.
type learned struct{ link Link }

// passed says that what the token under whose key it comes stood for goes on
// as another.
type passed struct{ to uint64 }

// named says which account an identifier is; its key is the identifier's hash.
type named struct {
	user uint64
	name string
}

// met says that the bearer of a token was shown as the person under whose
// identifier's hash it comes.
type met struct{ token uint64 }
