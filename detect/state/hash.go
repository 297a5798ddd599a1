package state

import "math/bits"

// Hash maps a string to a table key. It is keyed, so that nobody who does not
// know the seed can aim at collisions; the construction is two rounds of
// folded 64x64 multiplication over 16-byte blocks, as in wyhash.
func Hash(seed uint64, s string) uint64 {
	h := seed ^ 0x9e3779b97f4a7c15
	n := len(s)
	for len(s) >= 16 {
		h = mix(le64(s)^0xa0761d6478bd642f^h, le64(s[8:])^0xe7037ed1a0b428db)
		s = s[16:]
	}
	var a, b uint64
	if len(s) >= 8 {
		a, s = le64(s), s[8:]
	}
	for i := range len(s) {
		b |= uint64(s[i]) << (8 * i)
	}
	return mix(mix(a^0x8ebc6af09c88c6e3, b^h), uint64(n)^0x589965cc75374cc3)
}

// Join makes one key of two.
func Join(a, b uint64) uint64 { return mix(a^0xa0761d6478bd642f, b^0xe7037ed1a0b428db) }

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func le64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
