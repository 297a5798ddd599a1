// Package sketch counts distinct things, and samples them, in fixed memory: a
// HyperLogLog that is exact while small, and bottom-k samples that keep what
// was noted of every sampled key from its first appearance on.
//
// Promises. Memory is fixed when a sketch is made. The result depends on the
// set of keys alone, not on their order or on how often each came, and merging
// two sketches gives that of both sets together. Keys go through a hash under
// the seed of the deployment before they are used: who does not know it can
// neither blow an estimate up nor hide in it (Paterson and Raynal, "HyperLogLog:
// Exponentially Bad in Adversarial Settings", 2021; Reviriego and Ting, 2020).
// One goroutine. Every sketch can be written by a snapshot.
package sketch

import "lapwing/detect/state"

// spread makes 64 even bits of a key: tables set bits of theirs apart.
func spread(seed, key uint64) uint64 {
	h := state.Join(seed^0x736b65746368, key)
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return h ^ h>>32
}
