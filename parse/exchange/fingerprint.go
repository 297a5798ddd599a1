package exchange

import (
	"bytes"
	"encoding/binary"
)

// maxFingerprints bounds the texts of fingerprints remembered, 50 bytes each.
const maxFingerprints = 8192

// fingerprint names the client program: a keyed hash over the order and casing
// of the header names it always sends, the protocol, the family of its agent
// and its language. Requests of different methods of one program agree. From a
// log, where headers are not known, the agent as a whole stands for it.
func (b *Builder) fingerprint(r *Raw, h *heads) string {
	var room [256]byte
	k := room[:0]
	if r.HeadersKnown {
		k = binary.LittleEndian.AppendUint64(k, h.order)
		k = append(k, byte(h.casing), byte(h.kept))
		k = append(k, r.Protocol[:min(len(r.Protocol), 16)]...)
		k = append(k, 0)
		k = append(k, family(h.agent)...)
		k = append(k, 0)
		if i := bytes.IndexAny(h.language, ",;-"); i > 0 && i <= 3 {
			k = append(k, h.language[:i]...)
		} else {
			k = append(k, h.language[:min(len(h.language), 3)]...)
		}
	} else {
		if len(h.agent) == 0 {
			return ""
		}
		k = append(k, "log\x00"...)
		k = append(k, h.agent[:min(len(h.agent), 240)]...)
	}
	hash := b.keys.Hash(k)
	if s, ok := b.prints[hash]; ok {
		return s
	}
	if len(b.prints) >= maxFingerprints {
		clear(b.prints)
	}
	text := make([]byte, 0, 16)
	for i := 60; i >= 0; i -= 4 {
		text = append(text, "0123456789abcdef"[hash>>i&15])
	}
	s := string(text)
	b.prints[hash] = s
	return s
}

// family is the first product of an agent without its version.
func family(agent []byte) []byte {
	agent = agent[:min(len(agent), 48)]
	for i, c := range agent {
		if c == '/' || c == ' ' || c == '(' {
			return agent[:i]
		}
	}
	return agent
}
