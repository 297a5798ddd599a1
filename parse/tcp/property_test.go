package tcp_test

import (
	"bytes"
	"fmt"
	"testing"

	"lapwing/parse/ip"
	"lapwing/parse/tcp"
	"lapwing/parse/tcp/tcptest"

	"pgregory.net/rapid"
)

// cutUp splits data into segments of random sizes.
func cutUp(rt *rapid.T, data []byte, fromClient bool, base uint32, ack uint32) []tcptest.Seg {
	var segs []tcptest.Seg
	for off := 0; off < len(data); {
		n := min(rapid.IntRange(1, 3000).Draw(rt, "size"), len(data)-off)
		segs = append(segs, tcptest.Seg{FromClient: fromClient, Seq: base + uint32(off), Ack: ack, Data: data[off : off+n]})
		off += n
	}
	return segs
}

// disturb delays, repeats and re-cuts segments, as networks and mirrors do.
func disturb(rt *rapid.T, segs []tcptest.Seg) []tcptest.Seg {
	var out []tcptest.Seg
	for _, s := range segs {
		out = append(out, s)
		switch rapid.IntRange(0, 9).Draw(rt, "fate") {
		case 0:
			out = append(out, s)
		case 1: // a part of it again, cut elsewhere
			from := rapid.IntRange(0, len(s.Data)-1).Draw(rt, "from")
			to := rapid.IntRange(from+1, len(s.Data)).Draw(rt, "to")
			again := s
			again.Seq += uint32(from)
			again.Data = s.Data[from:to]
			out = append(out, again)
		}
	}
	for i := range out {
		j := min(i+rapid.IntRange(0, 6).Draw(rt, "delay"), len(out)-1)
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func stream(seed, n int) []byte {
	b := make([]byte, n)
	x := uint32(seed)*2654435761 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

// Whatever order and multiplicity the segments of two streams come in, the same
// bytes come out.
func TestAnyOrderGivesTheSameBytes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		client := stream(1, rapid.IntRange(1, 30000).Draw(rt, "client bytes"))
		server := stream(2, rapid.IntRange(1, 30000).Draw(rt, "server bytes"))
		isn := [2]uint32{rapid.Uint32().Draw(rt, "client isn"), rapid.Uint32().Draw(rt, "server isn")}
		r := newRig(t, tcp.Config{})
		r.quiet = true
		r.send(
			tcptest.Seg{FromClient: true, Seq: isn[0], SYN: true, NoAck: true},
			tcptest.Seg{Seq: isn[1], Ack: isn[0] + 1, SYN: true})
		segs := cutUp(rt, client, true, isn[0]+1, isn[1]+1)
		segs = append(segs, cutUp(rt, server, false, isn[1]+1, isn[0]+1)...)
		r.send(disturb(rt, segs)...)
		r.finish()
		if len(r.conns) != 1 {
			rt.Fatalf("%d connections", len(r.conns))
		}
		got := r.conns[0]
		if !bytes.Equal(got.bytes[0], client) || !bytes.Equal(got.bytes[1], server) {
			rt.Fatalf("bytes differ: %d of %d, %d of %d", len(got.bytes[0]), len(client), len(got.bytes[1]), len(server))
		}
		if got.gaps != [2]int64{} {
			rt.Fatalf("gaps %v", got.gaps)
		}
		if st := r.asm.Stats(); st.OverlapDiffers != 0 || st.Dropped.Sum() != 0 {
			rt.Fatalf("stats %+v", st)
		}
	})
}

// A positioned writes every byte to its place in the stream.
type positioned struct {
	at   int64
	have map[int64]byte
	lost int64
}

func (p *positioned) Data(_ bool, b []byte, _ tcp.Segment) {
	for _, x := range b {
		p.have[p.at] = x
		p.at++
	}
}
func (p *positioned) Gap(_ bool, n int64, _ int64)   { p.at += n; p.lost += n }
func (p *positioned) End(bool, tcp.EndReason, int64) {}

// Lost segments become gaps of exactly the bytes that were not seen, in their
// places; every byte seen is handed on or counted as dropped.
func TestLossGivesExactGaps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		data := stream(3, rapid.IntRange(1, 60000).Draw(rt, "bytes"))
		isn := rapid.Uint32().Draw(rt, "isn")
		acks := rapid.Bool().Draw(rt, "other side seen")
		segs := cutUp(rt, data, true, isn+1, 5001)
		pos := &positioned{have: map[int64]byte{}}
		r := newRig(t, tcp.Config{Open: func(*tcp.Conn, int64) tcp.Stream { return pos }})
		r.send(tcptest.Seg{FromClient: true, Seq: isn, SYN: true, NoAck: true})
		if acks {
			r.send(tcptest.Seg{Seq: 5000, Ack: isn + 1, SYN: true})
		}
		lost, end := int64(0), uint32(0)
		tail := int64(0) // lost behind the last segment seen
		for _, s := range segs {
			end = s.Seq + uint32(len(s.Data))
			if rapid.IntRange(0, 3).Draw(rt, "lose") == 0 {
				lost += int64(len(s.Data))
				tail += int64(len(s.Data))
			} else {
				tail = 0
				r.send(s)
			}
			if acks {
				r.send(tcptest.Seg{Seq: 5001, Ack: end})
			}
		}
		r.send(tcptest.Seg{FromClient: true, Seq: end, Ack: 5001, FIN: true})
		r.asm.Close()
		r.check()
		if pos.lost != lost {
			rt.Fatalf("gaps of %d bytes, lost %d (%d at the end)", pos.lost, lost, tail)
		}
		if pos.at != int64(len(data)) {
			rt.Fatalf("the stream ends at %d of %d", pos.at, len(data))
		}
		for at, x := range pos.have {
			if data[at] != x {
				rt.Fatalf("wrong byte at %d", at)
			}
		}
	})
}

