package sample

import (
	"encoding/binary"
	"time"

	"github.com/google/gopacket/layers"
)

const (
	burst     = 10                     // segments a server sends before the first ACK (RFC 6928)
	wireGap   = 12 * time.Microsecond  // one full segment at 1 Gbit/s
	kernelGap = 90 * time.Microsecond  // until the server's kernel answers
	idleLimit = 65 * time.Second       // the server closes a connection this idle
	probeIdle = 45 * time.Second       // browsers probe an idle connection after this
	rto       = 220 * time.Millisecond // a first retransmission time-out
	impaired  = 0.008                  // share of requests, and of answers, that lose a segment
	swapped   = 0.06                   // share of answers of several segments with two out of order
)

// side is one direction's state.
type side struct {
	host *host
	port uint16
	seq  uint32 // next byte to send
	base uint32 // offset of its timestamp clock
	last uint32 // timestamp value it sent last
}

// conn is one TCP connection seen from beside the server: a client's packets
// arrive one round trip after the server's packet they react to.
type conn struct {
	w              *wire
	client, server side
	rtt            time.Duration
	mss            int
	stamps         bool
	busyUntil      time.Duration
	closed         bool
	probes         bool
}

// dial opens a connection at the given time. A warm one was open before the
// capture started: its handshake is not in the recording.
func (w *wire) dial(at time.Duration, from, to *host, rtt time.Duration, warm bool) *conn {
	c := &conn{
		w: w, rtt: rtt, stamps: from.stamps && to.stamps, mss: min(from.mss, to.mss),
		client: side{host: from, port: from.port(), seq: w.rng.Uint32(), base: w.rng.Uint32()},
		server: side{host: to, port: 80, seq: w.rng.Uint32(), base: w.rng.Uint32()},
	}
	if c.stamps {
		c.mss -= 12 // the option takes its bytes from every segment
	}
	w.opened++
	if warm {
		c.busyUntil = at
		return c
	}
	c.send(at, &c.client, nil, func(t *layers.TCP) { t.SYN, t.ACK, t.Ack = true, false, 0; t.Window = 64240 })
	c.client.seq++
	c.send(at+kernelGap, &c.server, nil, func(t *layers.TCP) { t.SYN = true; t.Window = 65160 })
	c.server.seq++
	c.send(at+kernelGap+rtt, &c.client, nil, nil)
	c.busyUntil = at + kernelGap + rtt + wireGap
	return c
}

// send puts one segment on the wire; change may set flags. It does not advance
// the sequence.
func (c *conn) send(at time.Duration, from *side, payload []byte, change func(*layers.TCP)) {
	to := &c.server
	if from == to {
		to = &c.client
	}
	t := layers.TCP{
		SrcPort: layers.TCPPort(from.port), DstPort: layers.TCPPort(to.port),
		Seq: from.seq, Ack: to.seq, ACK: true, Window: from.host.window,
	}
	if change != nil {
		change(&t)
	}
	if c.stamps {
		from.last = from.base + uint32(at/time.Millisecond)
	}
	t.Options = c.options(&t, from, to)
	c.w.frames = append(c.w.frames, frame{at: at, from: from.host, to: to.host, tcp: t, payload: payload})
}

// options are what the stacks of Linux and phones (with timestamps) and of
// Windows (without) send, in their order.
func (c *conn) options(t *layers.TCP, from, to *side) []layers.TCPOption {
	nop := option(layers.TCPOptionKindNop, nil)
	var stamp layers.TCPOption
	if c.stamps {
		echo := to.last
		if !t.ACK {
			echo = 0
		}
		stamp = option(layers.TCPOptionKindTimestamps, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, from.last), echo))
	}
	if t.SYN {
		mss := option(layers.TCPOptionKindMSS, binary.BigEndian.AppendUint16(nil, uint16(from.host.mss)))
		sack := option(layers.TCPOptionKindSACKPermitted, nil)
		scale := option(layers.TCPOptionKindWindowScale, []byte{7})
		if c.stamps {
			return []layers.TCPOption{mss, sack, stamp, nop, scale}
		}
		return []layers.TCPOption{mss, nop, scale, nop, nop, sack}
	}
	if c.stamps {
		return []layers.TCPOption{nop, nop, stamp}
	}
	return nil
}

func option(kind layers.TCPOptionKind, data []byte) layers.TCPOption {
	n := uint8(1)
	if kind != layers.TCPOptionKindNop {
		n = uint8(2 + len(data))
	}
	return layers.TCPOption{OptionType: kind, OptionLength: n, OptionData: data}
}

// exchange carries one request that reaches the server at the given time and
// its answer, which the server begins after work. It returns when the client's
// next packet could reach the server.
func (c *conn) exchange(at time.Duration, request, answer []byte, work time.Duration) time.Duration {
	at = max(at, c.busyUntil)
	sent := c.upload(at, request)
	done := c.download(sent+work, answer)
	c.busyUntil = done
	return done
}

