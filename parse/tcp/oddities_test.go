package tcp_test

import (
	"strings"
	"testing"

	"lapwing/parse/tcp"
	"lapwing/parse/tcp/tcptest"
)

func truncated(s tcptest.Seg, missing int) tcptest.Seg { s.Missing = missing; return s }
func urgent(s tcptest.Seg) tcptest.Seg                 { s.URG = true; return s }
func noAck(s tcptest.Seg) tcptest.Seg                  { s.NoAck = true; return s }

func shift(s tcptest.Seg, client, server uint32) tcptest.Seg {
	if !s.FromClient {
		client, server = server, client
	}
	s.Seq += client
	if !s.NoAck {
		s.Ack += server
	}
	return s
}

func shiftAll(segs []tcptest.Seg, client, server uint32) []tcptest.Seg {
	out := make([]tcptest.Seg, len(segs))
	for i, s := range segs {
		out[i] = shift(s, client, server)
	}
	return out
}

func join(groups ...[]tcptest.Seg) []tcptest.Seg {
	var out []tcptest.Seg
	for _, g := range groups {
		out = append(out, g...)
	}
	return out
}

func seq(segs ...tcptest.Seg) []tcptest.Seg { return segs }

const ended = "\nA end end_of_input\nB end end_of_input"

func TestOddities(t *testing.T) {
	reuse := func(segs ...tcptest.Seg) []tcptest.Seg { return shiftAll(segs, 70000, 90000) }
	for _, test := range []struct {
		name string
		segs []tcptest.Seg
		want string
	}{
		{"plain", join(open(), seq(c(1, 1, "ask"), s(1, 4, "answer"), c(4, 7, ""), fin(c(4, 7, "")), fin(s(7, 5, "")), c(5, 8, ""))),
			"A ask\nB answer\nA end fin\nB end fin"},
		{"fin carries data", join(open(), seq(fin(c(1, 1, "ask")), fin(s(1, 5, "answer")))),
			"A ask\nA end fin\nB answer\nB end fin"},
		{"no payload opens nothing", join(open(), seq(fin(c(1, 1, "")), fin(s(1, 2, "")))), ""},
		{"one side ends before the first byte", join(open(), seq(fin(c(1, 1, "")), s(1, 2, "late"))), "A end fin\nB late\nB end end_of_input"},
		{"the answering FIN did not come", join(open(), seq(c(1, 1, "ask"), fin(c(4, 1, "")), s(1, 5, "yes"), c(5, 4, ""))), "A ask\nA end fin\nB yes\nB end end_of_input"},
		{"the answering FIN was lost", join(open(), seq(c(1, 1, "ask"), fin(c(4, 1, "")), s(1, 5, "yes"), c(5, 5, ""))), "A ask\nA end fin\nB yes\nB end fin"},
		{"refused", seq(syn(c(0, 0, "")), rst(s(0, 1, ""))), ""},
		{"reordered", join(open(), seq(c(4, 1, "def"), c(7, 1, "ghi"), c(1, 1, "abc"))), "A abc\nA defghi" + ended},
		{"retransmission", join(open(), seq(c(1, 1, "abc"), c(1, 1, "abc"), c(1, 1, "abcdef"), c(4, 1, "def"))), "A abc\nA def" + ended},
		{"mirrored twice", join(open(), open(), seq(c(1, 1, "abc"), c(1, 1, "abc"), s(1, 4, "x"), s(1, 4, "x"), fin(c(4, 2, "")), fin(c(4, 2, "")), fin(s(2, 5, "")), fin(s(2, 5, "")))),
			"A abc\nB x\nA end fin\nB end fin"},
		{"first copy wins over a later one", join(open(), seq(c(1, 1, "abc"), c(1, 1, "aXc"), c(4, 1, "d"))), "A abc\nA !\nA d" + ended},
		{"acknowledged bytes are not compared", join(open(), seq(c(1, 1, "abc"), s(1, 4, ""), c(1, 1, "aXc"), c(4, 1, "d"))), "A abc\nA d" + ended},
		{"first copy wins in the buffer", join(open(), seq(c(3, 1, "cd"), c(2, 1, "XYZ!"), c(1, 1, "a"))),
			"A a\nA X\nA cd!\nA !" + ended},
		{"buffered copy wins over the filler", join(open(), seq(c(3, 1, "cd"), c(1, 1, "abXYef"))), "A ab\nA cd!\nA ef" + ended},
		{"keep-alive probe", join(open(), seq(c(1, 1, "abc"), c(3, 1, "\x00"), c(3, 1, ""), c(4, 1, "d"))), "A abc\nA d" + ended},
		{"zero-window probe", join(open(), seq(c(1, 1, "a"), c(2, 1, "b"), c(2, 1, "b"), c(2, 1, "bc"))), "A a\nA b\nA c" + ended},
		{"data with the SYN", seq(tcptest.Seg{FromClient: true, Seq: 1000, SYN: true, NoAck: true, Data: []byte("ask")}, syn(s(0, 4, "")), c(4, 1, ""), s(1, 4, "yes")),
			"A ask\nB yes" + ended},
		{"data with the SYN, refused and sent again", seq(tcptest.Seg{FromClient: true, Seq: 1000, SYN: true, NoAck: true, Data: []byte("ask")}, syn(s(0, 1, "")), c(1, 1, "ask"), s(1, 4, "yes")),
			"A ask\nB yes" + ended},
		{"urgent data stays in line", join(open(), seq(urgent(c(1, 1, "abc")), c(4, 1, "d"))), "A abc^\nA d" + ended},
		{"data behind the FIN", join(open(), seq(fin(c(1, 1, "abc")), c(4, 1, "evil"), s(1, 5, "x"))), "A abc\nA end fin\nB x\nB end end_of_input"},
		{"data behind the FIN, buffered before it", join(open(), seq(c(4, 1, "evil"), fin(c(1, 1, "abc")))), "A abc\nA end fin\nB end end_of_input"},
		{"FIN before the last data", join(open(), seq(fin(c(4, 1, "def")), c(1, 1, "abc"))), "A abc\nA def\nA end fin\nB end end_of_input"},
		{"reset", join(open(), seq(c(1, 1, "abc"), rst(s(1, 4, "")), c(4, 1, "late"))), "A abc\nA end rst\nB end rst"},
		{"reset outside the window", join(open(), seq(c(1, 1, "abc"), rst(s(100000, 4, "")), c(4, 1, "d"))), "A abc\nA d" + ended},
		{"reset from the past", join(open(), seq(s(1, 1, "banner"), c(1, 7, ""), rst(s(2, 4, "")), c(1, 7, "d"))), "B banner\nA d" + ended},
		{"reset with a text", join(open(), seq(c(1, 1, "abc"), rst(s(1, 4, "no thanks")))), "A abc\nA end rst\nB end rst"},
		{"forged reset", join(open(), seq(c(1, 1, "abc"), s(1, 4, "x"), rst(c(4, 2, "")), c(4, 2, "more"), s(2, 8, "y"))),
			"A abc\nB x\nA end rst\nB end rst\n---\nA more\nB y" + ended},
		{"no flags, no stream", join(open(), seq(noAck(c(1, 1, "evil")), c(1, 1, "good"))), "A good" + ended},
		{"SYN sent again", join(open(), open()[:1], seq(c(1, 1, "a")), open()[:2], seq(c(2, 1, "b"))), "A a\nA b" + ended},
		{"SYN-ACK before SYN", seq(syn(s(0, 1, "")), syn(c(0, 0, "")), c(1, 1, "ask")), "A ask" + ended},
		{"data before SYN", seq(c(1, 1, "ask"), syn(c(0, 0, "")), syn(s(0, 1, "")), s(1, 4, "yes")), "A ask\nB yes" + ended},
		{"ports used again", join(open(), seq(c(1, 1, "old")), shiftAll(open(), 70000, 90000), reuse(c(1, 1, "new"))),
			"A old\nA end reused\nB end reused\n---\nA new" + ended},
		{"ports used again, only the client seen", join(seq(syn(c(0, 0, "")), c(1, 1, "old"), shift(syn(c(0, 0, "")), 70000, 0)), reuse(c(1, 1, "new"))),
			"A old\nA end reused\nB end reused\n---\nA new" + ended},
		{"ports used again after the end", join(open(), seq(fin(c(1, 1, "old")), fin(s(1, 5, ""))), shiftAll(open(), 70000, 90000), reuse(c(1, 1, "new"))),
			"A old\nA end fin\nB end fin\n---\nA new" + ended},
		{"SYN that the server does not answer", join(open(), seq(c(1, 1, "a"), shift(syn(c(0, 0, "")), 70000, 0), c(2, 1, "b"), s(1, 3, "x"))), "A a\nA b\nB x" + ended},
		{"two SYNs, the server takes the second", seq(syn(c(0, 0, "")), shift(syn(c(0, 0, "")), 70000, 0), shift(syn(s(0, 1, "")), 70000, 0), shift(c(1, 1, "ask"), 70000, 0)),
			"A ask" + ended},
		{"late copies after the end", join(open(), seq(fin(c(1, 1, "ask")), fin(s(1, 5, "yes")), c(1, 1, "ask"), fin(s(1, 5, "yes")))),
			"A ask\nA end fin\nB yes\nB end fin"},
		{"cut by the snap length", join(open(), seq(truncated(s(1, 1, "head"), 96), s(101, 1, "next"))), "B head\nB gap 96\nB next" + ended},
		{"cut to nothing", join(open(), seq(truncated(s(1, 1, ""), 100), s(101, 1, "next"))), "B gap 100\nB next" + ended},
		{"midstream", seq(s(500, 700, "ack"), c(700, 503, "ask"), s(503, 703, "yes")), "A ack\nB ask\nA yes" + ended},
		{"midstream, keep-alive first", seq(c(699, 500, ""), s(500, 700, ""), c(700, 500, "ask")), "A ask" + ended},
		{"midstream, acknowledged before seen", seq(c(700, 503, ""), s(500, 700, "yes")), "B yes" + ended},
		{"one side only, a hole", seq(syn(c(0, 0, "")), c(1, 1, "abc"), c(7, 1, "ghi")), "A abc\nA gap 3\nA ghi" + ended},
		{"only the acknowledgements", seq(syn(c(0, 0, "")), c(1, 1, "ask"), c(4, 101, ""), c(4, 201, "ask")), "A ask\nA ask\nA end end_of_input\nB gap 200\nB end end_of_input"},
		{"far outside", join(open(), seq(c(1, 1, "a"), c(1<<30+5, 1, "evil"), c(2, 1, "b"))), "A a\nA b" + ended},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, tcp.Config{})
			r.send(test.segs...)
			if got := r.finish(); got != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.want)
			}
		})
		t.Run(test.name+" across zero", func(t *testing.T) {
			// The same where sequence numbers wrap within the stream.
			for _, by := range []uint32{1 << 31, 1<<32 - 1002, 1<<32 - 5002, 1<<32 - 1004} {
				r := newRig(t, tcp.Config{})
				r.send(shiftAll(test.segs, by, by)...)
				if got := r.finish(); got != test.want {
					t.Errorf("shifted by %#x, got:\n%s\nwant:\n%s", by, got, test.want)
				}
			}
		})
	}
}

