package pseudonym

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"
)

// KeyBytes is the length of a deployment key.
const KeyBytes = 32

const (
	secretPrefix = "tok-"
	namePrefix   = "nm-"

	// maxNameBytes bounds what is encrypted: e-mail addresses end at 254 bytes
	// (RFC 5321), and a longer "name" is rather an attack or a blob.
	maxNameBytes = 256

	// maxCachedNames bounds each of the two generations of the name cache. At
	// about 150 bytes an entry both stay under 3 MiB.
	maxCachedNames = 8192
)

// A Keyring turns secrets and names into pseudonyms under one deployment key.
type Keyring struct {
	k0, k1 uint64
	siv    *subtle.AESSIV

	mu      sync.Mutex // protects all fields below
	young   map[string]string
	old     map[string]string
	scratch []byte
	normal  []byte
}

// New derives a Keyring from a deployment key of KeyBytes bytes.
func New(key []byte) (*Keyring, error) {
	if len(key) != KeyBytes {
		return nil, fmt.Errorf("deployment key has %d bytes, want %d", len(key), KeyBytes)
	}
	hashKey, err := hkdf.Key(sha256.New, key, nil, "lapwing hash key v1", 16)
	if err != nil {
		return nil, fmt.Errorf("derive the hash key: %w", err)
	}
	nameKey, err := hkdf.Key(sha256.New, key, nil, "lapwing name key v1", subtle.AESSIVKeySize)
	if err != nil {
		return nil, fmt.Errorf("derive the name key: %w", err)
	}
	siv, err := subtle.NewAESSIV(nameKey)
	if err != nil {
		return nil, fmt.Errorf("set up AES-SIV: %w", err)
	}
	return &Keyring{
		k0:    binary.LittleEndian.Uint64(hashKey),
		k1:    binary.LittleEndian.Uint64(hashKey[8:]),
		siv:   siv,
		young: make(map[string]string),
	}, nil
}

// Mark is a number by which processes find out whether they have the same key.
// It is a keyed hash and says nothing of the key; it is never 0.
func (k *Keyring) Mark() uint32 {
	return uint32(k.Hash([]byte("lapwing key mark v1"))) | 1
}

// Hash returns the keyed 64-bit hash of b.
func (k *Keyring) Hash(b []byte) uint64 { return sipHash(k.k0, k.k1, b) }

// Secret returns the one-way pseudonym of a credential: "tok-" and the first
// 12 hex digits of its Hash.
func (k *Keyring) Secret(b []byte) string { return string(k.AppendSecret(nil, b)) }

// AppendSecret appends what Secret returns.
func (k *Keyring) AppendSecret(dst, b []byte) []byte { return AppendSecretHash(dst, k.Hash(b)) }

// AppendSecretHash appends the pseudonym of a credential whose Hash is known.
func AppendSecretHash(dst []byte, hash uint64) []byte {
	dst = append(dst, secretPrefix...)
	for shift := 60; shift >= 16; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[hash>>shift&15])
	}
	return dst
}

// Name returns the reversible pseudonym of a person, account or tenant: "nm-"
// and base64url of the AES-SIV ciphertext of the normalised name. The empty
// name stays empty; one longer than 256 bytes is treated as a secret, since no
// person has such a name.
func (k *Keyring) Name(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > 2*maxNameBytes {
		return k.Secret(b)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	n := appendNormal(k.normal[:0], b)
	k.normal = n
	if len(n) == 0 {
		return ""
	}
	if len(n) > maxNameBytes {
		return k.Secret(n)
	}
	if s, ok := k.young[string(n)]; ok {
		return s
	}
	s, ok := k.old[string(n)]
	if !ok {
		ct, err := k.siv.EncryptDeterministically(n, nil)
		if err != nil { // only for input beyond the size of memory
			return k.Secret(n)
		}
		k.scratch = append(k.scratch[:0], namePrefix...)
		k.scratch = base64.RawURLEncoding.AppendEncode(k.scratch, ct)
		s = string(k.scratch)
	}
	if len(k.young) >= maxCachedNames {
		k.young, k.old = make(map[string]string), k.young
	}
	k.young[string(n)] = s
	return s
}

// Normalize returns the form of a name that is encrypted: outer blanks trimmed,
// an e-mail address in lower case, so that the same person joins.
func Normalize(b []byte) []byte { return appendNormal(nil, b) }

func appendNormal(dst, b []byte) []byte {
	b = bytes.TrimSpace(b)
	if at := bytes.IndexByte(b, '@'); at > 0 && at < len(b)-1 {
		for _, c := range b {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
		}
		return dst
	}
	return append(dst, b...)
}

// offlineKey is published on purpose: reading files with it gives everyone the
// same output, and hides nothing from anybody.
var offlineKey = []byte("lapwing offline analysis key v1.")

// Offline returns a Keyring with a fixed, published key, for reading files
// without a configured one: equal input gives equal output.
func Offline() *Keyring {
	k, err := New(offlineKey)
	if err != nil { // the key's length is a constant that the tests check
		return nil
	}
	return k
}
