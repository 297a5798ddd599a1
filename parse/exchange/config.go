package exchange

import (
	"net/netip"

	"lapwing/parse/pseudonym"
)

const (
	// defaultMaxBodyBytes bounds what is inspected of one body after its content
	// coding is removed. API answers are rarely longer; pages of lists that are
	// show their keys and identifiers long before.
	defaultMaxBodyBytes = 256 << 10
	// maxMaxBodyBytes is the most a configuration may ask for.
	maxMaxBodyBytes = 8 << 20
)

// A Config says how exchanges become calls. Its zero value is usable: no proxy
// is trusted, and names and secrets are hidden under the published offline key.
type Config struct {
	Sensor  string             // name of this sensor, written into each call
	Keyring *pseudonym.Keyring // nil: pseudonym.Offline()

	// TrustedProxies are the peers whose forwarding and identity headers count.
	TrustedProxies []netip.Prefix
	// ClientHeaders name single-address headers of trusted peers that are asked
	// before X-Forwarded-For and Forwarded, in this order: X-Real-IP,
	// CF-Connecting-IP, True-Client-IP … Empty: none.
	ClientHeaders []string
	// IdentityHeaders name headers by which a trusted gateway says who the user
	// is. nil: the well-known ones (X-User-Id, X-Forwarded-User …).
	IdentityHeaders []string

	SecretKeys []string // further names of fields, parameters and cookies whose values are secrets
	NameKeys   []string // further names of fields and parameters whose values name a person

	MaxBodyBytes int // bytes of a decoded body that are inspected; 0: 256 KiB, at most 8 MiB
}
