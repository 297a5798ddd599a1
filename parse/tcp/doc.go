// Package tcp turns TCP segments into byte streams, one per direction of a
// connection.
//
// The path of a packet is link.Decoder.Decode, then Assembler.Packet:
//
//	dec := link.New(link.Config{})
//	asm, err := tcp.New(tcp.Config{Open: open})
//	for each frame {
//		if p, ok := dec.Decode(frame); ok {
//			asm.Packet(p, frame.AtNS)
//		}
//	}
//	asm.Close()
//
// Promises:
//
//   - One goroutine. Streams are called from within Packet, Advance and Close,
//     and must not call the Assembler back.
//   - Per direction, Data and Gap arrive in stream order and name every byte
//     from the first one known exactly once, then End. Bytes in order are
//     borrowed from the packet, never copied.
//   - The two directions are ordered as the packets were, but a direction that
//     waits for a missing segment falls behind the other; Segment.Ack tells
//     what its sender had read when it wrote.
//   - Overlap policy: the first segment to bring a byte wins, as long as it is
//     in the buffer or not yet acknowledged (BSD and Windows favour earlier
//     data too; Linux does for all but segments that start before the buffered
//     one). A later segment with other bytes is flagged OverlapDiffers.
//   - Everything foreign bytes can grow is bounded by Config; what gives way is
//     counted in Stats. Payload bytes are conserved: Stats.Conserved.
//   - Time is packet time. Equal input and configuration give equal calls.
//   - A packet seen twice is harmless. Checksums are not looked at (offload).
package tcp
