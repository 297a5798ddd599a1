package sketch

import (
	"errors"
	"sort"
)

// A Bottom is a uniform sample of at most k of the distinct keys it was given:
// those with the smallest hashes (Cohen and Kaplan, "Summarizing data using
// bottom-k sketches", 2007). A key that is in the sample has been in it since
// it first came, so a count kept in its value is exact; one that came often is
// no likelier to be in it than one that came once. Two samples under one seed
// are coordinated: they sample the same keys of what they have in common.
//
// Pointers that Put and Get return are valid until the next Put.
type Bottom[V any] struct {
	seed    uint64
	most    int
	more    bool // keys were left out
	entries []bottomEntry[V]
}

type bottomEntry[V any] struct {
	hash  uint64
	key   uint64
	value V
}

// NewBottom makes a sample of at most k keys, at least 2.
func NewBottom[V any](seed uint64, k int) *Bottom[V] { return &Bottom[V]{seed: seed, most: max(2, k)} }

// Put returns the value of key, a zero one if it is new, or nil if key is not
// in the sample. novel says that it was not in it before.
func (b *Bottom[V]) Put(key uint64) (v *V, novel bool) {
	h := spread(b.seed, key)
	n := len(b.entries)
	if n == b.most && (h > b.entries[n-1].hash || h == b.entries[n-1].hash && key != b.entries[n-1].key) {
		b.more = true
		return nil, false
	}
	i := sort.Search(n, func(i int) bool { return b.entries[i].hash >= h })
	if i < n && b.entries[i].hash == h {
		return &b.entries[i].value, false
	}
	if n == b.most {
		b.more = true
		n--
	} else {
		b.entries = append(b.entries, bottomEntry[V]{})
	}
	copy(b.entries[i+1:], b.entries[i:n])
	b.entries[i] = bottomEntry[V]{hash: h, key: key}
	return &b.entries[i].value, true
}

// Get returns the value of key, or nil if it is not in the sample.
func (b *Bottom[V]) Get(key uint64) *V {
	h := spread(b.seed, key)
	i := sort.Search(len(b.entries), func(i int) bool { return b.entries[i].hash >= h })
	if i == len(b.entries) || b.entries[i].hash != h {
		return nil
	}
	return &b.entries[i].value
}

// Len is how many keys are in the sample, Whole whether these are all.
func (b *Bottom[V]) Len() int    { return len(b.entries) }
func (b *Bottom[V]) Whole() bool { return !b.more }

// Each calls fn for the keys of the sample in the order of their hashes, until
// it returns false. The first n are a sample of n by themselves.
func (b *Bottom[V]) Each(fn func(key uint64, v *V) bool) {
	for i := range b.entries {
		if !fn(b.entries[i].key, &b.entries[i].value) {
			return
		}
	}
}

// Share is the share of all keys that the sample holds, 0…1: sums over the
// sample divided by it estimate sums over everything.
func (b *Bottom[V]) Share() float64 {
	if !b.more {
		return 1
	}
	return fraction(b.entries[len(b.entries)-1].hash)
}

// Count estimates the number of distinct keys, with a relative standard error
// of 1/sqrt(k-2): 13 % at 64, 6 % at 256.
func (b *Bottom[V]) Count() float64 {
	if !b.more {
		return float64(len(b.entries))
	}
	return float64(len(b.entries)-1) / b.Share()
}

// Jaccard estimates the similarity of two sets, |both| / |either|, from their
// samples under one seed; n is how many keys the estimate stands on.
func (b *Bottom[V]) Jaccard(other *Bottom[V]) (similarity float64, n int) {
	limit := min(b.most, other.most)
	both := 0
	i, j := 0, 0
	for n < limit && (i < len(b.entries) || j < len(other.entries)) {
		switch {
		case j == len(other.entries) || i < len(b.entries) && b.entries[i].hash < other.entries[j].hash:
			i++
		case i == len(b.entries) || b.entries[i].hash > other.entries[j].hash:
			j++
		default:
			both, i, j = both+1, i+1, j+1
		}
		n++
	}
	if n == 0 {
		return 0, 0
	}
	return float64(both) / float64(n), n
}

// Reset empties the sample.
func (b *Bottom[V]) Reset() {
	clear(b.entries)
	b.entries, b.more = b.entries[:0], false
}

// Restored checks what a snapshot brought.
func (b *Bottom[V]) Restored() error {
	if b.most < 2 || len(b.entries) > b.most || b.more && len(b.entries) != b.most {
		return errors.New("a sample of keys is out of its bounds")
	}
	for i := 1; i < len(b.entries); i++ {
		if b.entries[i].hash <= b.entries[i-1].hash {
			return errors.New("a sample of keys is out of order")
		}
	}
	return nil
}

func fraction(h uint64) float64 { return (float64(h>>11) + 1) / (1 << 53) }
