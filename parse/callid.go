package parse

import (
	"encoding/binary"
	"net/netip"

	"github.com/zeebo/xxh3"
)

// callID derives the two halves of a call's ID from where its first byte stood:
// the connection, the sequence number, the packet time. Reading the same
// capture again, whole or split into files, gives the same ID.
func callID(client, server netip.AddrPort, seq uint32, atNS int64, response bool) (hi, lo uint64) {
	var b [16 + 2 + 16 + 2 + 4 + 8 + 1]byte
	c, s := client.Addr().As16(), server.Addr().As16()
	copy(b[0:], c[:])
	binary.BigEndian.PutUint16(b[16:], client.Port())
	copy(b[18:], s[:])
	binary.BigEndian.PutUint16(b[34:], server.Port())
	binary.BigEndian.PutUint32(b[36:], seq)
	binary.BigEndian.PutUint64(b[40:], uint64(atNS))
	if response {
		b[48] = 1
	}
	// Two seeds, far apart; their values are part of the ID's definition.
	return xxh3.HashSeed(b[:], 0x6c617077696e6731), xxh3.HashSeed(b[:], 0x9e3779b97f4a7c15)
}
