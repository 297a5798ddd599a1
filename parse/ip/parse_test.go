package ip

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// v4 builds an IPv4 packet; a total of -1 is the right one.
func v4(id, fragField uint16, total int, payload []byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, ProtoTCP
	if total < 0 {
		total = 20 + len(payload)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(total))
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], fragField)
	copy(b[12:], []byte{192, 0, 2, 1, 198, 51, 100, 2})
	return append(b, payload...)
}

// v6 builds an IPv6 packet around extension headers and payload.
func v6(next byte, length int, rest []byte) []byte {
	b := make([]byte, 40, 40+len(rest))
	b[0], b[6], b[7] = 0x60, next, 64
	if length < 0 {
		length = len(rest)
	}
	binary.BigEndian.PutUint16(b[4:], uint16(length))
	b[8], b[9], b[23] = 0x20, 1, 1
	b[24], b[25], b[39] = 0x20, 1, 2
	return append(b, rest...)
}

// ext builds an extension header of 8 bytes.
func ext(next byte) []byte { return []byte{next, 0, 1, 4, 0, 0, 0, 0} }

func fragHeader(next byte, offset int, more bool, id uint32) []byte {
	b := make([]byte, 8)
	b[0] = next
	field := uint16(offset)
	if more {
		field |= 1
	}
	binary.BigEndian.PutUint16(b[2:], field)
	binary.BigEndian.PutUint32(b[4:], id)
	return b
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestParse(t *testing.T) {
	hello := []byte("hello, tcp")
	long := bytes.Repeat([]byte("x"), 70000)
	options := v4(1, 0, -1, hello)
	options = cat(options[:20], []byte{1, 1, 1, 0}, hello)
	options[0] = 0x46
	binary.BigEndian.PutUint16(options[2:], uint16(len(options)))
	jumbo := []byte{ProtoTCP, 0, 0xc2, 4, 0, 1, 0x11, 0x78} // 8 + 70000
	ah := make([]byte, 24)
	ah[0], ah[1] = ProtoTCP, 4
	for _, test := range []struct {
		name    string
		data    []byte
		wire    int
		fault   Fault
		payload []byte
		missing int
	}{
		{"v4", v4(1, 0, -1, hello), 0, OK, hello, 0},
		{"v4, link padding", v4(1, 0, 30, cat(hello, make([]byte, 16))), 0, OK, hello, 0},
		{"v4, options", options, 0, OK, hello, 0},
		{"v4, cut by the capture", v4(1, 0, 1500, hello), 1500, OK, hello, 1470},
		{"v4, cut, wire length unknown", v4(1, 0, 1500, hello), 0, OK, hello, 1470},
		{"v4, promises more than was on the wire", v4(1, 0, 1500, hello), 30, BadLength, nil, 0},
		{"v4, length 0 before hardware splits it", v4(1, 0, 0, long), 0, OK, long, 0},
		{"v4, length 0 and cut", v4(1, 0, 0, hello), 5020, OK, hello, 4990},
		{"v4, shorter than its header", v4(1, 0, 19, hello), 0, BadLength, nil, 0},
		{"v4, header of 16", func() []byte { b := v4(1, 0, -1, hello); b[0] = 0x44; return b }(), 0, BadLength, nil, 0},
		{"v4, header cut", func() []byte { b := v4(1, 0, -1, nil); b[0] = 0x4f; return b }(), 0, Truncated, nil, 0},
		{"short", []byte{0x45}, 0, Truncated, nil, 0},
		{"empty", nil, 0, Truncated, nil, 0},
		{"version 5", func() []byte { b := v4(1, 0, -1, hello); b[0] = 0x55; return b }(), 0, BadVersion, nil, 0},
		{"v6", v6(ProtoTCP, -1, hello), 0, OK, hello, 0},
		{"v6, short", v6(ProtoTCP, -1, hello)[:39], 0, Truncated, nil, 0},
		{"v6, padding", v6(ProtoTCP, 10, cat(hello, hello)), 0, OK, hello, 0},
		{"v6, cut", v6(ProtoTCP, 100, hello), 140, OK, hello, 90},
		{"v6, promises more than was on the wire", v6(ProtoTCP, 100, hello), 50, BadLength, nil, 0},
		{"v6, extension headers", v6(extHopByHop, -1, cat(ext(extRouting), ext(extDestination), ext(extAH), ah, hello)), 0, OK, hello, 0},
		{"v6, jumbo", v6(extHopByHop, 0, cat(jumbo, long)), 0, OK, long, 0},
		{"v6, length 0 without the option", v6(ProtoTCP, 0, long), 0, OK, long, 0},
		{"v6, jumbo of 4 GiB", v6(extHopByHop, 0, cat([]byte{ProtoTCP, 0, 0xc2, 4, 0x7f, 0xff, 0xff, 0xff}, hello)), 0, BadLength, nil, 0},
		{"v6, atomic fragment", v6(extFragment, -1, cat(fragHeader(ProtoTCP, 0, false, 9), hello)), 0, OK, hello, 0},
		{"v6, extension cut", v6(extRouting, -1, []byte{6, 9, 0, 0, 0, 0, 0, 0}), 0, BadHeaders, nil, 0},
		{"v6, extension of 1 byte", v6(extRouting, -1, []byte{6}), 0, BadHeaders, nil, 0},
		{"v6, endless chain", v6(extDestination, -1, bytes.Repeat(ext(extDestination), 200)), 0, BadHeaders, nil, 0},
		{"v6, nothing follows", v6(extNone, -1, nil), 0, NoNext, nil, 0},
		{"v6, encrypted", v6(extESP, -1, hello), 0, NoNext, nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var p Packet
			fault := Parse(test.data, test.wire, &p)
			if fault != test.fault {
				t.Fatalf("fault %d, want %d", fault, test.fault)
			}
			if fault != OK {
				return
			}
			if !bytes.Equal(p.Payload, test.payload) || p.Missing != test.missing || p.Protocol != ProtoTCP || p.Fragment {
				t.Errorf("payload of %d bytes, missing %d, protocol %d, fragment %t", len(p.Payload), p.Missing, p.Protocol, p.Fragment)
			}
			src, dst := p.SrcAddr().String(), p.DstAddr().String()
			if p.Version == 4 && (src != "192.0.2.1" || dst != "198.51.100.2") || p.Version == 6 && (src != "2001::1" || dst != "2001::2") {
				t.Errorf("%s to %s", src, dst)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(v4(1, 0, -1, []byte("hello")), 0)
	f.Add(v6(extHopByHop, -1, cat(ext(extRouting), ext(ProtoTCP), []byte("hello"))), 100)
	f.Add(v6(extFragment, -1, cat(fragHeader(ProtoTCP, 8, true, 9), []byte("hello"))), 0)
	f.Fuzz(func(t *testing.T, b []byte, wire int) {
		var p Packet
		if Parse(b, wire, &p) != OK {
			return
		}
		if len(p.Payload) > len(b) || p.Missing < 0 || p.Missing > maxMissing {
			t.Fatalf("%+v", p)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for name, data := range map[string][]byte{
		"v4": v4(1, 0, -1, make([]byte, 1000)),
		"v6": v6(ProtoTCP, -1, make([]byte, 1000)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			var p Packet
			for range b.N {
				if Parse(data, len(data), &p) != OK {
					b.Fatal("fault")
				}
			}
		})
	}
}
