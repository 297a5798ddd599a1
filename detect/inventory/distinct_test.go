package inventory

import (
	"testing"

	"lapwing/detect/state"
)

func TestDistinct(t *testing.T) {
	for _, n := range []int64{0, 1, 64, 65, 200, 1000, 30_000, 1_000_000} {
		var d, a, b distinct
		for i := range n {
			k := state.Hash(1, string(rune(i%0xd000))+string(rune(i/0xd000)))
			for range 2 {
				d.add(k)
			}
			if i%2 == 0 {
				a.add(k)
			} else {
				b.add(k)
			}
		}
		a.merge(&b)
		if got := d.count(); n <= exactUpTo && got != n || n > exactUpTo && (float64(got) < 0.8*float64(n) || float64(got) > 1.2*float64(n)) {
			t.Errorf("%d keys counted as %d", n, got)
		}
		if n > exactUpTo && a.count() != d.count() || n <= exactUpTo && a.count() != n {
			t.Errorf("%d keys in two halves counted as %d, together %d", n, a.count(), d.count())
		}
	}
}

func TestKinds(t *testing.T) {
	for s, want := range map[string]kind{
		"orders": word, "v1": word, "v2.1": word, "me": word, "oauth2": word, "base64": word, "getUserById": word,
		"42": strong, "-7": strong, "{uuid}": strong, "nm-abcDEF": strong, "tok-0123456789ab": strong,
		"123e4567-e89b-12d3-a456-426614174000": strong, "507f1f77bcf86cd799439011": strong, "cus_9s6XKzkNRiz8i3": strong,
		"01ARZ3NDEKTSV4RRFFQ69G5FAV": strong, "2024-05-01": strong, "a@b.example": strong, "a%40b.example": strong,
		"forgot-password": slug, "red-shoe-42": mixed, "A1B2C3": mixed, "KA0042": mixed, "my_thing": slug,
	} {
		if got := kindOf(s); got != want {
			t.Errorf("kindOf(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestPlausible(t *testing.T) {
	for s, want := range map[string]bool{
		"orders": true, "Orders('A1')": true, "übersicht": true, "%C3%BCbersicht": true, "a.b~c!": true, "search:batch": true,
		"1'--": false, "a%20b": false, "<b>": false, "%3Cb%3E": false, "a%00": false, `x"y`: false, "a|b": false,
	} {
		if got := plausible(s); got != want {
			t.Errorf("plausible(%q) = %v", s, got)
		}
	}
}

func FuzzKindOf(f *testing.F) {
	f.Add("{")
	f.Add("v.")
	f.Fuzz(func(t *testing.T, s string) {
		if k := kindOf(s); k > strong {
			t.Fatal(k)
		}
		_, _ = cutFormat(s)
		_ = asset(s)
		plausible(s)
		versionOf(s)
	})
}
