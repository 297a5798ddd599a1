package tcp_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lapwing/parse/ip"
	"lapwing/parse/link"
	"lapwing/parse/tcp"
	"lapwing/parse/tcp/tcptest"
)

func on(client int, segs ...tcptest.Seg) []tcptest.Seg {
	out := make([]tcptest.Seg, len(segs))
	for i, s := range segs {
		s.Client = client
		out[i] = s
	}
	return out
}

func TestFlowBound(t *testing.T) {
	r := newRig(t, tcp.Config{MaxFlows: 3})
	for i := range 3 {
		r.send(on(i, c(1, 1, "hello"))...)
	}
	// A flood of SYNs takes the place of what never spoke, not of the others.
	for i := 10; i < 100; i++ {
		r.send(on(i, syn(c(0, 0, "")))...)
		if n := r.asm.Stats().Flows; n > 3 {
			t.Fatalf("%d flows", n)
		}
		if i == 10 && r.conns[0].ends != [2]int{1, 1} {
			t.Error("the least recently active flow did not go first")
		}
	}
	if r.conns[1].ends != [2]int{} || r.conns[2].ends != [2]int{} {
		t.Error("connections with data were evicted for a flood of SYNs")
	}
	if got := r.conns[0].log; strings.Join(got, "\n") != "A hello\nA end evicted\nB end evicted" {
		t.Errorf("got %q", got)
	}
	r.finish()
	if n := r.asm.Stats().FlowsEvicted; n != 90 {
		t.Errorf("%d evictions counted, want 90", n)
	}
}

func TestBufferBoundOfOneDirection(t *testing.T) {
	chunk := strings.Repeat("x", 1000)
	t.Run("receiver waits too", func(t *testing.T) {
		r := newRig(t, tcp.Config{MaxFlowBufferBytes: 32 << 10})
		r.send(open()...)
		r.send(s(1, 1, ""))
		for i := range 100 {
			r.send(c(2+1000*i, 1, chunk))
		}
		if len(r.conns) != 0 {
			t.Fatal("the hole was given up although its retransmission will come")
		}
		st := r.asm.Stats()
		if st.Dropped.Buffer == 0 || st.Buffered == 0 || st.Buffered > 32<<10 {
			t.Errorf("%+v", st)
		}
		r.send(c(1, 1, "!"))
		if got := int64(len(r.conns[0].bytes[0])); got != st.Buffered+1 {
			t.Errorf("%d bytes handed on, want %d", got, st.Buffered+1)
		}
		r.finish()
	})
	t.Run("one side only", func(t *testing.T) {
		r := newRig(t, tcp.Config{MaxFlowBufferBytes: 32 << 10})
		r.send(syn(c(0, 0, "")))
		for i := range 100 {
			r.send(c(2+1000*i, 1, chunk))
		}
		r.finish()
		if got := r.conns[0]; got.gaps[0] != 1 || len(got.bytes[0]) != 100*1000 {
			t.Errorf("gap %d, %d bytes", got.gaps[0], len(got.bytes[0]))
		}
		if r.asm.Stats().HolesForced != 1 {
			t.Error("not counted")
		}
	})
	t.Run("a byte a segment", func(t *testing.T) {
		r := newRig(t, tcp.Config{MaxFlowBufferBytes: 32 << 10})
		r.send(syn(c(0, 0, "")))
		for i := range 20000 {
			r.send(c(2+2*i, 1, "x"))
			if b := r.asm.Stats().Buffered; b > 16 {
				t.Fatalf("%d bytes lie in 16 pages: they hold one each", b)
			}
		}
		r.finish()
	})
}

func TestBufferBoundInAll(t *testing.T) {
	r := newRig(t, tcp.Config{MaxBufferBytes: 64 << 10})
	r.quiet = true
	chunk := strings.Repeat("x", 1400)
	for i := range 200 {
		r.send(on(i, syn(c(0, 0, "")), c(2, 1, chunk))...)
		if b := r.asm.Stats().Buffered; b > 64<<10 {
			t.Fatalf("%d bytes buffered", b)
		}
	}
	r.finish()
	// Nothing is lost: the oldest holes were given up and their bytes handed on.
	if st := r.asm.Stats(); st.Delivered != 200*1400 || st.HolesForced != 200-32 {
		t.Errorf("%+v", st)
	}
}

