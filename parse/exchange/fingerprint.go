package exchange

import (
	"bytes"
	"encoding/binary"
)

// maxFingerprints bounds the texts of fingerprints remembered, 50 bytes each.
const maxFingerprints = 8192

// A knownPrint is the fingerprint of an agent in a log.
type knownPrint struct{ agent, text string }

// fingerprint names the client program: a keyed hash over the order and casing
// of the header names it always sends, the protocol, the family of its agent
// and its language. Requests of different methods of one program agree. From a
// log, where headers are not known, the agent as a whole stands for it.
func (b *Builder) fingerprint(r *Raw, h *heads) string {
	var room [256]byte
	k := room[:0]
	if !r.HeadersKnown {
		return b.agentPrint(h.agent[:min(len(h.agent), 240)])
	}
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
	return b.print(k)
}

// agentPrint is the fingerprint of a program known by its agent only.
func (b *Builder) agentPrint(agent []byte) string {
	if len(agent) == 0 {
		return ""
	}
	known := &b.lastPrints[slotOf(agent)%uint(len(b.lastPrints))]
	if known.agent != string(agent) {
		var room [256]byte
		*known = knownPrint{string(agent), b.print(append(append(room[:0], "log\x00"...), agent...))}
	}
	return known.text
}

// print hashes k and writes the hash as text.
func (b *Builder) print(k []byte) string {
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
