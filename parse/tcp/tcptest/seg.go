package tcptest

import "encoding/binary"

// A Seg is one TCP segment between client 10.0.x.y:40000 and server
// 10.1.0.1:80.
type Seg struct {
	Client     int // tells connections apart
	FromClient bool
	Seq, Ack   uint32
	Data       []byte
	Missing    int // payload bytes promised by the IP length and cut off
	Window     uint16
	Scale      uint8 // window scale option, with SYN

	SYN, FIN, RST, URG bool
	NoAck              bool // without the ACK flag, as the first SYN is
}

// IP returns the segment as an IPv4 packet.
func (s Seg) IP() []byte {
	header := 20
	if s.SYN && s.Scale > 0 {
		header = 24
	}
	b := make([]byte, 20+header, 20+header+len(s.Data))
	b[0], b[8], b[9] = 0x45, 64, 6
	client, server := b[12:16], b[16:20]
	t := b[20:]
	cport, sport := t[0:2], t[2:4]
	if !s.FromClient {
		client, server = server, client
		cport, sport = sport, cport
	}
	copy(client, []byte{10, 0, byte(s.Client >> 8), byte(s.Client)})
	copy(server, []byte{10, 1, 0, 1})
	binary.BigEndian.PutUint16(cport, 40000)
	binary.BigEndian.PutUint16(sport, 80)
	binary.BigEndian.PutUint32(t[4:], s.Seq)
	binary.BigEndian.PutUint32(t[8:], s.Ack)
	t[12] = byte(header/4) << 4
	flags := byte(0)
	for i, set := range []bool{s.FIN, s.SYN, s.RST, false, !s.NoAck, s.URG} {
		if set {
			flags |= 1 << i
		}
	}
	t[13] = flags
	window := s.Window
	if window == 0 {
		window = 0xffff
	}
	binary.BigEndian.PutUint16(t[14:], window)
	if header == 24 {
		t[20], t[21], t[22], t[23] = 3, 3, s.Scale, 0
	}
	b = append(b, s.Data...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+s.Missing))
	return b
}

// Ethernet puts an Ethernet header before an IPv4 or IPv6 packet.
func Ethernet(ip []byte) []byte {
	b := make([]byte, 14, 14+len(ip))
	b[0], b[6] = 2, 2
	b[12], b[13] = 8, 0
	if len(ip) > 0 && ip[0]>>4 == 6 {
		b[12], b[13] = 0x86, 0xdd
	}
	return append(b, ip...)
}
