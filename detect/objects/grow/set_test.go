package grow

import "testing"

func TestSetRemembersEveryKeyAndFewOthers(t *testing.T) {
	b := NewBudget(16 << 20)
	var s Set
	const n = 20_000
	now := int64(1e18)
	fresh := 0
	for i := range uint64(n) {
		if s.Add(spread(i), now, b) {
			fresh++
		}
		if !s.Has(spread(i), now) {
			t.Fatalf("key %d is forgotten at once", i)
		}
	}
	if fresh < n*96/100 {
		t.Errorf("%d of %d new keys were called new", fresh, n)
	}
	wrong := 0
	for i := range uint64(n) {
		if s.Has(spread(i+1<<40), now) {
			wrong++
		}
	}
	if wrong > n*4/100 {
		t.Errorf("%d of %d absent keys are called known", wrong, n)
	}
	s.Free(b)
	if b.Left() != 16<<20 {
		t.Errorf("%d bytes are not returned", 16<<20-b.Left())
	}
}

func TestSetForgetsAfterTwoPeriods(t *testing.T) {
	b := NewBudget(1 << 20)
	var s Set
	s.Add(7, 1e18, b)
	if !s.Has(7, 1e18+keepNS-1) {
		t.Error("forgotten within 30 days")
	}
	if s.Has(7, 1e18+3*keepNS) {
		t.Error("remembered after 90 days")
	}
}

func TestSetSaysWhenItIsFull(t *testing.T) {
	b := NewBudget(3000)
	var s Set
	for i := range uint64(5000) {
		s.Add(spread(i), 1, b)
	}
	if !s.Full() || b.Left() < 0 || b.Refused() == 0 {
		t.Errorf("full %v, left %d, refused %d", s.Full(), b.Left(), b.Refused())
	}
}

func spread(i uint64) uint64 { i *= 0x9e3779b97f4a7c15; return i ^ i>>29*0xbf58476d1ce4e5b9 }

// Keys that share a place crowd one block, and each must still be itself.
func TestKeysAtOnePlace(t *testing.T) {
	b := NewBudget(16 << 20)
	var s Set
	wrong, asked := 0, 0
	const n = 5000
	for i := range uint64(n) {
		at := spread(i)
		s.AddAt(at, at^1, 1, b)
		s.AddAt(at, at^2, 1, b)
		if !s.HasAt(at, at^1, 1) || !s.HasAt(at, at^2, 1) {
			t.Fatalf("a key of place %d is forgotten at once", i)
		}
		for salt := uint64(3); salt < 10; salt++ {
			if asked++; s.HasAt(at, at^salt, 1) {
				wrong++
			}
		}
	}
	if wrong > asked/100 {
		t.Errorf("%d of %d absent keys are called known", wrong, asked)
	}
}

func BenchmarkSet(b *testing.B) {
	budget := NewBudget(256 << 20)
	sets := make([]Set, 20_000)
	for i := range uint64(2_000_000) {
		sets[spread(i)%uint64(len(sets))].Add(spread(i), 1, budget)
	}
	b.ReportAllocs()
	i, known := uint64(0), 0
	for b.Loop() {
		if i++; sets[spread(i)%uint64(len(sets))].Has(spread(i*2), 1) {
			known++
		}
	}
}
