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
//   - Overlap policy "first": the first segment to bring a byte wins. Every
//     system does so for bytes it has given to its application; for bytes that
//     still wait, BSD, Linux and Windows each let some later segments win that
//     begin before them. So a later segment with other bytes is flagged
//     OverlapDiffers as long as the receiver may still choose: while the bytes
//     are buffered, and for the client's direction (the first 2 KiB of a
//     flight) until they are acknowledged.
//   - Everything foreign bytes can grow is bounded by Config; what gives way is
//     counted in Stats. Payload bytes are conserved: Stats.Conserved.
//   - Time is packet time. Equal input and configuration give equal calls.
//   - A packet seen twice is harmless. Checksums are not looked at (offload).
//   - A Stream must not panic: who cannot promise that recovers within its own
//     methods and calls Conn.Ignore, which costs that connection only.
package tcp
