package ip

import "bytes"

// DefragConfig bounds a Defragmenter. A zero field takes the default beside it.
type DefragConfig struct {
	MaxDatagrams int   // 4,096 under way at once
	MaxBytes     int   // 16 MiB held in all
	MaxFragments int   // 1,024 of one datagram: 64 KiB in pieces of 64 bytes
	MaxAgeNS     int64 // 30 s of packet time, as Linux (RFC 8200 §4.5 says 60 s)
}

// DefragStats counts fragments. Fragments = those of datagrams completed,
// abandoned or under way, with Duplicate, BadFragment and TooMany among them.
type DefragStats struct {
	Fragments   uint64
	Completed   uint64 // datagrams put together
	Duplicate   uint64 // fragments that brought nothing new
	Differs     uint64 // fragments that brought other bytes for a range (IPv4: ignored)
	Overlap     uint64 // IPv6 datagrams discarded for an overlap
	BadFragment uint64 // fragments with an impossible length or offset, or cut by the snap length
	TooMany     uint64 // datagrams given up at MaxFragments
	TimedOut    uint64 // datagrams given up at MaxAge
	Evicted     uint64 // datagrams given up for MaxDatagrams or MaxBytes
	Datagrams   int    // under way now
	Bytes       int    // held now
}

// A Defragmenter puts fragments together. The zero value is not usable: see
// NewDefragmenter.
type Defragmenter struct {
	cfg   DefragConfig
	open  map[fragKey]*datagram
	first *datagram // oldest
	last  *datagram
	out   []byte // of the datagram handed out last
	now   int64
	stats DefragStats
}

type fragKey struct {
	src, dst Addr
	id       uint32
	context  uint32
	protocol uint8 // part of the identity in IPv4 only (RFC 791 §2.3)
	version  uint8
}

// A datagram under way. Presence is kept in units of 8 bytes, the unit of
// fragment offsets; only the last fragment may end within a unit.
type datagram struct {
	key        fragKey
	bytes      []byte
	have       [(maxDatagram/8)/64 + 1]uint64 // a bit a unit
	units      int                            // how many of have are set
	total      int                            // length, -1 until the last fragment came
	fragments  int
	protocol   uint8
	discard    bool // overlapping IPv6, or too many fragments: the rest is dropped too
	startNS    int64
	prev, next *datagram
}

// maxDatagram is the largest payload an offset of 13 bits and a length of 16
// can describe; longer ones are the "ping of death".
const maxDatagram = 65535

// datagramOverhead is what a datagram under way costs beside its bytes.
const datagramOverhead = maxDatagram/64 + 256

// NewDefragmenter makes an empty Defragmenter.
func NewDefragmenter(cfg DefragConfig) *Defragmenter {
	if cfg.MaxDatagrams <= 0 {
		cfg.MaxDatagrams = 4096
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 16 << 20
	}
	if cfg.MaxFragments <= 0 {
		cfg.MaxFragments = 1024
	}
	if cfg.MaxAgeNS <= 0 {
		cfg.MaxAgeNS = 30e9
	}
	return &Defragmenter{cfg: cfg, open: map[fragKey]*datagram{}}
}

// Stats returns the counts so far.
func (d *Defragmenter) Stats() DefragStats {
	s := d.stats
	s.Datagrams = len(d.open)
	return s
}

// Add takes the fragment p. If it completes its datagram, p becomes the whole
// datagram and Add returns true; its Payload is valid until the next Add. A
// fragment of which the capture cut bytes off is not used.
func (d *Defragmenter) Add(p *Packet, atNS int64) bool {
	d.now = max(d.now, atNS)
	d.expire()
	d.stats.Fragments++
	end := p.FragmentOffset + len(p.Payload)
	if p.Missing > 0 || end > maxDatagram || len(p.Payload) == 0 || p.MoreFragments && len(p.Payload)%8 != 0 {
		d.stats.BadFragment++
		return false
	}
	key := fragKey{src: p.Src, dst: p.Dst, id: p.ID, context: p.Context, version: p.Version}
	if p.Version == 4 {
		key.protocol = p.Protocol
	}
	g := d.open[key]
	if g == nil {
		g = d.start(key)
	}
	if g.discard {
		return false
	}
	if g.fragments++; g.fragments > d.cfg.MaxFragments {
		d.stats.TooMany++
		d.poison(g)
		return false
	}
	// The end of the datagram is fixed by the first to name it; what lies
	// behind, or a second end elsewhere, is a lie.
	if !p.MoreFragments {
		if g.total >= 0 && g.total != end || len(g.bytes) > end {
			d.stats.BadFragment++
			return false
		}
		g.total = end
	} else if g.total >= 0 && end > g.total {
		d.stats.BadFragment++
		return false
	}
	if p.FragmentOffset == 0 {
		g.protocol = p.Protocol
	}
	if !d.merge(g, p.FragmentOffset, p.Payload, p.Version) {
		return false
	}
	if g.total < 0 || g.units*8 < g.total {
		d.bound(g)
		return false
	}
	return d.complete(g, p)
}

