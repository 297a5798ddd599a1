package classify

import "math"

// opaque: at least 16 characters with 3.5 bits each that change kind so often
// that no words stand behind them.
func opaque(v []byte, n *chars) bool {
	if len(v) < 16 {
		return false
	}
	kinds := 0
	for _, k := range [...]int{n.lower, n.upper, n.digit} {
		if k > 0 {
			kinds++
		}
	}
	if kinds < 2 || n.digit*8 < len(v) && wordy(v) {
		return false
	}
	least := len(v) / 4
	if n.digit == 0 {
		least = len(v) * 2 / 5 // camelCase turns twice a word
	}
	return n.turns >= least && entropy(v) >= 3.5 || len(v) >= 64 && n.digit > 0 && n.turns*8 >= len(v) && entropy(v) >= 4
}

// wordy reports whether the letters of v may be words, such as the parts of a
// camelCase name: a quarter of them vowels, and no five consonants in a row.
// One in ten random texts without digits is taken for words too; they carry
// digits fourteen times in fifteen.
func wordy(v []byte) bool {
	letters, vowels, run := 0, 0, 0
	for _, c := range v {
		low := c | 0x20
		if low < 'a' || low > 'z' {
			run = 0
			continue
		}
		letters++
		switch low {
		case 'a', 'e', 'i', 'o', 'u', 'y':
			vowels++
			run = 0
		default:
			if run++; run >= 5 {
				return false
			}
		}
	}
	return vowels*4 >= letters
}

func base64ish(v []byte, n *chars) bool {
	for i, c := range v {
		if c == '+' || c == '/' || c == '~' || c == '=' && i >= len(v)-2 || c == '%' {
			n.other--
		}
	}
	return n.other == 0 && n.at == 0 && n.colon == 0
}

// entropyBytes bounds the sample that entropy looks at.
const entropyBytes = 128

// entropy returns the Shannon entropy of the first bytes of v in bits a byte.
func entropy(v []byte) float64 {
	if len(v) > entropyBytes {
		v = v[:entropyBytes]
	}
	var seen [256]uint8
	for _, c := range v {
		seen[c]++
	}
	// Sum over characters in order of appearance, so that the result depends on
	// nothing else.
	sum := 0.0
	for _, c := range v {
		if k := seen[c]; k > 0 {
			seen[c] = 0
			sum += xLog2[k]
		}
	}
	return math.Log2(float64(len(v))) - sum/float64(len(v))
}

var xLog2 = func() (t [entropyBytes + 1]float64) {
	for i := 2; i < len(t); i++ {
		t[i] = float64(i) * math.Log2(float64(i))
	}
	return t
}()

// Entropy returns an upper estimate of the information in v: bits a character
// by frequency, times its length.
func Entropy(v []byte) float64 {
	if len(v) == 0 {
		return 0
	}
	return entropy(v) * float64(len(v))
}
