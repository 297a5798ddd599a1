package wire

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"lapwing/event"
)

// Slots are for ever: what is in a topic was put there by them. The wanted
// values are those of another implementation of XXH3 (Python's xxhash).
func TestSlotsOfActors(t *testing.T) {
	for _, tc := range []struct {
		kind  event.Kind
		value string
		want  int
	}{
		{"", "", 219},
		{event.KindClient, "203.0.113.7", 104},
		{event.KindUser, "nm-x", 47},
		{event.KindToken, "tok-0123456789ab", 63},
		{event.KindSession, string(make([]byte, 300)), 93},
	} {
		if got := SlotOf(tc.kind, tc.value); got != tc.want {
			t.Errorf("SlotOf(%s, %.20q) = %d, want %d", tc.kind, tc.value, got, tc.want)
		}
	}
}

// A partition of more is a part of a partition of fewer.
func TestPartitionsNest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slot := SlotOf(event.Kind(rapid.String().Draw(t, "kind")), rapid.String().Draw(t, "value"))
		if slot < 0 || slot >= Slots {
			t.Fatalf("slot %d", slot)
		}
		for n := 1; n <= Slots; n *= 2 {
			p := PartitionOf(slot, n)
			if p < 0 || p >= n {
				t.Fatalf("partition %d of %d", p, n)
			}
			if 2*n <= Slots && PartitionOf(slot, 2*n)%n != p {
				t.Fatalf("slot %d: partition %d of %d, and %d of %d", slot, p, n, PartitionOf(slot, 2*n), 2*n)
			}
		}
	})
}

// Addresses and pseudonyms spread: with 65,536 of them no slot of 256 is off
// its share of 256 by more than six standard deviations of 16.
func TestSlotsAreEven(t *testing.T) {
	var n [Slots]int
	for i := range 1 << 16 {
		n[SlotOf(event.KindClient, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))]++
	}
	for slot, got := range n {
		if got < 256-96 || got > 256+96 {
			t.Errorf("slot %d has %d of 65,536 addresses", slot, got)
		}
	}
}
