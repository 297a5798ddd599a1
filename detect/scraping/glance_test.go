package scraping

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"lapwing/detect/objects/grow"
)

// The harvest that is made of a glance is the one that the actor would have
// had from the start.
func TestHarvestOfAGlance(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for range 200 {
		var g glance
		b, c := grow.NewBudget(1<<20), grow.NewBudget(1<<20)
		want := harvest{nextRead: 0}
		now := int64(1e18)
		for range 3 + rng.IntN(10) {
			now += rng.Int64N(5 * hourNS)
			item, isPage, number := uint64(rng.IntN(8)), rng.IntN(4) == 0, rng.Int64N(9)
			if want.firstNS == 0 {
				want.firstNS = now
			}
			want.seenNS, g.seenNS = now, now
			source := uint64(1 + rng.IntN(4))
			want.from(source)
			g.from(source)
			if rng.IntN(3) == 0 {
				want.aside(isPage)
				g.aside(isPage)
				continue
			}
			if g.has(item) {
				if want.items.Add(item, now, b) {
					t.Fatal("an item is new to one of the two")
				}
				want.repeats++
				g.repeats++
				continue
			}
			if !g.took(item, now, isPage) {
				if g.read != glanced {
					t.Fatal("full too early")
				}
				break
			}
			if !want.items.Add(item, now, b) {
				t.Fatal("an item is known to one of the two")
			}
			want.took(now, isPage)
			want.follows(number)
			g.follows(number)
			if g.volume() != want.volume() {
				t.Fatalf("volume %v, want %v", g.volume(), want.volume())
			}
		}
		if g.read == 0 {
			continue
		}
		want.firstNS = g.atNS[0] // calls before the first item do not begin one
		if got := g.harvest(c); !reflect.DeepEqual(got, want) {
			t.Fatalf("made %+v\nwant %+v", got, want)
		}
	}
}
