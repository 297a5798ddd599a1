package pcapfile

import (
	"bytes"
	"encoding/binary"
)

// Small writers, the independent half of the tests: they follow the drafts and
// share no code with the readers.

func pcapHeader(o binary.ByteOrder, magic uint32, minor uint16, link uint32) []byte {
	b := make([]byte, 24)
	o.PutUint32(b, magic)
	o.PutUint16(b[4:], 2)
	o.PutUint16(b[6:], minor)
	o.PutUint32(b[16:], 65535)
	o.PutUint32(b[20:], link)
	return b
}

func pcapRecord(o binary.ByteOrder, sec, frac, wire uint32, extra int, data []byte) []byte {
	b := make([]byte, 16+extra, 16+extra+len(data))
	o.PutUint32(b, sec)
	o.PutUint32(b[4:], frac)
	o.PutUint32(b[8:], uint32(len(data)))
	o.PutUint32(b[12:], wire)
	return append(b, data...)
}

func block(o appender, typ uint32, body []byte) []byte {
	body = append([]byte(nil), body...)
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	b := make([]byte, 8, 12+len(body))
	o.PutUint32(b, typ)
	o.PutUint32(b[4:], uint32(12+len(body)))
	b = append(b, body...)
	return o.AppendUint32(b, uint32(12+len(body)))
}

func shb(o appender) []byte {
	b := o.AppendUint32(nil, 0x1a2b3c4d)
	b = o.AppendUint16(b, 1)
	b = o.AppendUint16(b, 0)
	b = o.AppendUint64(b, 0xffffffffffffffff)
	return block(o, 0x0a0d0d0a, b)
}

type appender interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

type option struct {
	code  uint16
	value []byte
}

func appendOptions(o appender, b []byte, opts []option) []byte {
	if len(opts) == 0 {
		return b
	}
	for _, op := range opts {
		b = o.AppendUint16(b, op.code)
		b = o.AppendUint16(b, uint16(len(op.value)))
		b = append(b, op.value...)
		b = append(b, make([]byte, (4-len(op.value)%4)%4)...)
	}
	return append(b, 0, 0, 0, 0)
}

func idb(o appender, link uint16, snap uint32, opts ...option) []byte {
	b := o.AppendUint16(nil, link)
	b = o.AppendUint16(b, 0)
	b = o.AppendUint32(b, snap)
	return block(o, 1, appendOptions(o, b, opts))
}

func epb(o appender, index uint32, ts uint64, wire uint32, data []byte) []byte {
	b := o.AppendUint32(nil, index)
	b = o.AppendUint32(b, uint32(ts>>32))
	b = o.AppendUint32(b, uint32(ts))
	b = o.AppendUint32(b, uint32(len(data)))
	b = o.AppendUint32(b, wire)
	b = append(b, data...)
	b = append(b, make([]byte, (4-len(data)%4)%4)...)
	return block(o, 6, appendOptions(o, b, []option{{2, []byte{0, 0, 0, 1}}}))
}

func opb(o appender, index uint16, ts uint64, wire uint32, data []byte) []byte {
	b := o.AppendUint16(nil, index)
	b = o.AppendUint16(b, 7)
	b = o.AppendUint32(b, uint32(ts>>32))
	b = o.AppendUint32(b, uint32(ts))
	b = o.AppendUint32(b, uint32(len(data)))
	b = o.AppendUint32(b, wire)
	return block(o, 2, append(b, data...))
}

func spb(o appender, wire uint32, data []byte) []byte {
	return block(o, 3, append(o.AppendUint32(nil, wire), data...))
}

func isb(o appender, index uint32, opts ...option) []byte {
	b := o.AppendUint32(nil, index)
	b = append(b, make([]byte, 8)...)
	return block(o, 5, appendOptions(o, b, opts))
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
