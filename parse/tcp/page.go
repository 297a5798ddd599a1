package tcp

// A page holds payload that arrived before its turn, or that was handed on and
// is not acknowledged yet. With its header it is 2 KiB: one Ethernet segment.
type page struct {
	next  int32
	seq   uint32
	ack   uint32
	n     int32
	atNS  int64
	flags DataFlags
	buf   [pageBytes]byte
}

const (
	pageSize  = 2048
	pageBytes = pageSize - 32
	pageChunk = 64 // pages allocated at a time: 128 KiB
)

// pages is a pool of pages that grows to its limit and is kept.
type pages struct {
	chunks []*[pageChunk]page
	free   int32
	made   int32 // id 0 is never used
	inUse  int
	limit  int
}

func (s *pages) at(id int32) *page { return &s.chunks[id/pageChunk][id%pageChunk] }

// alloc returns 0 if the limit is reached.
func (s *pages) alloc() int32 {
	if s.inUse >= s.limit {
		return 0
	}
	s.inUse++
	if id := s.free; id != 0 {
		s.free = s.at(id).next
		return id
	}
	s.made++
	if int(s.made/pageChunk) >= len(s.chunks) {
		s.chunks = append(s.chunks, new([pageChunk]page))
	}
	return s.made
}

func (s *pages) release(id int32) {
	p := s.at(id)
	p.next = s.free
	s.free = id
	s.inUse--
}

func (p *page) end() uint32 { return p.seq + uint32(p.n) }
