package parse

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lapwing/event"
)

// A frame is one packet of a made-up capture: raw IPv4 (LINKTYPE 101).
type frame struct {
	data []byte
	atNS int64
}

const linkRaw = 101

var (
	testClient = netip.MustParseAddrPort("10.0.0.1:40000")
	testServer = netip.MustParseAddrPort("10.0.0.2:80")
)

const (
	fin = 1
	syn = 2
	rst = 4
	ack = 16
)

// segment builds one TCP segment.
func segment(from, to netip.AddrPort, seq, ackNo uint32, flags byte, payload []byte) []byte {
	b := make([]byte, 40+len(payload))
	b[0] = 0x45
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[8], b[9] = 64, 6
	s, d := from.Addr().As4(), to.Addr().As4()
	copy(b[12:], s[:])
	copy(b[16:], d[:])
	binary.BigEndian.PutUint16(b[20:], from.Port())
	binary.BigEndian.PutUint16(b[22:], to.Port())
	binary.BigEndian.PutUint32(b[24:], seq)
	binary.BigEndian.PutUint32(b[28:], ackNo)
	b[32], b[33] = 0x50, flags
	binary.BigEndian.PutUint16(b[34:], 0xffff)
	copy(b[40:], payload)
	return b
}

// A talk writes a conversation down as frames.
type talk struct {
	frames   []frame
	now      int64
	seq      [2]uint32 // next of client, of server
	mss      int
	client   netip.AddrPort
	tickNS   int64
	dropNext bool
}

func newTalk() *talk {
	t := &talk{now: 1_700_000_000_000_000_000, seq: [2]uint32{1000, 0xfffffff0}, mss: 1460, client: testClient, tickNS: 1_000_000}
	return t
}

func (t *talk) put(side int, flags byte, payload []byte) {
	from, to := t.client, testServer
	if side == 1 {
		from, to = to, from
	}
	if !t.dropNext {
		t.frames = append(t.frames, frame{segment(from, to, t.seq[side], t.seq[1-side], flags, payload), t.now})
	}
	t.seq[side] += uint32(len(payload))
	if flags&(syn|fin) != 0 {
		t.seq[side]++
	}
	t.now += t.tickNS
}

func (t *talk) open() *talk {
	t.put(0, syn, nil)
	t.put(1, syn|ack, nil)
	t.put(0, ack, nil)
	return t
}

func (t *talk) say(side int, s string) *talk {
	for b := []byte(s); len(b) > 0; {
		n := min(len(b), t.mss)
		t.put(side, ack, b[:n])
		b = b[n:]
	}
	return t
}

func (t *talk) c(s string) *talk { return t.say(0, s) }
func (t *talk) s(s string) *talk { return t.say(1, s) }

// lose says something that the capture missed.
func (t *talk) lose(side int, s string) *talk {
	t.dropNext = true
	t.say(side, s)
	t.dropNext = false
	return t
}

func (t *talk) end() *talk {
	t.put(1, fin|ack, nil)
	t.put(0, fin|ack, nil)
	t.put(1, ack, nil)
	return t
}

func (t *talk) reset() *talk {
	t.put(1, rst|ack, nil)
	return t
}

// run parses frames and returns the calls.
func run(t testing.TB, cfg Config, frames []frame) ([]*event.Call, Stats) {
	t.Helper()
	var calls []*event.Call
	p, err := New(cfg, func(c *event.Call) { calls = append(calls, c) })
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		data := bytes.Clone(f.data)
		p.Packet(linkRaw, data, len(data), f.atNS)
		clear(data) // borrowed only
	}
	p.Close()
	s := p.Stats()
	checkStats(t, s, len(calls))
	return calls, s
}

