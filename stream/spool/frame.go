package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"slices"

	"lapwing/event"
	"lapwing/stream/wire"
)

// A segment file is a row of frames. Little endian:
//
//	 0  magic     "LWF1"
//	 4  kind      1 byte
//	 5  flags     1 byte; 1: the payload is compressed (zstd)
//	 6  partition 2 bytes
//	 8  length    4 bytes, of the payload in the file
//	12  raw       4 bytes, of the payload unpacked
//	16  group     8 bytes: frames that are written together have one number
//	24  boot      8 bytes
//	32  first     8 bytes: of a record, its first sequence number; of a commit,
//	              the group that was committed before; of a segment, its number
//	40  calls     4 bytes: of a record, its calls; of a commit, its records
//	44  checksum  CRC-32C of the payload
//	48  checksum  CRC-32C of the 48 bytes before
//
// The records of a group count only once its commit frame is there, and only
// if no later commit passes the group over: a group whose writing failed is
// written again under another number.
const (
	headerBytes = 52
	magic       = 0x3146574c

	// maxPayload bounds what a length in a file may ask for.
	maxPayload = 16 << 20
)

type kind uint8

const (
	kindSegment kind = iota + 1
	kindRecord
	kindCommit
)

const flagZstd = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type header struct {
	kind      kind
	flags     uint8
	partition int
	length    int
	raw       int
	group     uint64
	boot      uint64
	first     uint64
	calls     uint32
	checksum  uint32
}

func (h *header) next() uint64 { return h.first + uint64(h.calls) }

// appendFrame appends a whole frame; length and checksum follow from payload.
func appendFrame(b []byte, h *header, payload []byte) []byte {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, magic)
	b = append(b, byte(h.kind), h.flags)
	b = binary.LittleEndian.AppendUint16(b, uint16(h.partition))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, uint32(h.raw))
	b = binary.LittleEndian.AppendUint64(b, h.group)
	b = binary.LittleEndian.AppendUint64(b, h.boot)
	b = binary.LittleEndian.AppendUint64(b, h.first)
	b = binary.LittleEndian.AppendUint32(b, h.calls)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[at:], castagnoli))
	return append(b, payload...)
}

// parseHeader reads a header, if b begins with one.
func parseHeader(b []byte) (header, bool) {
	if len(b) < headerBytes || binary.LittleEndian.Uint32(b) != magic ||
		crc32.Checksum(b[:48], castagnoli) != binary.LittleEndian.Uint32(b[48:]) {
		return header{}, false
	}
	h := header{
		kind: kind(b[4]), flags: b[5], partition: int(binary.LittleEndian.Uint16(b[6:])),
		length: int(binary.LittleEndian.Uint32(b[8:])), raw: int(binary.LittleEndian.Uint32(b[12:])),
		group: binary.LittleEndian.Uint64(b[16:]), boot: binary.LittleEndian.Uint64(b[24:]),
		first: binary.LittleEndian.Uint64(b[32:]), calls: binary.LittleEndian.Uint32(b[40:]),
		checksum: binary.LittleEndian.Uint32(b[44:]),
	}
	ok := h.kind >= kindSegment && h.kind <= kindCommit && h.length <= maxPayload && h.raw <= maxPayload && h.partition < wire.Slots
	return h, ok
}

func (h *header) sound(payload []byte) bool {
	return crc32.Checksum(payload, castagnoli) == h.checksum
}

var errPayload = errors.New("a checksum is right and what it covers is not")

// A tally counts dropped calls by reason.
type tally map[string]uint64

func (t tally) sum() (n uint64) {
	for _, v := range t {
		n += v
	}
	return n
}

// drops lists tallies added up, by reason in order.
func drops(of ...tally) []wire.Drop {
	all := tally{}
	for _, t := range of {
		for reason, n := range t {
			all[reason] += n
		}
	}
	var out []wire.Drop
	for _, reason := range slices.Sorted(maps.Keys(all)) {
		if all[reason] > 0 {
			out = append(out, wire.Drop{Reason: reason, Calls: all[reason]})
		}
	}
	return out
}

func appendTally(b []byte, t tally) []byte {
	b = binary.AppendUvarint(b, uint64(len(t)))
	for _, reason := range slices.Sorted(maps.Keys(t)) {
		b = appendText(b, reason)
		b = binary.AppendUvarint(b, t[reason])
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// A cutter reads what the append functions wrote. After a fault everything it
// returns is zero.
type cutter struct {
	b   []byte
	bad bool
}

func (c *cutter) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cutter) varint() int64 {
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cutter) text() string {
	n := c.uvarint()
	if n > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return ""
	}
	s := string(c.b[:n])
	c.b = c.b[n:]
	return s
}

// maxReasons bounds the reasons that one record names.
const maxReasons = 16

func (c *cutter) tally() tally {
	n := c.uvarint()
	if n > maxReasons {
		c.bad = true
		return nil
	}
	if n == 0 {
		return nil
	}
	t := tally{}
	for range n {
		reason := c.text()
		t[reason] += c.uvarint()
	}
	return t
}

// appendProgress writes the payload of a commit or a segment frame.
func appendProgress(b []byte, synced uint64, progress []event.Progress) []byte {
	b = binary.AppendUvarint(b, synced)
	b = binary.AppendUvarint(b, uint64(len(progress)))
	for _, p := range progress {
		b = binary.AppendVarint(appendText(b, p.Source), p.Offset)
	}
	return b
}

func parseProgress(b []byte) (synced uint64, progress []event.Progress, err error) {
	c := cutter{b: b}
	synced = c.uvarint()
	n := c.uvarint()
	for i := uint64(0); i < n && !c.bad; i++ {
		p := event.Progress{Source: c.text()}
		p.Offset = c.varint()
		progress = append(progress, p)
	}
	if c.bad {
		return 0, nil, errPayload
	}
	return synced, progress, nil
}
