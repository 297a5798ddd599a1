package tcp_test

import (
	"fmt"
	"strings"
	"testing"

	"lapwing/parse/ip"
	"lapwing/parse/tcp"
	"lapwing/parse/tcp/tcptest"
)

// A recorder writes down what one connection's Stream is told.
type recorder struct {
	t     *testing.T
	conn  *tcp.Conn
	log   []string // in order: "A hello", "B gap 3", "A end fin"
	bytes [2][]byte
	gaps  [2]int64
	ends  [2]int
	last  [2]int64
	quiet bool // log nothing
}

func side(fromA bool) int {
	if fromA {
		return 0
	}
	return 1
}

func (r *recorder) event(fromA bool, atNS int64, format string, args ...any) {
	i := side(fromA)
	if atNS < r.last[i] {
		r.t.Errorf("time runs backwards: %d after %d", atNS, r.last[i])
	}
	r.last[i] = atNS
	if r.ends[i] > 0 {
		r.t.Errorf("event after End: "+format, args...)
	}
	if !r.quiet {
		r.log = append(r.log, string("AB"[i])+" "+fmt.Sprintf(format, args...))
	}
}

func (r *recorder) Data(fromA bool, b []byte, seg tcp.Segment) {
	text := string(b)
	if seg.Flags&tcp.OverlapDiffers != 0 {
		text += "!"
	}
	if seg.Flags&tcp.Urgent != 0 {
		text += "^"
	}
	r.event(fromA, seg.AtNS, "%s", text)
	r.bytes[side(fromA)] = append(r.bytes[side(fromA)], b...)
}

func (r *recorder) Gap(fromA bool, n int64, atNS int64) {
	if n <= 0 {
		r.t.Errorf("gap of %d bytes", n)
	}
	r.event(fromA, atNS, "gap %d", n)
	r.gaps[side(fromA)] += n
}

func (r *recorder) End(fromA bool, reason tcp.EndReason, atNS int64) {
	r.event(fromA, atNS, "end %s", reason)
	r.ends[side(fromA)]++
}

// A rig drives an Assembler with segments a millisecond apart.
type rig struct {
	t     *testing.T
	asm   *tcp.Assembler
	conns []*recorder
	at    int64
	quiet bool
}

func newRig(t *testing.T, cfg tcp.Config) *rig {
	r := &rig{t: t, at: 1e18}
	if cfg.Open == nil {
		cfg.Open = func(c *tcp.Conn, _ int64) tcp.Stream {
			rec := &recorder{t: t, conn: c, quiet: r.quiet}
			r.conns = append(r.conns, rec)
			return rec
		}
	}
	asm, err := tcp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.asm = asm
	return r
}

func (r *rig) send(segs ...tcptest.Seg) {
	for _, s := range segs {
		var p ip.Packet
		if f := ip.Parse(s.IP(), 0, &p); f != ip.OK {
			r.t.Fatalf("fault %d", f)
		}
		r.at += 1e6
		r.asm.Packet(&p, r.at)
		r.check()
	}
}

func (r *rig) wait(ns int64) {
	r.at += ns
	r.asm.Advance(r.at)
	r.check()
}

func (r *rig) check() {
	r.t.Helper()
	if s := r.asm.Stats(); !s.Conserved() {
		r.t.Fatalf("payload bytes are not conserved: %+v", s)
	}
}

// finish ends the input and returns the log of all connections.
func (r *rig) finish() string {
	r.t.Helper()
	r.asm.Close()
	r.check()
	s := r.asm.Stats()
	if s.Buffered != 0 || s.Flows != 0 {
		r.t.Errorf("%d bytes and %d flows remain", s.Buffered, s.Flows)
	}
	var out []string
	for i, c := range r.conns {
		if c.ends != [2]int{1, 1} {
			r.t.Errorf("connection %d: ends %v, want one each", i, c.ends)
		}
		out = append(out, strings.Join(c.log, "\n"))
	}
	return strings.Join(out, "\n---\n")
}

// c and s build segments of client and server; sequence numbers are relative to
// the initial ones, 1000 and 5000, whose SYN is 0.
func c(seq, ack int, data string) tcptest.Seg {
	return tcptest.Seg{FromClient: true, Seq: uint32(1000 + seq), Ack: uint32(5000 + ack), Data: []byte(data)}
}

func s(seq, ack int, data string) tcptest.Seg {
	return tcptest.Seg{Seq: uint32(5000 + seq), Ack: uint32(1000 + ack), Data: []byte(data)}
}

func fin(s tcptest.Seg) tcptest.Seg { s.FIN = true; return s }
func rst(s tcptest.Seg) tcptest.Seg { s.RST = true; return s }
func syn(s tcptest.Seg) tcptest.Seg {
	s.SYN = true
	if s.FromClient {
		s.Ack = 0
		s.NoAck = true
	}
	return s
}

// open is a handshake.
func open() []tcptest.Seg {
	return []tcptest.Seg{syn(c(0, 0, "")), syn(s(0, 1, "")), c(1, 1, "")}
}
