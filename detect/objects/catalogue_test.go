package objects

import "testing"

// An owner of nearly everything is a reader of a catalogue; one of many owners
// is one of many.
func TestAClassThatOneActorWasToldOfIsNotPrivate(t *testing.T) {
	for name, tc := range map[string]struct {
		owner func(n int) uint64
		want  bool
	}{
		"hundred owners":     {func(n int) uint64 { return uint64(n % 100) }, true},
		"one has half":       {func(n int) uint64 { return uint64(n % 2 * (n%100 + 1)) }, true},
		"one has nearly all": {func(n int) uint64 { return uint64(min(1, n%20)) }, false},
		"two owners":         {func(n int) uint64 { return uint64(n % 2) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := &class{}
			for n := range 1000 {
				c.objects++
				c.own(tc.owner(n) + 1)
				c.vote(tc.owner(n) + 1)
			}
			if c.private() != tc.want {
				t.Errorf("private %v, led by %d of %d", c.private(), c.lead, c.objects)
			}
		})
	}
}