// Random segments of a few connections, among them nonsense: bytes are
// conserved after every packet, bounds hold, and a second run says the same.
func TestConservationUnderNonsense(t *testing.T) {
	cfg := tcp.Config{MaxFlows: 5, MaxBufferBytes: 64 << 10, MaxFlowBufferBytes: 16 << 10}
	rapid.Check(t, func(rt *rapid.T) {
		segs := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) tcptest.Seg {
			return tcptest.Seg{
				Client:     rapid.IntRange(0, 7).Draw(rt, "client"),
				FromClient: rapid.Bool().Draw(rt, "from client"),
				Seq:        uint32(rapid.IntRange(0, 20000).Draw(rt, "seq")) * uint32(rapid.SampledFrom([]int{1, 1, 1, 1 << 16}).Draw(rt, "far")),
				Ack:        uint32(rapid.IntRange(0, 20000).Draw(rt, "ack")),
				Data:       stream(rapid.IntRange(0, 2).Draw(rt, "content"), rapid.IntRange(0, 5000).Draw(rt, "n")),
				Missing:    rapid.SampledFrom([]int{0, 0, 0, 7}).Draw(rt, "missing"),
				SYN:        rapid.IntRange(0, 9).Draw(rt, "syn") == 0,
				FIN:        rapid.IntRange(0, 9).Draw(rt, "fin") == 0,
				RST:        rapid.IntRange(0, 19).Draw(rt, "rst") == 0,
				NoAck:      rapid.IntRange(0, 9).Draw(rt, "no ack") == 0,
			}
		}), 1, 200).Draw(rt, "segments")
		ignore := rapid.IntRange(0, 5).Draw(rt, "ignore")
		run := func() (string, tcp.Stats) {
			r := newRig(t, tcp.Config{})
			opened := 0
			c := cfg
			c.Open = func(conn *tcp.Conn, _ int64) tcp.Stream {
				rec := &recorder{t: t, conn: conn}
				r.conns = append(r.conns, rec)
				opened++
				if opened == ignore {
					conn.Ignore()
				}
				return rec
			}
			asm, err := tcp.New(c)
			if err != nil {
				t.Fatal(err)
			}
			r.asm = asm
			for _, s := range segs {
				var p ip.Packet
				if ip.Parse(s.IP(), 0, &p) != ip.OK {
					continue // longer than 64 KiB with what is missing
				}
				r.at += 1e8
				asm.Packet(&p, r.at)
				st := asm.Stats()
				if !st.Conserved() {
					rt.Fatalf("not conserved: %+v", st)
				}
				if st.Flows > cfg.MaxFlows || st.Buffered > int64(cfg.MaxBufferBytes) {
					rt.Fatalf("bounds broken: %+v", st)
				}
				if st.Packets != st.Segments+st.NotTCP+st.Malformed+st.Fragments {
					rt.Fatalf("packets are not conserved: %+v", st)
				}
			}
			log := r.finish()
			return log, asm.Stats()
		}
		log1, st1 := run()
		log2, st2 := run()
		if log1 != log2 || fmt.Sprint(st1) != fmt.Sprint(st2) {
			rt.Fatal("two runs differ")
		}
	})
}

// A conversation with real acknowledgements, seen through a mirror whose two
// ports lag behind each other and swap neighbours: nothing is taken for lost.
func TestSkewedMirrorLosesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var segs []tcptest.Seg
		next := [2]uint32{rapid.Uint32().Draw(rt, "client isn") + 1, rapid.Uint32().Draw(rt, "server isn") + 1}
		var want [2][]byte
		emit := func(side int, data []byte) {
			segs = append(segs, tcptest.Seg{FromClient: side == 0, Seq: next[side], Ack: next[1-side], Data: data})
			next[side] += uint32(len(data))
			want[side] = append(want[side], data...)
		}
		for i := range rapid.IntRange(1, 20).Draw(rt, "exchanges") {
			emit(0, stream(i, rapid.IntRange(1, 2000).Draw(rt, "request")))
			emit(1, nil)
			for range rapid.IntRange(1, 6).Draw(rt, "segments") {
				emit(1, stream(i+100, rapid.IntRange(1, 1448).Draw(rt, "answer")))
				if rapid.Bool().Draw(rt, "acknowledged") {
					emit(0, nil)
				}
			}
		}
		handshake := []tcptest.Seg{
			{FromClient: true, Seq: segs[0].Seq - 1, SYN: true, NoAck: true},
			{Seq: segs[0].Ack - 1, Ack: segs[0].Seq, SYN: true},
		}
		for range rapid.IntRange(0, len(segs)).Draw(rt, "swaps") {
			i := rapid.IntRange(0, len(segs)-1).Draw(rt, "which")
			j := min(i+rapid.IntRange(1, 3).Draw(rt, "by"), len(segs)-1)
			segs[i], segs[j] = segs[j], segs[i]
		}
		// Swaps of swaps may carry a segment far; the tolerance is for lags of a
		// few packets.
		r := newRig(t, tcp.Config{AckTolerancePackets: 255, AckTolerance: 1e9})
		r.quiet = true
		r.send(handshake...)
		r.send(segs...)
		r.finish()
		got := r.conns[0]
		if len(r.conns) != 1 || !bytes.Equal(got.bytes[0], want[0]) || !bytes.Equal(got.bytes[1], want[1]) || got.gaps != [2]int64{} {
			rt.Fatalf("%d connections, gaps %v, %d of %d and %d of %d bytes", len(r.conns), got.gaps,
				len(got.bytes[0]), len(want[0]), len(got.bytes[1]), len(want[1]))
		}
	})
}