func TestIdle(t *testing.T) {
	r := newRig(t, tcp.Config{IdleTimeout: time.Minute, HalfOpenTimeout: 10 * time.Second})
	r.send(on(0, c(1, 1, "a"), c(3, 1, "c"))...)
	r.send(on(1, syn(c(0, 0, "")))...)
	r.wait(12e9)
	if n := r.asm.Stats().Flows; n != 1 {
		t.Errorf("%d flows, the half-open one should be gone", n)
	}
	r.wait(50e9)
	if got := strings.Join(r.conns[0].log, "\n"); got != "A a\nA gap 1\nA c\nA end idle\nB end idle" {
		t.Errorf("got:\n%s", got)
	}
	if n := r.asm.Stats().Flows; n != 0 {
		t.Errorf("%d flows", n)
	}
	r.send(on(0, c(9, 1, "again"))...)
	if got := r.finish(); !strings.HasSuffix(got, "---\nA again"+ended) {
		t.Errorf("got:\n%s", got)
	}
}

type ender struct {
	id   uint16
	ends *[]uint16
}

func (ender) Data(bool, []byte, tcp.Segment) {}
func (ender) Gap(bool, int64, int64)         {}
func (e ender) End(bool, tcp.EndReason, int64) {
	*e.ends = append(*e.ends, e.id)
}

func TestEndOfInputIsInOrderOfFirstSight(t *testing.T) {
	var ends []uint16
	r := newRig(t, tcp.Config{Open: func(c *tcp.Conn, _ int64) tcp.Stream {
		b := c.A.Addr().As4()
		return ender{uint16(b[3]), &ends}
	}})
	var want []uint16
	for i := range 50 {
		r.send(on((i*37)%50, c(1, 1, "x"))...)
		want = append(want, uint16(i*37%50), uint16(i*37%50))
	}
	r.send(on(3, c(2, 1, "y"))...) // activity does not change the order
	r.asm.Close()
	if !slices.Equal(ends, want) {
		t.Errorf("ended in the order %v", ends)
	}
}

type ignorer struct {
	conn   *tcp.Conn
	events []string
}

func (i *ignorer) Data(_ bool, b []byte, _ tcp.Segment) {
	i.events = append(i.events, string(b))
	i.conn.Ignore()
}
func (i *ignorer) Gap(bool, int64, int64) { i.events = append(i.events, "gap") }
func (i *ignorer) End(fromA bool, r tcp.EndReason, _ int64) {
	i.events = append(i.events, string("AB"[side(fromA)])+" "+r.String())
}

func TestIgnore(t *testing.T) {
	var ig *ignorer
	r := newRig(t, tcp.Config{Open: func(c *tcp.Conn, _ int64) tcp.Stream {
		ig = &ignorer{conn: c}
		return ig
	}})
	r.send(open()...)
	r.send(c(4, 1, "later"), c(1, 1, "tls"))
	st := r.asm.Stats()
	if st.Buffered != 0 || st.Delivered != 3 || st.Dropped.Ignored != 5 {
		t.Errorf("%+v", st)
	}
	r.send(c(100, 1, "far"), s(1, 4, "more"), fin(c(9, 5, "")), fin(s(5, 10, "")))
	r.asm.Close()
	r.check()
	if got := strings.Join(ig.events, ","); got != "tls,A fin,B fin" {
		t.Errorf("got %s", got)
	}
}

func TestOpenMayRefuse(t *testing.T) {
	r := newRig(t, tcp.Config{Open: func(*tcp.Conn, int64) tcp.Stream { return nil }})
	r.send(open()...)
	r.send(c(1, 1, "a"), c(5, 1, "b"), fin(s(1, 2, "")), rst(c(6, 1, "")))
	r.asm.Close()
	r.check()
	if st := r.asm.Stats(); st.StreamsOpened != 1 || st.Dropped.Ignored != 2 {
		t.Errorf("%+v", st)
	}
}

