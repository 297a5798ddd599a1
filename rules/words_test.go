package rules

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// One pass for all words finds what a pass for each finds.
func TestWordsAsContains(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	text := func(most, letters int) string {
		b := make([]byte, 1+rng.IntN(most))
		for i := range b {
			b[i] = "ab\x00\xffxyz"[rng.IntN(letters)]
		}
		return string(b)
	}
	hits := 0
	for round := range 3000 {
		letters := 2 + rng.IntN(5)
		var list []string
		for range 1 + rng.IntN(12) {
			list = append(list, text(6, letters))
		}
		w := newWords(list)
		for range 10 {
			s, want := text(12, letters), false
			for _, word := range list {
				want = want || strings.Contains(s, word)
			}
			if got := w.in(s); got != want {
				t.Fatalf("round %d: %q in %q: %v", round, list, s, got)
			}
			if want {
				hits++
			}
		}
	}
	if hits < 3000 || hits > 29_000 {
		t.Errorf("%d of 30000 hit: the test shows little", hits)
	}
	var huge []string
	for range 3000 {
		huge = append(huge, text(400, 7))
	}
	if newWords(huge) != nil {
		t.Error("an automaton of any size is made")
	}
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	if w := newWords([]string{string(every)}); w == nil || !w.in("x"+string(every)) || w.in(string(every[1:])) {
		t.Error("a word of all bytes")
	}
}

func BenchmarkContainsAny(b *testing.B) {
	var list []string
	for _, a := range []string{"union select", "sleep(", "onerror=", "<script", "..%2f", "/etc/passwd", "cmd.exe", "xp_"} {
		list = append(list, a, a+"1", "x"+a, "%20"+a)
	}
	w, loop := newWords(list), func(s string) bool {
		for _, word := range list {
			if strings.Contains(s, word) {
				return true
			}
		}
		return false
	}
	line := "get /v1/items/17?page=2&sort=price https://shop.example/items mozilla/5.0 (x11; linux x86_64) applewebkit/537.36 (khtml, like gecko) chrome/120.0 safari/537.36"
	b.Run("pass", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.in(line)
		}
	})
	b.Run("loop", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			loop(line)
		}
	})
}
