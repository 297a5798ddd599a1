package pcapfile

import (
	"encoding/binary"
	"fmt"
	"io"

	"lapwing/capture"
)

// A variant says how a pcap file differs from the usual one. The magics and
// their meaning are those of libpcap's sf-pcap.c.
type variant struct {
	order       binary.ByteOrder
	nano        bool // record times in nanoseconds
	headerBytes int  // of a record
}

const (
	fileHeaderBytes     = 24
	recordHeaderBytes   = 16
	kuznetzovBytes      = 24 // + interface index, protocol, packet type
	maxRecordHeader     = kuznetzovBytes
	magicMicro          = 0xa1b2c3d4
	magicNano           = 0xa1b23c4d
	magicKuznetzov      = 0xa1b2cd34 // "modified pcap" of old Linux distributions
	magicFMesquita      = 0xa1b234cd // another modified one, usual record header
	magicNavtel         = 0xa12b3c4d // Navtel, usual record header
	versionMajor        = 2
	versionSwappedBelow = 3   // minor versions below wrote the two lengths in the other order
	versionMaybeSwapped = 3   // did so at times
	versionDEC          = 543 // Digital's tcpdump, swapped as well
)

func variantOf(head []byte) (variant, bool) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(head) {
		case magicMicro, magicFMesquita, magicNavtel:
			return variant{order: order, headerBytes: recordHeaderBytes}, true
		case magicNano:
			return variant{order: order, nano: true, headerBytes: recordHeaderBytes}, true
		case magicKuznetzov:
			return variant{order: order, headerBytes: kuznetzovBytes}, true
		}
	}
	return variant{}, false
}

// classic reads the records of a pcap file.
type classic struct {
	variant
	big     bool
	frac    int64 // nanoseconds of a unit of the sub-second field
	link    uint32
	swapped bool // lengths in the other order, always
	maybe   bool // lengths in the other order where that makes sense
}

func newClassic(w *window) (*classic, error) {
	h, err := w.peek(fileHeaderBytes)
	if err != nil {
		return nil, cutOff("file header", err)
	}
	v, _ := variantOf(h)
	major, minor := v.order.Uint16(h[4:]), v.order.Uint16(h[6:])
	if major != versionMajor {
		return nil, fmt.Errorf("pcap version %d.%d is not supported", major, minor)
	}
	c := &classic{variant: v, big: v.order == binary.ByteOrder(binary.BigEndian), frac: 1000, link: linkType(v.order.Uint32(h[20:]))}
	if v.nano {
		c.frac = 1
	}
	c.swapped = minor < versionSwappedBelow || minor == versionDEC
	c.maybe = minor == versionMaybeSwapped
	w.advance(fileHeaderBytes)
	return c, nil
}

func (c *classic) next(w *window, _ *capture.Counters, p *capture.Packet) error {
	h, err := w.peek(c.headerBytes)
	if err != nil {
		if err == io.EOF {
			return io.EOF
		}
		return cutOff("record header", err)
	}
	var sec, frac, captured, wire uint32
	if c.big {
		sec, frac = binary.BigEndian.Uint32(h), binary.BigEndian.Uint32(h[4:])
		captured, wire = binary.BigEndian.Uint32(h[8:]), binary.BigEndian.Uint32(h[12:])
	} else {
		sec, frac = binary.LittleEndian.Uint32(h), binary.LittleEndian.Uint32(h[4:])
		captured, wire = binary.LittleEndian.Uint32(h[8:]), binary.LittleEndian.Uint32(h[12:])
	}
	if c.swapped || c.maybe && captured > wire {
		captured, wire = wire, captured
	}
	if captured > MaxRecord {
		return fmt.Errorf("record claims %d bytes, the limit is %d; the file is damaged here", captured, MaxRecord)
	}
	n := c.headerBytes + int(captured)
	b, err := w.peek(n)
	if err != nil {
		return cutOff(fmt.Sprintf("record of %d bytes", captured), err)
	}
	p.LinkType = c.link
	p.TimeNS = int64(sec)*1e9 + int64(frac)*c.frac
	p.Data = b[c.headerBytes:]
	p.WireLength = wireLength(captured, wire)
	w.advance(n)
	return nil
}

// wireLength repairs writers that leave the wire length out or below what was
// captured, and bounds it to 31 bits.
func wireLength(captured, wire uint32) int {
	return int(min(max(captured, wire), 1<<31-1))
}
