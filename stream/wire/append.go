package wire

import (
	"net/netip"

	"google.golang.org/protobuf/encoding/protowire"
)

// The functions below append a field, unless it has its zero value.

func appendUint(b []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	b = protowire.AppendTag(b, field, protowire.VarintType)
	return protowire.AppendVarint(b, v)
}

func appendSint(b []byte, field protowire.Number, v int64) []byte {
	return appendUint(b, field, protowire.EncodeZigZag(v))
}

func appendText(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendString(b, s)
}

func appendPacked(b []byte, field protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	return appendBytes(b, field, v)
}

// appendBytes appends a length-delimited field, empty or not.
func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendBytes(b, v)
}

func appendAddr(b []byte, field protowire.Number, a netip.Addr) []byte {
	switch {
	case !a.IsValid():
		return b
	case a.Is4():
		v := a.As4()
		b = protowire.AppendTag(b, field, protowire.BytesType)
		b = append(b, 4)
		return append(b, v[:]...)
	default:
		v, zone := a.As16(), a.Zone()
		b = protowire.AppendTag(b, field, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(16+len(zone)))
		b = append(b, v[:]...)
		return append(b, zone...)
	}
}
