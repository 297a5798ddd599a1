package tcp

import (
	"net/netip"

	"lapwing/parse/ip"
)

// A flowKey names a connection, equal for both directions: the lower endpoint
// stands first.
type flowKey struct {
	low, high ip.Addr
	ports     uint32 // low's port in the upper half
	context   uint32
	version   uint8
}

type flowState uint8

const (
	stateFree      flowState = iota
	stateHandshake           // no payload yet
	stateOpen
	stateClosed // ended; kept so that late copies open nothing new
)

// A flow is one connection. half[0] is what low sends.
type flow struct {
	key       flowKey
	hash      uint32
	state     flowState
	lowIsA    bool
	oriented  bool // a SYN was seen: A is the initiator
	opened    bool // stream was made
	muted     bool // Ignore has taken effect
	reopened  bool
	wasReset  bool
	resetBy   uint8 // direction that sent the RST; valid if wasReset
	movedNS   int64 // packet time of the last move within its list
	half      [2]half
	stream    Stream
	id        int32
	prev      int32 // of the list of its state
	next      int32
	challenge synChallenge
	serial    uint64 // order of first sight
	firstNS   int64
	conn      Conn
}

// A half is one direction: what one side sends.
type half struct {
	nextSeq uint32 // next byte to hand on; valid if known
	peerAck uint32 // highest the other side acknowledged; valid if acked
	sentMax uint32 // behind the last byte its sender showed to have sent; valid if sent
	finSeq  uint32 // behind the last byte; valid if fin
	isn     uint32 // before the first byte known; of the SYN if syn
	window  uint32 // largest it advertised, scaled
	scale   uint8

	known     bool
	tentative bool // nextSeq is a guess from the first packet seen, not from SYN or payload
	acked     bool
	sent      bool
	syn       bool
	fin       bool
	ended     bool
	endReason EndReason // valid if ended

	hole        holeKind
	holePackets uint8 // of the flow since the hole was acknowledged
	holePrev    int32 // of the list of its kind
	holeNext    int32
	holeSeq     uint32 // nextSeq when it got there
	holeNS      int64

	head, tail int32 // buffered pages by sequence, 0 none
	pages      int32

	history    int32 // page with the bytes handed on and not yet acknowledged, 0 none
	historySeq uint32

	lastNS int64 // AtNS handed on last
}

// A synChallenge is a SYN that contradicts the connection under way. Hosts do
// not believe it either (RFC 5961 §4); it counts once traffic agrees with it.
type synChallenge struct {
	valid bool
	dir   uint8
	scale uint8
	isn   uint32
}

// seqDiff is a-b in sequence space (RFC 9293 §3.4).
func seqDiff(a, b uint32) int32 { return int32(a - b) }

const (
	flowChunk     = 1 << flowChunkBits
	flowChunkBits = 9
)

// flows is a slab of flows: ids are stable, memory comes in chunks that are
// kept, freed ids are used again.
type flows struct {
	chunks []*[flowChunk]flow
	free   int32 // first free id, linked by next; 0 none
	used   int32 // ids given out so far; id 0 is never used
	count  int
}

func (s *flows) at(id int32) *flow { return &s.chunks[id>>flowChunkBits][id&(flowChunk-1)] }

func (s *flows) alloc() *flow {
	s.count++
	if id := s.free; id != 0 {
		f := s.at(id)
		s.free = f.next
		*f = flow{id: id}
		return f
	}
	s.used++
	if int(s.used)>>flowChunkBits >= len(s.chunks) {
		s.chunks = append(s.chunks, new([flowChunk]flow))
	}
	f := s.at(s.used)
	f.id = s.used
	return f
}

func (s *flows) release(f *flow) {
	s.count--
	*f = flow{id: f.id, next: s.free}
	s.free = f.id
}

// fromA translates a direction into what Streams are told.
func (f *flow) fromA(dir int) bool { return (dir == 0) == f.lowIsA }

// dirA is the direction of A's bytes.
func (f *flow) dirA() int {
	if f.lowIsA {
		return 0
	}
	return 1
}

func (f *flow) setConn() {
	low := netip.AddrPortFrom(f.key.low.Netip(f.key.version), uint16(f.key.ports>>16))
	high := netip.AddrPortFrom(f.key.high.Netip(f.key.version), uint16(f.key.ports))
	f.conn = Conn{A: low, B: high, SYN: f.oriented, Midstream: !f.oriented || f.reopened, Context: f.key.context, FirstNS: f.firstNS}
	if !f.lowIsA {
		f.conn.A, f.conn.B = high, low
	}
}

// A flowList is a doubly linked list of flows, least recently active first.
type flowList struct{ head, tail int32 }

func (s *flows) push(l *flowList, f *flow) {
	f.prev, f.next = l.tail, 0
	if l.tail == 0 {
		l.head = f.id
	} else {
		s.at(l.tail).next = f.id
	}
	l.tail = f.id
}

func (s *flows) unlink(l *flowList, f *flow) {
	if f.prev == 0 {
		l.head = f.next
	} else {
		s.at(f.prev).next = f.next
	}
	if f.next == 0 {
		l.tail = f.prev
	} else {
		s.at(f.next).prev = f.prev
	}
}
