package pcapfile

import (
	"encoding/binary"
	"math"
	"math/bits"

	"lapwing/capture"
)

// Option codes of interface description and statistics blocks.
const (
	optEnd        = 0
	optTSResol    = 9
	optTSOffset   = 14
	optIfRecv     = 4
	optIfDrop     = 5
	optFilter     = 6 // accepted by the filter
	optOSDrop     = 7
	defaultTSRate = 1e6
)

// An iface is what a pcapng section says of one interface.
type iface struct {
	link    uint32
	snap    uint32 // 0 is unlimited
	units   uint64 // units of time a second; 0 stands for 2^64 or more, whose times are all zero
	shift   uint8  // for powers of two, units == 1<<shift
	binary  bool
	offsetS int64  // seconds to add to every time
	recv    uint64 // last statistics seen: received
	drops   uint64 // last statistics seen: dropped by interface and system
}

func newIface(order binary.ByteOrder, body []byte) iface {
	f := iface{link: linkType(uint32(order.Uint16(body))), snap: order.Uint32(body[4:]), units: defaultTSRate}
	options(order, body[8:], func(code uint16, value []byte) {
		switch {
		case code == optTSResol && len(value) >= 1:
			f.resolution(value[0])
		case code == optTSOffset && len(value) >= 8:
			f.offsetS = int64(order.Uint64(value))
		}
	})
	return f
}

// resolution reads if_tsresol: the negative exponent of ten, or of two when
// the top bit is set.
func (f *iface) resolution(v byte) {
	exp := v & 0x7f
	if v&0x80 != 0 {
		f.binary, f.shift, f.units = true, exp, 0
		if exp < 64 {
			f.units = 1 << exp
		}
		return
	}
	f.binary, f.units = false, 1
	for range exp {
		hi, lo := bits.Mul64(f.units, 10)
		if hi != 0 {
			f.units = 0
			return
		}
		f.units = lo
	}
}

// time converts a count of units to nanoseconds since 1970; what does not fit
// is held at the nearest end.
func (f *iface) time(count uint64) int64 {
	if f.units == 0 {
		return nanoseconds(0, 0, f.offsetS)
	}
	sec, rem := count/f.units, count%f.units
	hi, lo := bits.Mul64(rem, 1e9) // rem < units, so the quotient is below 1e9
	ns, _ := bits.Div64(hi, lo, f.units)
	return nanoseconds(sec, ns, f.offsetS)
}

func nanoseconds(sec, ns uint64, offsetS int64) int64 {
	const (
		limit = math.MaxInt64/1_000_000_000 - 1 // seconds, 292 years
		far   = 1 << 61                         // two of these still add up in 64 bits
	)
	total := int64(min(sec, far)) + max(min(offsetS, far), -far)
	switch {
	case total > limit:
		return math.MaxInt64
	case total < -limit:
		return math.MinInt64
	}
	return total*1e9 + int64(ns)
}

// options calls f for each option until the end of the list or the first one
// that does not fit, which ends the list.
func options(order binary.ByteOrder, b []byte, f func(code uint16, value []byte)) {
	for len(b) >= 4 {
		code, n := order.Uint16(b), int(order.Uint16(b[2:]))
		b = b[4:]
		if code == optEnd || n > len(b) {
			return
		}
		f(code, b[:n:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}

// statistics reads an Interface Statistics Block. Its counts are cumulative
// for the interface, so only the growth is added.
func (g *ng) statistics(body []byte, c *capture.Counters) {
	if len(body) < 12 {
		return
	}
	index := g.order.Uint32(body)
	if int64(index) >= int64(len(g.interfaces)) {
		return
	}
	f := &g.interfaces[index]
	var received, accepted, drops uint64
	options(g.order, body[12:], func(code uint16, value []byte) {
		if len(value) < 8 {
			return
		}
		v := g.order.Uint64(value)
		switch code {
		case optIfRecv:
			received = v
		case optFilter:
			accepted = v
		case optIfDrop, optOSDrop:
			if drops += v; drops < v {
				drops = math.MaxUint64
			}
		}
	})
	if accepted > 0 {
		received = accepted
	}
	c.Kernel(growth(&f.recv, received), growth(&f.drops, drops), 0)
}

// growth remembers the highest value seen and returns how far it rose.
func growth(last *uint64, now uint64) uint64 {
	if now <= *last {
		return 0
	}
	d := now - *last
	*last = now
	return d
}
