package credentials

const (
	// resolveNS is how long a person is given to come in after a mistake.
	resolveNS = int64(10 * 60 * 1e9)
	// shortNS is what is enough when the input ends.
	shortNS = int64(2 * 60 * 1e9)
)

// A waiting attempt is judged ten minutes later at every level that counted it.
type waiting struct {
	dueNS   int64
	client  uint64
	source  uint64
	groups  [3]uint64
	account uint64
	levels  uint8 // bit per level that counted this account for the first time
	weight  float32
	entered bool // came in at the first attempt
}

// A queue holds waiting attempts in order of time.
type queue struct {
	list []waiting
	head int
	most int
}

// push appends w unless the queue is full.
func (q *queue) push(w waiting) bool {
	if len(q.list)-q.head >= q.most {
		return false
	}
	if q.head > 1024 && q.head*2 > len(q.list) {
		n := copy(q.list, q.list[q.head:])
		q.list, q.head = q.list[:n], 0
	}
	if n := len(q.list); n > q.head {
		w.dueNS = max(w.dueNS, q.list[n-1].dueNS)
	}
	q.list = append(q.list, w)
	return true
}

// pop takes the first attempt that is due.
func (q *queue) pop(nowNS int64) (waiting, bool) {
	if q.head == len(q.list) || q.list[q.head].dueNS > nowNS {
		return waiting{}, false
	}
	w := q.list[q.head]
	q.head++
	return w, true
}