// merge copies what g does not have yet, and applies the overlap policy. It
// returns false if the fragment brought nothing or undid the datagram.
func (d *Defragmenter) merge(g *datagram, offset int, b []byte, version uint8) bool {
	end := offset + len(b)
	if end > len(g.bytes) {
		d.stats.Bytes += end - len(g.bytes)
		if end > cap(g.bytes) {
			grown := make([]byte, end, min(max(2*cap(g.bytes), end), maxDatagram))
			copy(grown, g.bytes)
			g.bytes = grown
		} else {
			g.bytes = g.bytes[:end]
		}
	}
	fresh, differs := 0, false
	for i := 0; i < len(b); i += 8 {
		unit := (offset + i) / 8
		part := b[i:min(i+8, len(b))]
		at := g.bytes[offset+i : offset+i+len(part)]
		word, bit := unit/64, uint64(1)<<(unit%64)
		if g.have[word]&bit != 0 {
			differs = differs || !bytes.Equal(at, part)
			continue
		}
		copy(at, part)
		g.have[word] |= bit
		fresh++
	}
	g.units += fresh
	if differs {
		d.stats.Differs++
	}
	repeated := fresh*8 < len(b) // some unit was there already
	if version == 6 && repeated && (differs || fresh > 0) {
		d.stats.Overlap++
		d.poison(g)
		return false
	}
	if fresh == 0 {
		d.stats.Duplicate++
	}
	return fresh > 0
}

func (d *Defragmenter) complete(g *datagram, p *Packet) bool {
	d.remove(g)
	d.stats.Completed++
	d.out = g.bytes[:g.total]
	p.Fragment = false
	p.MoreFragments = false
	p.FragmentOffset = 0
	p.Missing = 0
	p.Protocol = g.protocol
	p.Payload = d.out
	if p.Version == 6 {
		// Destination options may follow the fragment header.
		if p.skipExtensions(g.protocol, d.out) != OK || p.Fragment {
			d.stats.BadFragment++
			return false
		}
	}
	return true
}

func (d *Defragmenter) start(key fragKey) *datagram {
	g := &datagram{key: key, total: -1, startNS: d.now, prev: d.last}
	if d.last == nil {
		d.first = g
	} else {
		d.last.next = g
	}
	d.last = g
	d.open[key] = g
	d.stats.Bytes += datagramOverhead
	d.bound(g)
	return g
}

// poison keeps the key so that later fragments are dropped with the datagram,
// as RFC 5722 §4 asks, and frees its bytes.
func (d *Defragmenter) poison(g *datagram) {
	g.discard = true
	d.stats.Bytes -= len(g.bytes)
	g.bytes = nil
}

func (d *Defragmenter) remove(g *datagram) {
	delete(d.open, g.key)
	d.stats.Bytes -= len(g.bytes) + datagramOverhead
	if g.prev == nil {
		d.first = g.next
	} else {
		g.prev.next = g.next
	}
	if g.next == nil {
		d.last = g.prev
	} else {
		g.next.prev = g.prev
	}
}

// bound evicts the oldest datagrams, but not g, until the limits hold again.
func (d *Defragmenter) bound(g *datagram) {
	for len(d.open) > d.cfg.MaxDatagrams || d.stats.Bytes > d.cfg.MaxBytes {
		victim := d.first
		if victim == g {
			victim = g.next
		}
		if victim == nil {
			return
		}
		d.stats.Evicted++
		d.remove(victim)
	}
}

func (d *Defragmenter) expire() {
	for d.first != nil && d.now-d.first.startNS > d.cfg.MaxAgeNS {
		if !d.first.discard {
			d.stats.TimedOut++
		}
		d.remove(d.first)
	}
}