// upload sends the request in segments, each pair acknowledged at once. Now and
// then the server's queue is full behind the mirror: the last segment is seen
// twice, and only the second time answered.
func (c *conn) upload(at time.Duration, data []byte) time.Duration {
	trouble := c.w.rng.Float64() < impaired
	for n := 0; len(data) > 0; n++ {
		k := min(len(data), c.mss)
		part, last := data[:k], k == len(data)
		data = data[k:]
		c.send(at, &c.client, part, func(t *layers.TCP) { t.PSH = last })
		if trouble && last {
			at += rto + c.rtt
			c.send(at, &c.client, part, func(t *layers.TCP) { t.PSH = true })
		}
		c.client.seq += uint32(k)
		if last || n%2 == 1 {
			c.send(at+kernelGap, &c.server, nil, nil)
		}
		at += wireGap
	}
	return at + kernelGap
}

// download sends the answer: ten segments, then as acknowledgements come in.
func (c *conn) download(at time.Duration, data []byte) time.Duration {
	segments := (len(data) + c.mss - 1) / c.mss
	victim := c.w.rng.IntN(segments)
	loses := c.w.rng.Float64() < impaired
	swaps := !loses && segments > 1 && c.w.rng.Float64() < swapped
	first := len(c.w.frames)
	var acks []time.Duration // when each pair is acknowledged
	var ends []uint32        // and up to where
	for n := 0; len(data) > 0; n++ {
		if n > 0 && n%burst == 0 {
			at += c.rtt
		}
		k := min(len(data), c.mss)
		c.send(at, &c.server, data[:k], func(t *layers.TCP) { t.PSH = k == len(data) })
		c.server.seq += uint32(k)
		data = data[k:]
		if n%2 == 1 || len(data) == 0 {
			acks, ends = append(acks, at+c.rtt), append(ends, c.server.seq)
		}
		at += wireGap
	}
	end := at + c.rtt
	switch {
	case swaps: // two neighbours overtake each other
		i := first + min(victim, segments-2)
		if b := c.w.frames[i+1].at; b-c.w.frames[i].at < time.Millisecond {
			c.w.frames[i].at, c.w.frames[i+1].at = b+wireGap/2, c.w.frames[i].at
		}
	case loses: // lost behind the mirror: the server repeats it after a time-out
		lost := c.w.frames[first+victim]
		again := at + rto + c.rtt
		end = again + c.rtt
		for i := range acks { // the client waits for the missing one before it moves on
			if int32(ends[i]-lost.tcp.Seq) > 0 {
				acks[i], ends[i] = end, c.server.seq
			}
		}
		c.send(again, &c.server, lost.payload, func(t *layers.TCP) { t.Seq, t.PSH = lost.tcp.Seq, lost.tcp.PSH })
	}
	for i := range acks {
		if i > 0 && acks[i] == acks[i-1] {
			continue
		}
		c.send(acks[i], &c.client, nil, func(t *layers.TCP) { t.Ack = ends[i] })
	}
	return end + wireGap
}

// settle lets idle time pass: probes of an idle browser, and the server's close.
func (c *conn) settle(until time.Duration) {
	if c.closed {
		return
	}
	if c.probes && until-c.busyUntil > probeIdle {
		at := c.busyUntil + probeIdle
		c.send(at, &c.client, nil, func(t *layers.TCP) { t.Seq-- })
		c.send(at+kernelGap, &c.server, nil, nil)
	}
	if until-c.busyUntil > idleLimit {
		c.finish(c.busyUntil+idleLimit, &c.server, &c.client)
	}
}

// hangUp closes from the client's side; a tenth of them with a reset.
func (c *conn) hangUp(at time.Duration) {
	if c.closed {
		return
	}
	at = max(at, c.busyUntil)
	if c.w.rng.IntN(10) == 0 {
		c.closed = true
		c.send(at, &c.client, nil, func(t *layers.TCP) { t.RST = true; t.Window = 0 })
		return
	}
	c.finish(at, &c.client, &c.server)
}

// serverClose ends the connection after an answer that said so.
func (c *conn) serverClose() { c.finish(c.busyUntil, &c.server, &c.client) }

// finish is an orderly close that a begins and b answers.
func (c *conn) finish(at time.Duration, a, b *side) {
	c.closed = true
	there, back := c.rtt, kernelGap // b is the client: a round trip until it answers
	if a == &c.client {
		there, back = kernelGap, c.rtt
	}
	c.send(at, a, nil, func(t *layers.TCP) { t.FIN = true })
	a.seq++
	c.send(at+there, b, nil, func(t *layers.TCP) { t.FIN = true })
	b.seq++
	c.send(at+there+back, a, nil, nil)
}