func TestContextSeparates(t *testing.T) {
	r := newRig(t, tcp.Config{})
	for i, ctx := range []uint32{0, 1, 0, 1} {
		var p ip.Packet
		ip.Parse(c(1+i/2, 1, "x").IP(), 0, &p)
		p.Context = ctx
		r.asm.Packet(&p, r.at)
	}
	r.asm.Close()
	if len(r.conns) != 2 || string(r.conns[0].bytes[0]) != "xx" || string(r.conns[1].bytes[0]) != "xx" {
		t.Error("contexts were mixed")
	}
}

func TestConfigIsChecked(t *testing.T) {
	if _, err := tcp.New(tcp.Config{}); err == nil {
		t.Error("Open is missing")
	}
	open := func(*tcp.Conn, int64) tcp.Stream { return nil }
	for _, c := range []tcp.Config{{MaxFlows: -1}, {IdleTimeout: -1}, {AckTolerancePackets: 300}} {
		c.Open = open
		if _, err := tcp.New(c); err == nil {
			t.Errorf("accepted %+v", c)
		}
	}
}

// The same packets through the decoder, for whoever wires the two.
func TestFromFrames(t *testing.T) {
	r := newRig(t, tcp.Config{})
	dec := link.New(link.Config{})
	for _, s := range join(open(), seq(c(1, 1, "ask"), s(1, 4, "answer"))) {
		f := link.Frame{LinkType: link.TypeEthernet, Data: tcptest.Ethernet(s.IP()), AtNS: r.at}
		p, ok := dec.Decode(f)
		if !ok {
			t.Fatal(dec.Stats())
		}
		r.asm.Packet(p, f.AtNS)
	}
	if got := r.finish(); got != "A ask\nB answer"+ended {
		t.Errorf("got:\n%s", got)
	}
}

// Where no acknowledgement is seen, copies of requests stay; they must leave
// room for what is out of order.
func TestHistoryLeavesRoom(t *testing.T) {
	r := newRig(t, tcp.Config{MaxBufferBytes: 64 << 10})
	r.quiet = true
	for i := range 200 {
		r.send(on(i, syn(c(0, 0, "")), c(1, 1, "request"))...)
	}
	r.send(on(0, c(9, 1, "two"), c(8, 1, "!"))...)
	r.finish()
	if st := r.asm.Stats(); st.Dropped.Buffer != 0 || string(r.conns[0].bytes[0]) != "request!two" {
		t.Errorf("%q, %+v", r.conns[0].bytes[0], st)
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	stream := ender{ends: new([]uint16)}
	asm, err := tcp.New(tcp.Config{Open: func(*tcp.Conn, int64) tcp.Stream { return stream }})
	if err != nil {
		t.Fatal(err)
	}
	dec := link.New(link.Config{})
	at, req, resp := int64(1e18), 1, 1
	send := func(s tcptest.Seg, frame []byte) {
		copy(frame, tcptest.Ethernet(s.IP()))
		at += 1e6
		if p, ok := dec.Decode(link.Frame{LinkType: link.TypeEthernet, Data: frame, AtNS: at}); ok {
			asm.Packet(p, at)
		}
	}
	frame := make([]byte, 14+40+3)
	exchange := func() {
		send(c(req, resp, "one"), frame)
		send(s(resp+3, req+3, "def"), frame) // early: through a page
		send(s(resp, req+3, "abc"), frame)
		req, resp = req+3, resp+6
	}
	exchange()
	// Building the packets costs a known number of allocations.
	build := testing.AllocsPerRun(100, func() {
		for range 3 {
			copy(frame, tcptest.Ethernet(c(1, 1, "one").IP()))
		}
	})
	if n := testing.AllocsPerRun(100, exchange); n > build {
		t.Errorf("%v allocations an exchange, %v without the packet path", n, build)
	}
	if st := asm.Stats(); st.Delivered != uint64(102*9) || st.Missing != 0 {
		t.Errorf("%+v", st)
	}
}
