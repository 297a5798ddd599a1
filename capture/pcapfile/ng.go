package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"lapwing/capture"
)

// Block types of draft-ietf-opsawg-pcapng.
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 2 // obsolete
	blockSimple    = 3
	blockStats     = 5
	blockEnhanced  = 6

	byteOrderMagic = 0x1a2b3c4d
)

const (
	blockMin = 12 // type, length, length
	// blockMax bounds the blocks that are looked into: the largest packet
	// plus room for options. Larger ones are skipped without being kept.
	blockMax = MaxRecord + 128<<10
	// maxInterfaces bounds what a hostile section can make us remember; the
	// obsolete packet block can name no more.
	maxInterfaces = 1 << 16
)

// ng reads the blocks of a pcapng file.
type ng struct {
	order      binary.ByteOrder // of the current section; nil before the first
	interfaces []iface          // of the current section
	lastNS     int64            // time of the last packet that had one
}

// next returns the first packet at or after the window's position. At an error
// the window stands at the block at fault.
func (g *ng) next(w *window, c *capture.Counters, p *capture.Packet) error {
	for {
		found, err := g.block(w, c, p)
		if err != nil || found {
			return err
		}
	}
}

// block consumes one block and reports whether it was a packet.
func (g *ng) block(w *window, c *capture.Counters, p *capture.Packet) (bool, error) {
	h, err := w.peek(blockMin)
	if err != nil {
		if err == io.EOF {
			return false, io.EOF
		}
		return false, cutOff("block header", err)
	}
	if binary.BigEndian.Uint32(h) == blockSection { // a palindrome: same in both orders
		if err := g.section(h); err != nil {
			return false, err
		}
	}
	typ, length := g.order.Uint32(h), g.order.Uint32(h[4:])
	if length < blockMin || length%4 != 0 {
		return false, fmt.Errorf("block of type %#x claims a length of %d, which no block can have", typ, length)
	}
	if length > blockMax {
		if typ == blockEnhanced || typ == blockPacket || typ == blockSimple {
			c.Errored()
		}
		return false, skipBlock(w, typ, int64(length))
	}
	b, err := w.peek(int(length))
	if err != nil {
		return false, cutOff(fmt.Sprintf("block of type %#x and %d bytes", typ, length), err)
	}
	if end := g.order.Uint32(b[length-4:]); end != length {
		return false, fmt.Errorf("block of type %#x says %d bytes at its start and %d at its end", typ, length, end)
	}
	body := b[8 : length-4]
	found := false
	switch typ {
	case blockSection:
		err = g.newSection(body)
	case blockInterface:
		err = g.newInterface(body)
	case blockEnhanced:
		found = g.enhanced(body, p)
	case blockPacket:
		found = g.obsolete(body, p)
	case blockSimple:
		found = g.simple(body, p)
	case blockStats:
		g.statistics(body, c)
	}
	if err != nil {
		return false, err
	}
	if !found && (typ == blockEnhanced || typ == blockPacket || typ == blockSimple) {
		c.Errored()
	}
	w.advance(int(length))
	return found, nil
}

// section learns the byte order from a section header, before its length can
// be read.
func (g *ng) section(h []byte) error {
	switch uint32(byteOrderMagic) {
	case binary.LittleEndian.Uint32(h[8:]):
		g.order = binary.LittleEndian
	case binary.BigEndian.Uint32(h[8:]):
		g.order = binary.BigEndian
	default:
		return fmt.Errorf("section header has no byte-order magic (% x)", h[8:12])
	}
	return nil
}

func (g *ng) newSection(body []byte) error {
	if len(body) < 16 {
		return errors.New("section header is too short")
	}
	major, minor := g.order.Uint16(body[4:]), g.order.Uint16(body[6:])
	if major != 1 {
		return fmt.Errorf("pcapng version %d.%d is not supported", major, minor)
	}
	g.interfaces = g.interfaces[:0]
	return nil
}

func (g *ng) newInterface(body []byte) error {
	if len(body) < 8 {
		return errors.New("interface description is too short")
	}
	if len(g.interfaces) == maxInterfaces {
		return fmt.Errorf("section declares more than %d interfaces", maxInterfaces)
	}
	g.interfaces = append(g.interfaces, newIface(g.order, body))
	return nil
}

// skipBlock passes over a block that is too large to be looked at. A length
// that is a lie ends the file here, as cut off.
func skipBlock(w *window, typ uint32, length int64) error {
	start := w.offset()
	if err := w.skip(length); err != nil {
		w.failAt(start)
		return cutOff(fmt.Sprintf("block of type %#x that claims %d bytes", typ, length), err)
	}
	return nil
}
