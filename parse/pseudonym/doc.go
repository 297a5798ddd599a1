// Package pseudonym replaces what must not be read by what can still be joined.
//
// A Keyring is made from one 32-byte deployment key. It offers three ways to
// hide a value, all deterministic, so that equal values stay equal everywhere
// the same key is used:
//
//   - Hash, a 64-bit SipHash-2-4: one way, for identifiers and fingerprints;
//   - Secret, "tok-" and the first 12 hex digits of that hash: for credentials;
//   - Name, "nm-" and base64url of an AES-SIV ciphertext (RFC 5297): for people
//     and tenants, which whoever holds the key may Reveal.
//
// The hash key and the name key are derived separately (HKDF-SHA-256, RFC 5869),
// so that either can be handed out alone. A Keyring is safe for use by several
// goroutines; the cache of names it keeps is bounded.
package pseudonym
