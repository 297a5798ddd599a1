package wire

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// fields walks over the fields of one message. Unknown fields are as welcome as
// known ones. Groups, which nothing has written since 2008, are refused.
type fields struct {
	b     []byte
	at    int // behind the current field
	num   protowire.Number
	kind  protowire.Type
	value uint64 // of varints and fixed numbers
	bytes []byte // of length-delimited fields, part of b
	bad   bool   // b is cut off or broken at at
}

// next goes to the next field and reports whether there is one.
func (f *fields) next() bool {
	if f.at >= len(f.b) || f.bad {
		return false
	}
	tag, ok := f.varint()
	if !ok {
		return false
	}
	f.num, f.kind = protowire.Number(tag>>3&0x1fffffff), protowire.Type(tag&7)
	f.value, f.bytes = 0, nil
	if tag>>32 != 0 || f.num == 0 {
		f.bad = true
		return false
	}
	switch f.kind {
	case protowire.VarintType:
		f.value, ok = f.varint()
		return ok
	case protowire.BytesType:
		n, ok := f.varint()
		if !ok || n > uint64(len(f.b)-f.at) {
			f.bad = true
			return false
		}
		f.bytes = f.b[f.at : f.at+int(n) : f.at+int(n)]
		f.at += int(n)
		return true
	case protowire.Fixed64Type:
		if len(f.b)-f.at < 8 {
			f.bad = true
			return false
		}
		f.value = binary.LittleEndian.Uint64(f.b[f.at:])
		f.at += 8
		return true
	case protowire.Fixed32Type:
		if len(f.b)-f.at < 4 {
			f.bad = true
			return false
		}
		f.value = uint64(binary.LittleEndian.Uint32(f.b[f.at:]))
		f.at += 4
		return true
	default:
		f.bad = true
		return false
	}
}

func (f *fields) varint() (uint64, bool) {
	// Tags and nearly all numbers have one or two bytes.
	if rest := f.b[f.at:]; len(rest) >= 2 {
		if rest[0] < 0x80 {
			f.at++
			return uint64(rest[0]), true
		}
		if rest[1] < 0x80 {
			f.at += 2
			return uint64(rest[0]&0x7f) | uint64(rest[1])<<7, true
		}
	}
	v, n := protowire.ConsumeVarint(f.b[f.at:])
	if n < 0 {
		f.bad = true
		return 0, false
	}
	f.at += n
	return v, true
}

// appendVarints appends the numbers of a repeated field, packed or not.
func (f *fields) appendVarints(out []uint64) []uint64 {
	if f.kind != protowire.BytesType {
		return append(out, f.value)
	}
	p := fields{b: f.bytes}
	for p.at < len(p.b) {
		v, ok := p.varint()
		if !ok {
			f.bad = true
			return out
		}
		out = append(out, v)
	}
	return out
}

// appendFixed appends the numbers of a repeated fixed64 field, packed or not.
func (f *fields) appendFixed(out []uint64) []uint64 {
	if f.kind != protowire.BytesType {
		return append(out, f.value)
	}
	b := f.bytes
	if len(b)%8 != 0 {
		f.bad = true
		return out
	}
	for ; len(b) > 0; b = b[8:] {
		out = append(out, binary.LittleEndian.Uint64(b))
	}
	return out
}
