package simulate

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// Identifiers. An object is known inside by its number (0, 1, 2 … in the order
// of creation); outside by a text whose kind the application chose. Text and
// number follow from each other, so that no directory is kept.

type idKind uint8

const (
	idInt       idKind = iota // a counter
	idSparse                  // ten digits that do not tell their order
	idUUID                    // version 4, RFC 9562
	idULID                    // 48 bits of time, 80 of chance
	idObject                  // 24 hex digits: seconds, host, counter (BSON ObjectId)
	idSlug                    // three words
	idPrefixed                // ord_ and 16 letters and digits
	idHash                    // 40 hex digits
	idComposite               // DE-2024-004512
	idCode                    // eight letters and digits to be typed by people
	idKinds     = iota
)

var idNames = [idKinds]string{"int", "sparse int", "uuid", "ulid", "objectid", "slug", "prefixed", "hash", "composite", "code"}

// A naming makes the identifiers of one resource.
type naming struct {
	kind   idKind
	seed   uint64
	base   uint64 // idInt: the first number; the others: ms of the first creation
	stepMS uint64 // between two creations
	prefix string
	spread permutation
}

const (
	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	base62    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	hexDigits = "0123456789abcdef"
)

// newNaming derives a naming from the resource's word. expected is how many
// objects there are at the start, which were created since twoYears before.
func newNaming(kind idKind, seed uint64, word string, expected int, startMS uint64) naming {
	r := newRandom(seed, "naming "+word, 0)
	const twoYearsMS = 2 * 365 * 86400 * 1000
	n := naming{kind: kind, seed: r.Uint64(), stepMS: max(1, twoYearsMS/uint64(expected+1))}
	n.base = startMS - n.stepMS*uint64(expected+1)
	switch kind {
	case idInt:
		n.base = uint64(pick(r, []int{1, 1, 1000, 10000, 100001, 2000000}))
	case idSparse:
		n.spread = permute(9_000_000_000, n.seed)
	case idSlug:
		n.spread = permute(uint64(len(adjectives)*len(materials)*len(things)), n.seed)
	case idCode:
		n.spread = permute(1<<40, n.seed)
	default:
		n.spread = permute(1<<60, n.seed)
	}
	n.prefix = prefixOf(word, r)
	return n
}

func prefixOf(word string, r *rand.Rand) string {
	p := strings.Map(func(c rune) rune {
		if c < 'a' || c > 'z' {
			return -1
		}
		return c
	}, strings.ToLower(word))
	return p[:min(len(p), 2+r.IntN(2))]
}

// text returns the identifier of object n.
func (d *naming) text(n uint32) string {
	var b [40]byte
	return string(d.append(b[:0], n))
}

// formed says whether a text looks like an identifier of the naming at all.
func (d *naming) formed(s string) bool {
	switch d.kind {
	case idInt, idSparse:
		return len(s) > 0 && len(s) <= 18 && strings.Trim(s, "0123456789") == ""
	case idUUID, idULID, idObject, idHash, idCode, idPrefixed:
		var b [48]byte
		return len(s) == len(d.append(b[:0], 0))
	}
	return true
}

// check are the bits that tell a real identifier from one that was made up.
func (d *naming) check(n uint32) uint64 { return hash2(d.seed, uint64(n)) }

func (d *naming) append(b []byte, n uint32) []byte {
	switch d.kind {
	case idInt:
		return strconv.AppendUint(b, d.base+uint64(n), 10)
	case idSparse:
		return strconv.AppendUint(b, 1_000_000_000+d.spread.at(uint64(n)), 10)
	case idUUID:
		x, c := d.spread.at(uint64(n)), d.check(n)
		b = appendHex(b, x>>28, 8)
		b = append(b, '-')
		b = appendHex(b, x>>12, 4)
		b = append(b, '-', '4')
		b = appendHex(b, x, 3)
		b = append(b, '-', "89ab"[c>>62])
		b = appendHex(b, c>>48, 3)
		b = append(b, '-')
		return appendHex(b, c, 12)
	case idULID:
		t := d.base + uint64(n)*d.stepMS
		for i := 9; i >= 0; i-- {
			b = append(b, crockford[t>>(5*i)&31])
		}
		x, c := d.spread.at(uint64(n)), d.check(n)
		for i := range 8 {
			b = append(b, crockford[c>>(5*i)&31])
		}
		for i := 7; i >= 0; i-- {
			b = append(b, crockford[x>>(20+5*i)&31])
		}
		return b
	case idObject:
		b = appendHex(b, (d.base+uint64(n)*d.stepMS)/1000, 8)
		b = appendHex(b, d.seed, 10)
		return appendHex(b, uint64(n), 6)
	case idSlug:
		return d.slug(b, n)
	case idPrefixed:
		b = append(append(b, d.prefix...), '_')
		x, c := d.spread.at(uint64(n)), d.check(n)
		for range 11 {
			b = append(b, base62[x%62])
			x /= 62
		}
		for range 5 {
			b = append(b, base62[c%62])
			c /= 62
		}
		return b
	case idHash:
		b = appendHex(b, d.spread.at(uint64(n)), 15)
		b = appendHex(b, d.check(n), 16)
		return appendHex(b, hash2(d.check(n), 1), 9)
	case idComposite:
		b = append(b, countries[d.check(n)%uint64(len(countries))]...)
		b = append(b, '-')
		b = strconv.AppendUint(b, 2019+uint64(n)/100_000%8, 10)
		b = append(b, '-')
		s := strconv.Itoa(int(n) + 1000)
		for i := len(s); i < 6; i++ {
			b = append(b, '0')
		}
		return append(b, s...)
	default: // idCode
		x := d.spread.at(uint64(n))
		for i := range 8 {
			b = append(b, crockford[x>>(5*i)&31])
		}
		return b
	}
}

