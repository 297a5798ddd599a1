package state

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestTableIsBounded(t *testing.T) {
	const capacity = 1024
	table := NewTable[int](capacity)
	gone := 0
	table.OnEvict(func(uint64, *int) { gone++ })
	rng := rand.New(rand.NewPCG(1, 1))
	const keys = 100_000
	for n := range keys {
		*table.Put(rng.Uint64(), int64(n)) = n
	}
	if table.Len() > capacity || table.Evicted() != int64(gone) || table.Len()+gone != keys {
		t.Errorf("%d held, %d evicted, %d told", table.Len(), table.Evicted(), gone)
	}
	seen := 0
	table.Each(func(uint64, int64, *int) bool { seen++; return true })
	if seen != table.Len() {
		t.Errorf("Each met %d of %d", seen, table.Len())
	}
}

// A flood of new keys must not make a table forget what it has evidence
// against, and a table full of such keys takes no more.
func TestTableProtects(t *testing.T) {
	table := NewTable[int](Slots * 4)
	rng := rand.New(rand.NewPCG(2, 2))
	for range 20_000 {
		table.Put(rng.Uint64(), 1)
	}
	*table.Put(7, 2) = 42
	table.Protect(7, 100)
	for n := range 200_000 {
		table.Put(rng.Uint64(), int64(3+n))
	}
	if v := table.Get(7); v == nil || *v != 42 {
		t.Fatal("a protected key was flushed out")
	}
	full := NewTable[int](Slots)
	full.Put(3, 1)
	full.Protect(3, unevictable)
	if full.Put(3+Slots, 2) != nil || full.Refused() != 1 {
		t.Error("a key that must stay was pushed out")
	}
	full.Delete(3)
	if full.Get(3) != nil || full.Put(3+Slots, 3) == nil || full.Len() != 1 {
		t.Error("the place of a deleted key was not used again")
	}
}

// Keys that come once, however many, leave alone who comes again.
func TestTableKeepsWhoComesAgain(t *testing.T) {
	const regulars = 2000
	table := NewTable[int](16 * Slots)
	rng := rand.New(rand.NewPCG(6, 6))
	var known []uint64
	for range regulars {
		known = append(known, rng.Uint64())
	}
	now := int64(0)
	for range 3 {
		for _, k := range known {
			table.Put(k, now)
		}
		now += 2 * againNS
	}
	for range 1_000_000 {
		k := rng.Uint64()
		table.Put(k, now)
		table.Put(k, now+1) // at once: not again
		now += 1000
	}
	kept := 0
	for _, k := range known {
		if table.Get(k) != nil {
			kept++
		}
	}
	if kept < regulars*99/100 {
		t.Errorf("%d of %d who came again are kept", kept, regulars)
	}
}

// One network cannot take a table for itself.
func TestTableQuota(t *testing.T) {
	const capacity = 100 * Slots
	table := NewTable[int](capacity)
	rng := rand.New(rand.NewPCG(8, 8))
	over := 0
	for n := range 50_000 {
		if _, o := table.PutOf(rng.Uint64(), 99, int64(n)); o {
			over++
		}
	}
	if table.Len() != capacity/quotaShare || over != 50_000-table.Len() || table.Over() != int64(over) {
		t.Errorf("%d held, %d over", table.Len(), over)
	}
	if v, o := table.PutOf(1, 98, 1); v == nil || o {
		t.Error("another network was held to the same share")
	}
	var some uint64
	table.Each(func(k uint64, _ int64, _ *int) bool { some = k; return k == 1 })
	table.Delete(some)
	if v, _ := table.PutOf(some+Slots, 99, 1); v == nil {
		t.Error("a place that was given back was not given out again")
	}
}

func TestFilterRemembersAndForgets(t *testing.T) {
	const n, period = 10_000, int64(1000)
	f := NewFilter(n, period)
	rng := rand.New(rand.NewPCG(3, 3))
	var keys []uint64
	for range n {
		k := rng.Uint64()
		keys = append(keys, k)
		f.Add(k, 1)
	}
	for _, now := range []int64{2, period} { // at least one period
		for _, k := range keys {
			if !f.Has(k, now) {
				t.Fatalf("a key was forgotten by %d", now)
			}
		}
	}
	wrong := 0
	for range n {
		if f.Has(rng.Uint64(), period) {
			wrong++
		}
	}
	if wrong > n/50 {
		t.Errorf("%d of %d strangers are taken for known", wrong, n)
	}
	left := 0
	for _, k := range keys {
		if f.Has(k, 10*period) {
			left++
		}
	}
	if left != 0 {
		t.Errorf("%d keys are remembered after ten periods", left)
	}
}

func TestHashIsKeyed(t *testing.T) {
	seen := map[uint64]string{}
	for n := range 5000 {
		s := fmt.Sprintf("%0*d", n%40, n)
		if other, ok := seen[Hash(1, s)]; ok && other != s {
			t.Fatalf("%q and %q share a hash", s, other)
		}
		seen[Hash(1, s)] = s
		if Hash(1, s) == Hash(2, s) {
			t.Fatalf("%q has the same hash under two seeds", s)
		}
	}
	if Join(1, 2) == Join(2, 1) {
		t.Error("Join forgets the order")
	}
}