// checkStats fails if something is not accounted for.
func checkStats(t testing.TB, s Stats, calls int) {
	t.Helper()
	c := s.Coverage
	if sum := c.HTTP + c.TLS + c.HTTP2 + c.WebSocket + c.Other + c.Unread + c.Faulted + c.Filtered; s.TCP.Delivered+s.TCP.Dropped.Ignored != sum || c.Waiting != 0 {
		t.Errorf("coverage %+v adds up to %d, delivered %d, ignored %d", c, sum, s.TCP.Delivered, s.TCP.Dropped.Ignored)
	}
	if s.Calls != uint64(calls) || s.Calls != s.Paired+s.NoRequest+s.NoResponse || s.Requests != s.Paired+s.NoResponse || s.Responses != s.Paired+s.NoRequest {
		t.Errorf("calls are not conserved: %d came, %+v", calls, s)
	}
	if s.Pending != 0 || s.KeptBytes != 0 {
		t.Errorf("after the end %d exchanges and %d bytes are kept", s.Pending, s.KeptBytes)
	}
	if s.Faults != 0 {
		t.Errorf("%d faults: %s", s.Faults, s.LastFault)
	}
}

func show(calls []*event.Call) string {
	var b strings.Builder
	for _, c := range calls {
		fmt.Fprintf(&b, "%s %s%s %d %d/%d", c.Method, c.Host, c.Path, c.Status, c.RequestBytes, c.ResponseBytes)
		if !c.Gap.IsZero() {
			fmt.Fprintf(&b, " gap{%d %d noreq=%t noresp=%t}", c.Gap.Request, c.Gap.Response, c.Gap.NoRequest, c.Gap.NoResponse)
		}
		if f := c.Flags &^ event.FlagBodyTruncated; f != 0 {
			fmt.Fprintf(&b, " %v", f.Names())
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: h.test\r\n\r\n" }
func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h.test\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}
func reply(status int, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

var talks = []struct {
	name string
	talk func() *talk
	want string
}{
	{"keep-alive", func() *talk {
		return newTalk().open().c(get("/1")).s(reply(200, "abc")).c(post("/2", "xy")).s(reply(201, "")).end()
	}, "GET h.test/1 200 0/3\nPOST h.test/2 201 2/0\n"},
	{"pipelined", func() *talk {
		return newTalk().open().c(get("/1") + get("/2")).s(reply(200, "abc") + reply(404, "d")).end()
	}, "GET h.test/1 200 0/3\nGET h.test/2 404 0/1 [pipelined]\n"},
	{"head and 304", func() *talk {
		return newTalk().open().c("HEAD /1 HTTP/1.1\r\nHost: h.test\r\n\r\n").s("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n").c(get("/2")).s("HTTP/1.1 304 X\r\nContent-Length: 77\r\n\r\n").c(get("/3")).s(reply(200, "z")).end()
	}, "HEAD h.test/1 200 0/0\nGET h.test/2 304 0/0\nGET h.test/3 200 0/1\n"},
	{"continue", func() *talk {
		return newTalk().open().c("POST /1 HTTP/1.1\r\nHost: h.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").s("HTTP/1.1 100 Continue\r\n\r\n").c("ab").s(reply(200, "")).end()
	}, "POST h.test/1 200 2/0 [informational]\n"},
	{"expectation refused", func() *talk {
		return newTalk().open().c("POST /1 HTTP/1.1\r\nHost: h.test\r\nExpect: 100-continue\r\nContent-Length: 200\r\n\r\n").s(reply(413, "")).c(get("/2")).s(reply(200, "")).end()
	}, "POST h.test/1 413 0/0 [early_response ambiguous]\nGET h.test/2 200 0/0\n"},
	{"close-delimited", func() *talk {
		return newTalk().open().c(get("/1")).s("HTTP/1.0 200 OK\r\n\r\nhello").end()
	}, "GET h.test/1 200 0/5 [close_delimited]\n"},
	{"no response", func() *talk {
		return newTalk().open().c(get("/1")).s(reply(200, "")).c(get("/2")).reset()
	}, "GET h.test/1 200 0/0\nGET h.test/2 0 0/0 gap{0 0 noreq=false noresp=true} [reset]\n"},
	{"early response", func() *talk {
		return newTalk().open().c("POST /1 HTTP/1.1\r\nHost: h.test\r\nContent-Length: 9\r\n\r\nabc").s(reply(413, "no")).c("defghi" + get("/2")).s(reply(200, "")).end()
	}, "POST h.test/1 413 9/2 [early_response]\nGET h.test/2 200 0/0\n"},
	{"0.9", func() *talk {
		return newTalk().open().c("GET /old\r\n").s("<html>old</html>").end()
	}, "GET /old 0 0/16 [bad_version close_delimited]\n"},
	{"websocket", func() *talk {
		return newTalk().open().c("GET /ws HTTP/1.1\r\nHost: h.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").s("HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n\x81\x01a").c("\x81\x81GET / HTTP/1.1\r\n\r\n").end()
	}, "GET h.test/ws 101 0/0 [upgrade]\n"},
	{"upgrade refused", func() *talk {
		return newTalk().open().c("GET /1 HTTP/1.1\r\nHost: h.test\r\nUpgrade: h2c\r\n\r\n").s(reply(200, "a")).c(get("/2")).s(reply(200, "")).end()
	}, "GET h.test/1 200 0/1\nGET h.test/2 200 0/0\n"},
	{"connect, http inside", func() *talk {
		return newTalk().open().c("CONNECT h.test:80 HTTP/1.1\r\nHost: h.test:80\r\n\r\n").s("HTTP/1.1 200 OK\r\n\r\n").c(get("/in")).s(reply(200, "a")).end()
	}, "CONNECT h.test 200 0/0 [upgrade]\nGET h.test/in 200 0/1\n"},
	{"connect, tls inside", func() *talk {
		return newTalk().open().c("CONNECT h.test:443 HTTP/1.1\r\nHost: h.test:443\r\n\r\n").s("HTTP/1.1 200 OK\r\n\r\n").c("\x16\x03\x01\x00\x05hello").s("\x16\x03\x03").end()
	}, "CONNECT h.test:443 200 0/0 [upgrade]\n"},
	{"response lost", func() *talk {
		return newTalk().open().c(get("/1")).s(reply(200, "a")).c(get("/2")).lose(1, reply(500, "bb")).c(get("/3")).s(reply(201, "c")).c(get("/4")).s(reply(202, "d")).end()
	}, "GET h.test/1 200 0/1\nGET h.test/2 0 0/0 gap{0 39 noreq=false noresp=true}\nGET h.test/3 201 0/1\nGET h.test/4 202 0/1\n"},
	{"request lost", func() *talk {
		return newTalk().open().c(get("/1")).s(reply(200, "a")).lose(0, get("/2")).s(reply(500, "bb")).c(get("/3")).s(reply(201, "c")).end()
	}, "GET h.test/1 200 0/1\n  500 0/2 gap{0 0 noreq=true noresp=false}\nGET h.test/3 201 0/1\n"},
	{"response and next request lost", func() *talk {
		k := newTalk().open().c(get("/1")).s(reply(201, "")).c(get("/2"))
		k.lose(1, reply(202, "")).lose(0, get("/3"))
		return k.s(reply(203, "")).c(get("/4")).s(reply(204, "")).c(get("/5")).s(reply(205, "")).end()
	}, "GET h.test/1 201 0/0\nGET h.test/2 0 0/0 gap{0 37 noreq=false noresp=true}\n  203 0/0 gap{0 0 noreq=true noresp=false}\nGET h.test/4 204 0/0\nGET h.test/5 205 0/0\n"},
	{"request of HEAD lost", func() *talk {
		k := newTalk().open().c(get("/1")).s(reply(200, "")).lose(0, "HEAD /2 HTTP/1.1\r\nHost: h.test\r\n\r\n")
		return k.s("HTTP/1.1 201 X\r\nContent-Length: 999\r\n\r\n").c(get("/3")).s(reply(203, "c")).end()
	}, "GET h.test/1 200 0/0\n  201 0/0 gap{0 0 noreq=true noresp=false} [ambiguous]\nGET h.test/3 203 0/1\n"},
	{"first of two pipelined requests lost", func() *talk {
		k := newTalk().open().c(get("/1")).s(reply(201, "a")).lose(0, get("/2"))
		return k.c(get("/3")).s(reply(202, "b")).s(reply(203, "c")).end()
	}, "GET h.test/1 201 0/1\nGET h.test/3 202 0/1 [ambiguous]\n  203 0/1 gap{0 0 noreq=true noresp=false}\n"},
	{"1xx lost", func() *talk {
		k := newTalk().open().c(get("/1")).s(reply(201, "a")).c(get("/2")).lose(1, "HTTP/1.1 103 Early Hints\r\n\r\n")
		return k.s(reply(202, "b")).c(get("/3")).s(reply(203, "c")).end()
	}, "GET h.test/1 201 0/1\nGET h.test/2 202 0/1 [ambiguous]\nGET h.test/3 203 0/1\n"},
	{"refused tls behind a gap", func() *talk {
		k := newTalk().open().c("\x16\x03\x01\x02\x00\x01").lose(1, "xxxx")
		return k.s("HTTP/1.0 400 Bad Request\r\nContent-Length: 1\r\n\r\nx").end()
	}, "  400 0/1 gap{0 0 noreq=true noresp=false}\n"},
	{"body gap", func() *talk {
		k := newTalk().open().c(get("/1"))
		k.s("HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nabc").lose(1, "def")
		return k.s("ghi").c(get("/2")).s(reply(201, "")).end()
	}, "GET h.test/1 200 0/6 gap{0 3 noreq=false noresp=false}\nGET h.test/2 201 0/0\n"},
	{"midstream", func() *talk {
		k := newTalk().s("tail of a body").c(get("/1"))
		return k.s(reply(200, "a")).end()
	}, "GET h.test/1 200 0/1 [midstream]\n"},
	{"client side only", func() *talk {
		return newTalk().lose(1, "").c(get("/1")).lose(1, reply(200, "a")).c(get("/2")).lose(1, reply(200, "a"))
	}, "GET h.test/1 0 0/0 gap{0 38 noreq=false noresp=true} [midstream]\nGET h.test/2 0 0/0 gap{0 0 noreq=false noresp=true}\n"},
	{"server side only", func() *talk {
		return newTalk().lose(0, get("/1")).s(reply(200, "a")).lose(0, get("/2")).s(reply(404, "bc"))
	}, "  200 0/1 gap{0 0 noreq=true noresp=false} [midstream]\n  404 0/2 gap{0 0 noreq=true noresp=false}\n"},
	{"tls", func() *talk {
		return newTalk().open().c("\x16\x03\x01\x02\x00\x01").s("\x16\x03\x03").c("GET / HTTP/1.1\r\n\r\n").end()
	}, ""},
	{"h2", func() *talk { return newTalk().open().c("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxxx").s("yyy").end() }, ""},
	{"ssh", func() *talk { return newTalk().open().s("SSH-2.0-OpenSSH_9 Debian\r\n").c("SSH-2.0-x\r\n").end() }, ""},
	{"ftp", func() *talk { return newTalk().open().s("220 hi\r\n").c("USER a\r\n").end() }, ""},
	{"redis", func() *talk { return newTalk().open().c("SET a b\r\n").s("+OK\r\n").end() }, ""},
}

func TestTalks(t *testing.T) {
	for _, c := range talks {
		t.Run(c.name, func(t *testing.T) {
			calls, s := run(t, Config{}, c.talk().frames)
			if got := show(calls); got != c.want {
				t.Errorf("got\n%swant\n%s(coverage %+v)", got, c.want, s.Coverage)
			}
		})
	}
}

func TestProxyProtocol(t *testing.T) {
	v1 := "PROXY TCP4 203.0.113.7 10.0.0.2 51000 80\r\n"
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x07\x0a\x00\x00\x02\xc7\x38\x00\x50"
	v6 := "\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x07" + strings.Repeat("\x00", 16) + "\xc7\x38\x00\x50"
	trusted := Config{}
	trusted.Exchange.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		name, header string
		cfg          Config
		want         string
	}{
		{"v1", v1, trusted, "203.0.113.7"}, {"v2", v2, trusted, "203.0.113.7"}, {"v2 ipv6", v6, trusted, "2001:db8::7"},
		{"v1 untrusted", v1, Config{}, "10.0.0.1"}, {"v2 untrusted", v2, Config{}, "10.0.0.1"},
		{"v1 unknown", "PROXY UNKNOWN\r\n", trusted, "10.0.0.1"},
	} {
		for _, mss := range []int{1460, 7, 1} {
			k := newTalk()
			k.mss = mss
			calls, _ := run(t, c.cfg, k.open().c(c.header+get("/1")).s(reply(200, "a")).c(get("/2")).s(reply(200, "")).end().frames)
			if len(calls) != 2 || calls[0].Client.String() != c.want || calls[0].Path != "/1" {
				t.Errorf("%s, segments of %d bytes: %s, want two calls of %s", c.name, mss, show(calls), c.want)
			}
		}
	}
}

func TestCoverage(t *testing.T) {
	for name, want := range map[string]func(Coverage) uint64{
		"tls": func(c Coverage) uint64 { return c.TLS }, "h2": func(c Coverage) uint64 { return c.HTTP2 },
		"redis": func(c Coverage) uint64 { return c.Other }, "keep-alive": func(c Coverage) uint64 { return c.HTTP },
	} {
		for _, c := range talks {
			if c.name != name {
				continue
			}
			_, s := run(t, Config{}, c.talk().frames)
			if got := want(s.Coverage); got != s.TCP.BytesIn {
				t.Errorf("%s: %d of %d bytes in its class: %+v", name, got, s.TCP.BytesIn, s.Coverage)
			}
			if got := want(s.Connections); got != 1 {
				t.Errorf("%s: connections %+v", name, s.Connections)
			}
		}
	}
}

// Segmentation, reordering, duplication must change nothing but times.
func TestResegmentation(t *testing.T) {
	body := strings.Repeat("0123456789", 40)
	script := func(k *talk) *talk {
		k.open().c(get("/1")).s(reply(200, body)).c(post("/2", body)).s("HTTP/1.1 100 Continue\r\n\r\n")
		k.s("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n", len(body), body) + "0\r\n\r\n")
		k.c("GET /3 HTTP/1.1\r\nHost: h.test\r\nX: a\r\n b\r\n\r\n").s(reply(204, "")).c(get("/4")).s("HTTP/1.1 200 OK\r\n\r\n" + body)
		return k.end()
	}
	strip := func(calls []*event.Call) string {
		var b bytes.Buffer
		for _, c := range calls {
			d := *c
			d.ID, d.Duration, d.Time = event.ID{}, 0, time.Time{}
			b.Write(d.AppendJSON(nil))
			b.WriteByte('\n')
		}
		return b.String()
	}
	first, _ := run(t, Config{}, script(newTalk()).frames)
	if len(first) != 4 {
		t.Fatalf("%d calls:\n%s", len(first), show(first))
	}
	want := strip(first)
	rng := rand.New(rand.NewSource(7))
	for i := range 300 {
		k := newTalk()
		k.mss = 1 + rng.Intn(60)
		frames := script(k).frames
		// Swap neighbours behind the handshake, and send some twice, without
		// moving times: a mirror does that.
		for j := 3; j+1 < len(frames); j++ {
			switch rng.Intn(8) {
			case 0:
				frames[j].data, frames[j+1].data = frames[j+1].data, frames[j].data
			case 1:
				frames = append(frames[:j+1], append([]frame{frames[j]}, frames[j+1:]...)...)
				j++
			}
		}
		calls, _ := run(t, Config{}, frames)
		if got := strip(calls); got != want {
			t.Fatalf("round %d, segments of %d bytes:\n got %s\nwant %s", i, k.mss, got, want)
		}
	}
}

func TestSameInputSameCalls(t *testing.T) {
	var frames []frame
	for _, c := range talks {
		frames = append(frames, c.talk().frames...)
	}
	text := func() string {
		calls, _ := run(t, Config{}, frames)
		var b []byte
		for _, c := range calls {
			b = append(c.AppendJSON(b), '\n')
		}
		return string(b)
	}
	a, b := text(), text()
	if a != b || a == "" {
		t.Fatalf("two runs differ:\n%s\n%s", a, b)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(a) {
		id := line[:50]
		if seen[id] {
			t.Errorf("ID twice: %s", line)
		}
		seen[id] = true
	}
}

func TestBounds(t *testing.T) {
	k := newTalk().open()
	for i := range 600 {
		k.c(get(fmt.Sprint("/", i)))
	}
	calls, s := run(t, Config{MaxPending: 100}, k.end().frames)
	if len(calls) != 600 || s.QueueOverflow != 500 {
		t.Errorf("%d calls, %d given up, want 600 and 500", len(calls), s.QueueOverflow)
	}
	big := strings.Repeat("x", 100_000)
	k = newTalk().open().c(post("/1", big)).s(reply(200, big)).end()
	if _, s = run(t, Config{MaxKeptBytes: 1000}, k.frames); s.BodiesUnkept == 0 {
		t.Error("MaxKeptBytes has no effect")
	}
}

func TestFaultCostsOneConnection(t *testing.T) {
	a := newTalk().open().c(get("/1")).s(reply(200, "")).end()
	b := newTalk()
	b.client = netip.MustParseAddrPort("10.0.0.9:41000")
	b.open().c(get("/2")).s(reply(200, "")).end()
	var calls []*event.Call
	p, err := New(Config{}, func(c *event.Call) { calls = append(calls, c) })
	if err != nil {
		t.Fatal(err)
	}
	builder := p.builder
	for i, f := range a.frames {
		if i == 4 { // the response
			p.builder = nil // stands for a parser that panics
		}
		p.Packet(linkRaw, f.data, len(f.data), f.atNS)
	}
	p.builder = builder
	for _, f := range b.frames {
		p.Packet(linkRaw, f.data, len(f.data), f.atNS)
	}
	p.Close()
	s := p.Stats()
	if s.Faults != 1 || !strings.Contains(s.LastFault, "goroutine") || len(calls) != 1 || calls[0].Path != "/2" {
		t.Errorf("%d faults, %d calls, stack %.40q", s.Faults, len(calls), s.LastFault)
	}
	if s.Coverage.Faulted == 0 || s.Coverage.Waiting != 0 || s.KeptBytes != 0 {
		t.Errorf("bytes of the lost connection: %+v, %d kept", s.Coverage, s.KeptBytes)
	}
}

func FuzzParser(f *testing.F) {
	for _, c := range talks {
		var b []byte
		for _, fr := range c.talk().frames {
			b = binary.BigEndian.AppendUint16(b, uint16(len(fr.data)))
			b = append(b, fr.data...)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var frames []frame
		for at := int64(0); len(in) >= 2 && len(frames) < 1000; at += 1e6 {
			n := min(int(binary.BigEndian.Uint16(in)), len(in)-2)
			frames = append(frames, frame{in[2 : 2+n], at})
			in = in[2+n:]
		}
		calls, _ := run(t, Config{HoldBytes: 256, MaxPending: 4, MaxKeptBytes: 4096, BodyBytes: 64}, frames)
		for _, c := range calls {
			if c.ID.IsZero() {
				t.Error("call without an ID")
			}
		}
	})
}
