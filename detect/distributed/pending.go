package distributed

// A waiting attempt is counted again when it is due.
type waiting struct {
	dueNS   int64
	account uint64
	place   uint64
	settled settled
}

// A queue holds waiting attempts in order of time, as a ring that grows up to
// its bound.
type queue struct {
	list []waiting
	head int
	n    int
	most int `snapshot:"same"`
}

// push appends w unless the queue is full: then its failures and its successes
// are left out alike.
func (q *queue) push(w waiting) bool {
	if q.n == len(q.list) {
		if q.n >= q.most {
			return false
		}
		grown := make([]waiting, min(q.most, max(64, 2*q.n)))
		for i := range q.n {
			grown[i] = q.list[(q.head+i)%len(q.list)]
		}
		q.list, q.head = grown, 0
	}
	if q.n > 0 { // attempts that were recognised late come behind
		w.dueNS = max(w.dueNS, q.list[(q.head+q.n-1)%len(q.list)].dueNS)
	}
	q.list[(q.head+q.n)%len(q.list)] = w
	q.n++
	return true
}

// pop takes the first attempt that is due.
func (q *queue) pop(nowNS int64) (waiting, bool) {
	if q.n == 0 || q.list[q.head].dueNS > nowNS {
		return waiting{}, false
	}
	w := q.list[q.head]
	q.head = (q.head + 1) % len(q.list)
	q.n--
	return w, true
}
