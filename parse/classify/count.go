package classify

// chars counts the characters of a value by kind, in one pass.
type chars struct {
	lower, upper, digit, hex, dash, under, dot, colon, at, other int
	turns                                                        int // changes between kinds of letters and digits
	words                                                        int // runs of three and more letters
}

const (
	isOther = iota
	isLower
	isUpper
	isDigit
)

// The counts of up to maxLane characters lie side by side in one word, seven
// bits each: random text, of which identifiers are made, would mispredict a
// branch at every other character.
const (
	laneBits  = 7
	maxLane   = 1<<laneBits - 1
	laneLower = iota * laneBits
	laneUpper
	laneDigit
	laneHex // letters a to f
	laneDash
	laneUnder
	laneDot
	laneColon
	laneAt
)

type charKind struct {
	lanes uint64
	kind  uint8
}

var charKinds = func() (t [256]charKind) {
	one := func(lane int) uint64 { return 1 << (lane - laneLower) }
	for c := range t {
		k := &t[c]
		switch c := byte(c); {
		case c >= 'a' && c <= 'z':
			*k = charKind{one(laneLower), isLower}
		case c >= 'A' && c <= 'Z':
			*k = charKind{one(laneUpper), isUpper}
		case c >= '0' && c <= '9':
			*k = charKind{one(laneDigit), isDigit}
		case c == '-':
			k.lanes = one(laneDash)
		case c == '_':
			k.lanes = one(laneUnder)
		case c == '.':
			k.lanes = one(laneDot)
		case c == ':':
			k.lanes = one(laneColon)
		case c == '@':
			k.lanes = one(laneAt)
		}
		if c|0x20 >= 'a' && c|0x20 <= 'f' && k.kind != isOther {
			k.lanes += one(laneHex)
		}
	}
	return t
}()

// turned is 1 where one kind of letters or digits follows another.
var turned = [16]uint8{
	isLower<<2 | isUpper: 1, isLower<<2 | isDigit: 1,
	isUpper<<2 | isLower: 1, isUpper<<2 | isDigit: 1,
	isDigit<<2 | isLower: 1, isDigit<<2 | isUpper: 1,
}

func count(v []byte) (n chars) {
	last, run, turns, words := uint8(isOther), 0, 0, 0
	for rest := v; len(rest) > 0; {
		part := rest[:min(len(rest), maxLane)]
		rest = rest[len(part):]
		sum := uint64(0)
		for _, c := range part {
			k := &charKinds[c]
			sum += k.lanes
			turns += int(turned[(last<<2|k.kind)&15])
			last = k.kind
			letter := int(k.kind+1) >> 1 & 1
			run = (run + 1) & -letter
			third := 0
			if run == 3 {
				third = 1
			}
			words += third
		}
		lane := func(i int) int { return int(sum>>(i-laneLower)) & maxLane }
		n.lower += lane(laneLower)
		n.upper += lane(laneUpper)
		n.digit += lane(laneDigit)
		n.hex += lane(laneHex)
		n.dash += lane(laneDash)
		n.under += lane(laneUnder)
		n.dot += lane(laneDot)
		n.colon += lane(laneColon)
		n.at += lane(laneAt)
	}
	n.turns, n.words = turns, words
	n.hex += n.digit
	n.other = len(v) - n.lower - n.upper - n.digit - n.dash - n.under - n.dot - n.colon - n.at
	return n
}
