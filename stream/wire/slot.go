package wire

import (
	"github.com/zeebo/xxh3"

	"lapwing/event"
)

// SlotOf returns the slot of an actor, in [0, Slots): the low eight bits of
// the 64-bit XXH3 hash (seed 0) of the kind, a zero byte and the value. It is
// part of the wire form and never changes: calls of one actor meet in one slot,
// whichever sensor sends them, now and after an upgrade.
//
// The hash has no key, so whoever chooses a client address can choose its
// slot; the values of the other kinds are keyed pseudonyms.
func SlotOf(kind event.Kind, value string) int {
	var room [128]byte
	b := append(room[:0], kind...)
	b = append(b, 0)
	b = append(b, value...)
	return int(xxh3.Hash(b) & (Slots - 1))
}

// PartitionOf returns the partition that a slot belongs to. The number of
// partitions divides Slots, so that slots never mix when partitions are added
// or taken away by a factor.
func PartitionOf(slot, partitions int) int { return slot % partitions }
