package sample

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/gzip"
)

// WritePcap writes a classic little-endian pcap file with microsecond times,
// Ethernet link type and no snapping (draft-ietf-opsawg-pcap).
func WritePcap(w io.Writer, packets []Packet) error {
	head := make([]byte, 24)
	le := binary.LittleEndian
	le.PutUint32(head[0:], 0xa1b2c3d4)
	le.PutUint16(head[4:], 2)
	le.PutUint16(head[6:], 4)
	le.PutUint32(head[16:], 262144)
	le.PutUint32(head[20:], 1)
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("pcap header: %w", err)
	}
	for i, p := range packets {
		us := p.Time.UnixMicro()
		le.PutUint32(head[0:], uint32(us/1e6))
		le.PutUint32(head[4:], uint32(us%1e6))
		le.PutUint32(head[8:], uint32(len(p.Data)))
		le.PutUint32(head[12:], uint32(len(p.Data)))
		if _, err := w.Write(head[:16]); err != nil {
			return fmt.Errorf("packet %d: %w", i, err)
		}
		if _, err := w.Write(p.Data); err != nil {
			return fmt.Errorf("packet %d: %w", i, err)
		}
	}
	return nil
}

// WriteGzip is WritePcap, compressed (RFC 1952) without a name or a time.
func WriteGzip(w io.Writer, packets []Packet) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("gzip: %w", err)
	}
	if err := WritePcap(z, packets); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("gzip: %w", err)
	}
	return nil
}

// Stretch moves every packet to factor times its distance from the first: the
// same traffic, slower above 1. The packets share their bytes with the input.
func Stretch(packets []Packet, factor int) []Packet {
	out := make([]Packet, len(packets))
	for i, p := range packets {
		at := packets[0].Time.Add(p.Time.Sub(packets[0].Time) * time.Duration(factor))
		out[i] = Packet{Time: at, Data: p.Data}
	}
	return out
}

// Split cuts before the nth packet, wherever in a connection that is. A cut
// outside the recording leaves one part empty.
func Split(packets []Packet, n int) (before, after []Packet) {
	n = min(max(n, 0), len(packets))
	return packets[:n:n], packets[n:]
}
