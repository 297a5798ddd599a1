package classify

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// slowCount is count as one would write it first.
func slowCount(v []byte) (n chars) {
	kindOf := func(c byte) int {
		switch {
		case c >= 'a' && c <= 'z':
			return isLower
		case c >= 'A' && c <= 'Z':
			return isUpper
		case c >= '0' && c <= '9':
			return isDigit
		}
		return isOther
	}
	run := 0
	for i, c := range v {
		kind := kindOf(c)
		if kind != isOther && strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 {
			n.hex++
		}
		switch {
		case kind == isLower:
			n.lower++
		case kind == isUpper:
			n.upper++
		case kind == isDigit:
			n.digit++
		case c == '-':
			n.dash++
		case c == '_':
			n.under++
		case c == '.':
			n.dot++
		case c == ':':
			n.colon++
		case c == '@':
			n.at++
		default:
			n.other++
		}
		if i > 0 {
			if before := kindOf(v[i-1]); before != kind && before != isOther && kind != isOther {
				n.turns++
			}
		}
		if kind == isLower || kind == isUpper {
			if run++; run == 3 {
				n.words++
			}
		} else {
			run = 0
		}
	}
	return n
}

func TestCountAgreesWithTheSlowOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := []byte(rapid.StringOfN(rapid.RuneFrom([]rune("abfgzABFGZ0189-_.:@ +é")), 0, 400, -1).Draw(t, "v"))
		if got, want := count(v), slowCount(v); got != want {
			t.Fatalf("%q:\n got %+v\nwant %+v", v, got, want)
		}
	})
}

// What is left out beside other values is only what they showed already.
func TestSensitiveBesideOnlyLeavesOutWhatIsThere(t *testing.T) {
	samples := []string{"a@b.cd", "1@b.cd", "u1234@example.com", "+4915112345678", "10.1.2.3", "4111111111111111", "078-05-1120", "word", "123456",
		"AKIAIOSFODNN7EXAMPLE", "DE89370400440532013000", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"write to a@b.cd", "é@b.cd", "a@b.c\u00e9d"}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.OneOf(rapid.SampledFrom(samples), rapid.StringOfN(rapid.RuneFrom([]rune("ab1@.+-é")), 0, 20, -1)).Draw(t, "v")
		key := Key(rapid.Uint32Range(0, 1<<20-1).Draw(t, "key"))
		have := Sensitive(rapid.Uint32Range(0, 1<<sensitiveCount-1).Draw(t, "have"))
		beside := SensitiveBeside([]byte(v), key, have)
		if alone := SensitiveBeside([]byte(v), key, 0); beside|have != alone|have {
			t.Fatalf("%q beside %v: %v, alone %v", v, have.Names(), beside.Names(), alone.Names())
		}
	})
}
