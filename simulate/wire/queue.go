package wire

// What an event of the queue is.
const (
	data            = iota // a segment that is written
	acknowledgement        // a segment that is written unless it is no news any more
	idleCheck              // time to see whether a connection idles
	portFree               // a closed connection's port may be used again
)

// An event is something that happens at a time.
type event struct {
	at       int64
	order    uint64
	conn     *conn
	message  *message
	payload  []byte
	seq, ack uint32
	kind     uint8
	from     uint8
	flags    uint8
}

// frames is a binary heap by time, then by the order of coming. It is
// written out because container/heap would allocate for every event.
type frames []event

func (p *Pcap) push(ev event) {
	p.pushed++
	ev.order = p.pushed
	q := append(p.queue, ev)
	i := len(q) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !ev.before(&q[up]) {
			break
		}
		q[i] = q[up]
		i = up
	}
	q[i] = ev
	p.queue = q
}

func (q *frames) pop() event {
	h := *q
	top := h[0]
	n := len(h) - 1
	last := h[n]
	h[n] = event{} // let go of what it points to
	h = h[:n]
	i := 0
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && h[child+1].before(&h[child]) {
			child++
		}
		if !h[child].before(&last) {
			break
		}
		h[i] = h[child]
		i = child
	}
	if n > 0 {
		h[i] = last
	}
	*q = h
	return top
}

func (e *event) before(o *event) bool {
	if e.at != o.at {
		return e.at < o.at
	}
	return e.order < o.order
}
