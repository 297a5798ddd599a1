package tcp_test

import (
	"testing"

	"lapwing/parse/ip"
	"lapwing/parse/tcp"
	"lapwing/parse/tcp/tcptest"
)

// FuzzPacket feeds IP packets, each after a length byte pair: nothing panics,
// bytes are conserved, bounds hold, directions end once.
func FuzzPacket(f *testing.F) {
	pack := func(segs ...tcptest.Seg) []byte {
		var out []byte
		for _, s := range segs {
			b := s.IP()
			out = append(out, byte(len(b)>>8), byte(len(b)))
			out = append(out, b...)
		}
		return out
	}
	f.Add(pack(open()...))
	f.Add(pack(join(open(), seq(c(1, 1, "ask"), s(1, 4, "answer"), fin(c(4, 7, "")), fin(s(7, 5, ""))))...))
	f.Add(pack(join(open(), seq(c(4, 1, "def"), c(2, 1, "XX"), c(1, 1, "abc"), rst(s(1, 7, "no"))))...))
	f.Add(pack(seq(s(500, 700, "mid"), c(690, 600, ""), c(700, 503, "ask"), urgent(c(703, 503, "u")))...))
	f.Add(pack(join(open(), shiftAll(open(), 70000, 90000), seq(truncated(c(1, 1, "cut"), 50)))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var recs []*recorder
		asm, err := tcp.New(tcp.Config{MaxFlows: 4, MaxBufferBytes: 32 << 10, MaxFlowBufferBytes: 16 << 10,
			Open: func(c *tcp.Conn, _ int64) tcp.Stream {
				recs = append(recs, &recorder{t: t, conn: c, quiet: true})
				return recs[len(recs)-1]
			}})
		if err != nil {
			t.Fatal(err)
		}
		at := int64(1e18)
		for len(b) > 2 {
			n := min(int(b[0])<<8|int(b[1]), len(b)-2)
			var p ip.Packet
			if ip.Parse(b[2:2+n], 0, &p) == ip.OK {
				at += int64(b[1]) * 1e6
				asm.Packet(&p, at)
				if st := asm.Stats(); !st.Conserved() || st.Flows > 4 || st.Buffered > 32<<10 {
					t.Fatalf("%+v", st)
				}
			}
			b = b[2+n:]
		}
		asm.Close()
		if st := asm.Stats(); !st.Conserved() || st.Flows != 0 || st.Buffered != 0 {
			t.Fatalf("%+v", st)
		}
		for _, r := range recs {
			if r.ends != [2]int{1, 1} {
				t.Fatalf("ends %v", r.ends)
			}
		}
	})
}