func (d *naming) slug(b []byte, n uint32) []byte {
	round := uint64(n) / d.spread.n
	x := d.spread.at(uint64(n) % d.spread.n)
	b = append(append(b, adjectives[x%uint64(len(adjectives))]...), '-')
	x /= uint64(len(adjectives))
	b = append(append(b, materials[x%uint64(len(materials))]...), '-')
	b = append(b, things[x/uint64(len(materials))]...)
	if round > 0 {
		b = append(b, '-')
		b = strconv.AppendUint(b, round+1, 10)
	}
	return b
}

// number returns which object a text names, if it names one that could be.
// Whether the object exists is for the resource to say.
func (d *naming) number(s string) (uint32, bool) {
	n, ok := d.guess(s)
	if !ok {
		return 0, false
	}
	var b [48]byte // making it again settles every digit that the guess left out
	if string(d.append(b[:0], n)) != s {
		return 0, false
	}
	return n, true
}

func (d *naming) guess(s string) (uint32, bool) {
	if len(s) == 0 || len(s) > 48 {
		return 0, false
	}
	switch d.kind {
	case idInt:
		v, err := strconv.ParseUint(s, 10, 40)
		return uint32(v - d.base), err == nil && v >= d.base && v-d.base < 1<<32
	case idSparse:
		v, err := strconv.ParseUint(s, 10, 64)
		if err != nil || v < 1_000_000_000 || v >= 10_000_000_000 {
			return 0, false
		}
		return low32(d.spread.of(v - 1_000_000_000))
	case idUUID:
		if len(s) != 36 {
			return 0, false
		}
		v, err := strconv.ParseUint(s[:8]+s[9:13]+s[15:18], 16, 64)
		if err != nil {
			return 0, false
		}
		return low32(d.spread.of(v))
	case idULID:
		if len(s) != 26 {
			return 0, false
		}
		var t uint64
		for i := range 10 {
			t = t<<5 | uint64(max(0, strings.IndexByte(crockford, s[i])))
		}
		return uint32((t - d.base) / d.stepMS), t >= d.base
	case idObject:
		if len(s) != 24 {
			return 0, false
		}
		v, err := strconv.ParseUint(s[18:], 16, 32)
		return uint32(v), err == nil
	case idSlug:
		return d.unslug(s)
	case idPrefixed:
		if len(s) != len(d.prefix)+17 {
			return 0, false
		}
		var x uint64
		for i := 10; i >= 0; i-- {
			x = x*62 + uint64(max(0, strings.IndexByte(base62, s[len(d.prefix)+1+i])))
		}
		if x >= 1<<60 {
			return 0, false
		}
		return low32(d.spread.of(x))
	case idHash:
		if len(s) != 40 {
			return 0, false
		}
		v, err := strconv.ParseUint(s[:15], 16, 64)
		if err != nil {
			return 0, false
		}
		return low32(d.spread.of(v))
	case idComposite:
		v, err := strconv.ParseUint(s[strings.LastIndexByte(s, '-')+1:], 10, 32)
		return uint32(v - 1000), err == nil && v >= 1000
	default:
		if len(s) != 8 {
			return 0, false
		}
		var x uint64
		for i := 7; i >= 0; i-- {
			x = x<<5 | uint64(max(0, strings.IndexByte(crockford, s[i])))
		}
		return low32(d.spread.of(x))
	}
}

func (d *naming) unslug(s string) (uint32, bool) {
	parts := strings.SplitN(s, "-", 4)
	if len(parts) < 3 {
		return 0, false
	}
	a, b, c := indexOf(adjectives, parts[0]), indexOf(materials, parts[1]), indexOf(things, parts[2])
	if a < 0 || b < 0 || c < 0 {
		return 0, false
	}
	round := uint64(0)
	if len(parts) == 4 {
		v, err := strconv.ParseUint(parts[3], 10, 16)
		if err != nil || v < 2 {
			return 0, false
		}
		round = v - 1
	}
	x := uint64(a + len(adjectives)*(b+len(materials)*c))
	return low32(d.spread.of(x) + round*d.spread.n)
}

func low32(x uint64) (uint32, bool) { return uint32(x), x < 1<<32 }

func appendHex(b []byte, x uint64, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		b = append(b, hexDigits[x>>(4*i)&15])
	}
	return b
}

func indexOf(list []string, s string) int {
	for i, v := range list {
		if v == s {
			return i
		}
	}
	return -1
}

// like makes up an identifier of the same look that was never given out: what
// someone tries who knows the form but no object.
func (d *naming) like(r *rand.Rand) string {
	if d.kind == idInt {
		return strconv.FormatUint(d.base+uint64(r.IntN(1<<20)), 10)
	}
	other := *d
	other.seed = r.Uint64()
	other.spread.key = r.Uint64()
	return other.text(r.Uint32N(1 << 20))
}
