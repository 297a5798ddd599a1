package detect

import (
	"cmp"
	"slices"

	"lapwing/event"
)

// A queue holds the facts on their way to one stage. Facts are read in order
// of (key, time, call, index); what is sorted is not the facts but 16 bytes
// for each, since most come in order of time already and only their keys are
// mixed.
type queue struct {
	name    string
	to      Stage
	facts   []sent
	order   []place
	unsaid  bool // facts did not come in order of (time, call, index)
	reading []sent
}

// A sent fact is a Fact without what its queue knows.
type sent struct {
	key     uint64
	atNS    int64
	call    event.ID
	index   int32
	payload any
}

// A place is a fact by its key and its number in the queue.
type place struct {
	key uint64
	n   uint32
}

func (q *queue) push(f sent) {
	if n := len(q.facts); n > 0 && !q.unsaid && before(&f, &q.facts[n-1]) {
		q.unsaid = true
	}
	q.facts = append(q.facts, f)
}

// before compares by all but the key.
func before(a, b *sent) bool { return compare(a, b) < 0 }

func compare(a, b *sent) int {
	if a.atNS != b.atNS {
		return cmp.Compare(a.atNS, b.atNS)
	}
	return cmp.Or(a.call.Compare(b.call), cmp.Compare(a.index, b.index))
}

// sort puts the facts that came since the last round into order, and makes
// room for those that reading them will bring.
func (q *queue) sort() {
	q.facts, q.reading = q.reading[:0], q.facts
	n := len(q.reading)
	q.order = slices.Grow(q.order[:0], n)[:n]
	if n < spreadFrom {
		for i := range q.reading {
			q.order[i] = place{q.reading[i].key, uint32(i)}
		}
		q.settle(q.order)
	} else {
		q.spread()
	}
	q.unsaid = false
}

const (
	// spreadFrom facts it pays to spread them by the leading bits of their keys
	// first. Keys are hashes: what falls together is few.
	spreadFrom = 64
	spreadBits = 10
)

func (q *queue) spread() {
	var ends [1<<spreadBits + 1]uint32
	for i := range q.reading {
		ends[q.reading[i].key>>(64-spreadBits)+1]++
	}
	for i := range len(ends) - 1 {
		ends[i+1] += ends[i]
	}
	for i := range q.reading {
		key := q.reading[i].key
		at := &ends[key>>(64-spreadBits)]
		q.order[*at] = place{key, uint32(i)}
		*at++
	}
	from := uint32(0)
	for _, to := range ends[:1<<spreadBits] { // by now each is where its part ends
		if to > from+1 {
			q.settle(q.order[from:to])
		}
		from = to
	}
}

// settle sorts a part that holds its facts in the order in which they came.
func (q *queue) settle(part []place) {
	if q.unsaid {
		slices.SortFunc(part, func(a, b place) int {
			if a.key != b.key {
				return cmp.Compare(a.key, b.key)
			}
			return cmp.Or(compare(&q.reading[a.n], &q.reading[b.n]), cmp.Compare(a.n, b.n))
		})
		return
	}
	if len(part) > 12 {
		slices.SortFunc(part, func(a, b place) int {
			if a.key != b.key {
				return cmp.Compare(a.key, b.key)
			}
			return cmp.Compare(a.n, b.n)
		})
		return
	}
	for i := 1; i < len(part); i++ {
		x, j := part[i], i
		for ; j > 0 && part[j-1].key > x.key; j-- {
			part[j] = part[j-1]
		}
		part[j] = x
	}
}

// mostKept bounds the room that a queue keeps for the next tick.
const mostKept = 1 << 14

// done forgets what was read; payloads may hold memory.
func (q *queue) done() {
	clear(q.reading)
	if cap(q.reading) > mostKept {
		q.reading = nil
	}
	q.reading = q.reading[:0]
}

// Payloads lends the payloads of one kind of fact, so that a stage that is sent
// many allocates none: the sender fills what New returns and sends the pointer,
// the receiver hands it back to Done within Fact. Tag the field that holds it
// `snapshot:"-"`: no fact is on its way between ticks.
type Payloads[T any] struct{ free []*T }

// payloadsAtOnce are made together, when none is free.
const payloadsAtOnce = 32

// New returns a zero T, valid until it is given to Done.
func (p *Payloads[T]) New() *T {
	n := len(p.free)
	if n == 0 {
		more := make([]T, payloadsAtOnce)
		for i := range more[1:] {
			p.free = append(p.free, &more[i+1])
		}
		return &more[0]
	}
	t := p.free[n-1]
	p.free = p.free[:n-1]
	return t
}

// Done takes back a payload, and forgets what is in it.
func (p *Payloads[T]) Done(t *T) {
	var zero T
	*t = zero
	p.free = append(p.free, t)
}