func TestConn(t *testing.T) {
	for _, test := range []struct {
		name           string
		segs           []tcptest.Seg
		a              string
		syn, midstream bool
	}{
		{"SYN", join(open(), seq(s(1, 1, "banner"))), "10.0.0.0:40000", true, false},
		{"SYN-ACK only", seq(syn(s(0, 1, "")), s(1, 1, "banner")), "10.0.0.0:40000", true, false},
		{"late SYN", seq(s(1, 1, ""), syn(c(0, 0, "")), c(1, 1, "ask")), "10.0.0.0:40000", true, false},
		{"midstream", seq(s(1, 1, "banner")), "10.1.0.1:80", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, tcp.Config{})
			r.send(test.segs...)
			if len(r.conns) != 1 {
				t.Fatalf("%d connections", len(r.conns))
			}
			c := r.conns[0].conn
			if c.A.String() != test.a || c.SYN != test.syn || c.Midstream != test.midstream {
				t.Errorf("got %+v", c)
			}
			r.finish()
		})
	}
}

func TestHoles(t *testing.T) {
	t.Run("given up after the tolerance", func(t *testing.T) {
		r := newRig(t, tcp.Config{AckTolerancePackets: 3})
		r.send(join(open(), seq(s(4, 1, "def")), seq(c(1, 7, "")))...)
		if len(r.conns) != 0 {
			t.Fatal("given up at once: a mirror that shuffles would lose bytes")
		}
		r.send(c(1, 7, ""), c(1, 7, ""), c(1, 7, ""), s(7, 1, "g"))
		if want := "B gap 3\nB def\nB g" + ended; r.finish() != want {
			t.Errorf("got:\n%s\nwant:\n%s", strings.Join(r.conns[0].log, "\n"), want)
		}
	})
	t.Run("filled within the tolerance", func(t *testing.T) {
		r := newRig(t, tcp.Config{})
		r.send(join(open(), seq(s(4, 1, "def"), c(1, 7, ""), s(1, 1, "abc")))...)
		if want := "B abc\nB def" + ended; r.finish() != want {
			t.Errorf("got:\n%s", strings.Join(r.conns[0].log, "\n"))
		}
	})
	t.Run("acknowledged, by time", func(t *testing.T) {
		r := newRig(t, tcp.Config{})
		r.send(join(open(), seq(s(4, 1, "def"), c(1, 7, "")))...)
		r.wait(49e6)
		if len(r.conns) != 0 {
			t.Fatal("given up too early")
		}
		r.wait(2e6)
		if len(r.conns) != 1 || strings.Join(r.conns[0].log, "\n") != "B gap 3\nB def" {
			t.Fatal("not given up by time")
		}
		r.finish()
	})
	t.Run("not acknowledged: the retransmission is waited for", func(t *testing.T) {
		r := newRig(t, tcp.Config{})
		r.send(join(open(), seq(s(4, 1, "def"), c(1, 1, "")))...)
		r.wait(60e9)
		r.send(s(1, 1, "abc"))
		if want := "B abc\nB def" + ended; r.finish() != want {
			t.Errorf("got:\n%s", strings.Join(r.conns[0].log, "\n"))
		}
	})
	t.Run("one side only: given up by time", func(t *testing.T) {
		r := newRig(t, tcp.Config{})
		r.send(syn(c(0, 0, "")), c(1, 1, "abc"), c(7, 1, "ghi"))
		r.wait(3e9)
		if got := strings.Join(r.conns[0].log, "\n"); got != "A abc\nA gap 3\nA ghi" {
			t.Errorf("got:\n%s", got)
		}
		r.finish()
	})
	t.Run("an acknowledgement of bytes not sent skips nothing", func(t *testing.T) {
		r := newRig(t, tcp.Config{})
		r.send(join(open(), seq(c(1, 1, "ask"), s(1, 4, ""), c(4, 10001, "")))...)
		r.wait(1e9)
		r.send(s(1, 4, "the real answer"))
		if want := "A ask\nB the real answer" + ended; r.finish() != want {
			t.Errorf("got:\n%s", strings.Join(r.conns[0].log, "\n"))
		}
	})
	t.Run("a lost FIN is no lost byte", func(t *testing.T) {
		r := newRig(t, tcp.Config{})
		r.send(join(open(), seq(c(1, 1, "ask"), s(1, 4, "yes"), c(4, 5, ""), fin(c(4, 5, "")), s(5, 5, "")))...)
		r.finish()
		if n := r.asm.Stats().Missing; n != 0 {
			t.Errorf("%d bytes reported missing", n)
		}
	})
	t.Run("a lost end of an answer", func(t *testing.T) {
		r := newRig(t, tcp.Config{})
		r.send(join(open(), seq(c(1, 1, "ask"), s(1, 4, "ye"), c(4, 11, ""), s(11, 4, ""), c(4, 11, "ask")))...)
		r.wait(1e9)
		r.send(s(11, 7, "two"))
		if want := "A ask\nB ye\nA ask\nB gap 8\nB two" + ended; r.finish() != want {
			t.Errorf("got:\n%s", strings.Join(r.conns[0].log, "\n"))
		}
	})
}
