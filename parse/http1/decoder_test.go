package http1

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"lapwing/event"
)

// A recorder writes down what a Decoder tells.
type recorder struct {
	out   strings.Builder
	body  []byte
	open  bool
	rule  func(h *Head) Rule
	rest  []byte
	unr   int
	holes int64
}

func (r *recorder) Ready() bool { return true }

func (r *recorder) Head(h *Head) Rule {
	if r.open {
		panic("head inside a message")
	}
	r.open, r.body = true, r.body[:0]
	if h.Target.End > 0 {
		fmt.Fprintf(&r.out, "%s %s v%d", h.Method.In(h.Bytes), h.Target.In(h.Bytes), h.Version)
	} else {
		fmt.Fprintf(&r.out, "%d v%d", h.Status, h.Version)
	}
	for _, f := range h.Fields {
		fmt.Fprintf(&r.out, "|%s=%s", f.Name.In(h.Bytes), f.Value.In(h.Bytes))
	}
	flags(&r.out, h.Flags)
	if h.Lost > 0 {
		fmt.Fprintf(&r.out, " headlost=%d", h.Lost)
	}
	if r.rule != nil {
		return r.rule(h)
	}
	return RuleFramed
}

func flags(b *strings.Builder, f event.Flags) {
	if f != 0 {
		fmt.Fprintf(b, " %v", f.Names())
	}
}

func (r *recorder) Body(b []byte) { r.body = append(r.body, b...) }
func (r *recorder) Lost(n int64)  { r.body = append(r.body, fmt.Sprintf("<%d>", n)...) }
func (r *recorder) End(f Finish) {
	if !r.open {
		panic("end outside a message")
	}
	r.open = false
	fmt.Fprintf(&r.out, " {%s}", r.body)
	flags(&r.out, f.Flags)
	if !f.Complete {
		r.out.WriteString(" cut")
	}
	r.out.WriteByte('\n')
}
func (r *recorder) Unread(n int)  { r.unr += n }
func (r *recorder) Hole(n int64)  { r.holes += n }
func (r *recorder) Rest(b []byte) { r.rest = append(r.rest, b...) }

// feed gives the input in portions of at most size bytes; "\x00GAPn\x00" in
// it stands for n missing bytes.
func feed(side Side, in string, cfg Config, rule func(*Head) Rule, cut func(n int) int) *recorder {
	r := &recorder{rule: rule}
	d := New(side, cfg, new(Scratch), r)
	var seq uint32
	for in != "" {
		if rest, ok := strings.CutPrefix(in, "\x00GAP"); ok {
			var n int64
			i := strings.IndexByte(rest, 0)
			fmt.Sscan(rest[:i], &n)
			d.Gap(n)
			in = rest[i+1:]
			continue
		}
		n := len(in)
		if i := strings.Index(in, "\x00GAP"); i >= 0 {
			n = i
		}
		if n = cut(n); n == 0 {
			n = 1
		}
		portion := []byte(in[:n])
		d.Data(portion, seq, int64(seq))
		clear(portion) // borrowed: whoever kept it would see
		seq += uint32(n)
		in = in[n:]
	}
	d.Close()
	return r
}

func whole(n int) int { return n }
func single(int) int  { return 1 }

var cases = []struct {
	name string
	side Side
	in   string
	want string
}{
	{"simple", Requests, "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a?b=c v2|Host=x {}\n"},
	{"pipelined", Requests, "GET / HTTP/1.1\r\nHost: x\r\n\r\nHEAD /2 HTTP/1.0\r\n\r\n", "GET / v2|Host=x {}\nHEAD /2 v1 {}\n"},
	{"length", Requests, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: y\r\n\r\n",
		"POST / v2|Host=x|Content-Length=3 {abc}\nGET / v2|Host=y {}\n"},
	{"empty lines before", Requests, "\r\n\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / v2|Host=x {}\n"},
	{"chunked", Requests, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0A;x=y\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\nGET /n HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / v2|Host=x|Transfer-Encoding=Chunked {abc0123456789} [chunk_extension trailers]\nGET /n v2|Host=x {}\n"},
	{"chunked bare lf", Responses, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3 \nabc\n0\n\nHTTP/1.1 204 No\r\n\r\n",
		"200 v2|Transfer-Encoding=chunked {abc} [bare_lf]\n204 v2 {}\n"},
	{"bad chunk", Requests, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\nGET /n HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / v2|Host=x|Transfer-Encoding=chunked {abc} [bad_chunk ambiguous] cut\nGET /n v2|Host=x {}\n"},
	{"chunk too large", Requests, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc",
		"POST / v2|Host=x|Transfer-Encoding=chunked {} [bad_chunk ambiguous] cut\n"},
	{"both framings", Requests, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / v2|Host=x|Content-Length=4|Transfer-Encoding=chunked [content_length_and_te ambiguous] {}\nGET /smuggled v2|Host=x {}\n"},
	{"lengths differ", Requests, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab", "POST / v2|Host=x|Content-Length=2|Content-Length=3 [duplicate_length ambiguous] {ab}\n"},
	{"length list", Requests, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 2\r\n\r\nab", "POST / v2|Host=x|Content-Length=2, 2 [duplicate_length] {ab}\n"},
	{"bad length", Requests, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\nabGET /n HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / v2|Host=x|Content-Length=+2 [bad_length ambiguous] {} cut\nGET /n v2|Host=x {}\n"},
	{"length overflow", Requests, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n", "POST / v2|Host=x|Content-Length=18446744073709551615 [bad_length ambiguous] {} cut\n"},
	{"bad length response", Responses, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nrest", "200 v2|Content-Length=x [bad_length ambiguous] {rest} [close_delimited]\n"},
	{"close delimited", Responses, "HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 200 not a head", "200 v1 {HTTP/1.1 200 not a head} [close_delimited]\n"},
	{"truncated body", Responses, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "200 v2|Content-Length=10 {abc} cut\n"},
	{"informational", Responses, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"100 v2 {}\n304 v2|Content-Length=9 {}\n200 v2|Content-Length=0 {}\n"},
	{"status only", Responses, "HTTP/1.1 200\r\ncontent-length:0\r\n\r\n", "200 v2|content-length=0 {}\n"},
	{"folded", Requests, "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n\tb\r\n  c\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
		"GET / v2|Host=x|X=a  \tb    c|Transfer-Encoding=chunked [obs_fold] {}\n"},
	{"fold first", Requests, "GET / HTTP/1.1\r\n Host: x\r\nHost: y\r\n\r\n", "GET / v2|Host=y [bad_header] {}\n"},
	{"space before colon", Requests, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 2\r\n\r\nab", "POST / v2|Host=x|Content-Length=2 [space_before_colon ambiguous] {ab}\n"},
	{"no colon", Requests, "GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n: y\r\n\r\n", "GET / v2|Host=x [bad_header] {}\n"},
	{"bare lf", Requests, "GET / HTTP/1.1\nHost: x\n\n", "GET / v2|Host=x [bare_lf] {}\n"},
	{"bare cr", Requests, "GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", "GET / v2|Host=x\rX: y [bare_lf] {}\n"},
	{"te odd", Requests, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "POST / v2|Host=x|Transfer-Encoding=\x0bchunked [unknown_te ambiguous] {}\n"},
	{"te twice", Requests, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", "POST / v2|Host=x|Transfer-Encoding=chunked|Transfer-Encoding=x [unknown_te ambiguous] {}\n"},
	{"te identity", Requests, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\na", "POST / v2|Host=x|Transfer-Encoding=identity|Content-Length=1 [content_length_and_te unknown_te ambiguous] {a}\n"},
	{"te gzip chunked", Responses, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n", "200 v2|Transfer-Encoding=gzip, chunked [unknown_te] {z}\n"},
	{"hosts", Requests, "GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\nGET / HTTP/1.1\r\n\r\n", "GET / v2|Host=x|host=y [duplicate_host] {}\nGET / v2 [missing_host] {}\n"},
	{"absolute", Requests, "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a/b v2|Host=a [absolute_form] {}\n"},
	{"bad target", Requests, "GET  /a b  HTTP/1.1 \r\nHost: a\r\n\r\n", "GET /a b v2|Host=a [bad_target] {}\n"},
	{"version", Requests, "GET / HTTP/1.7\r\nHost: a\r\n\r\nGET / http/1.1\r\nHost: a\r\n\r\n", "GET / v2|Host=a [bad_version] {}\nGET / v2|Host=a [bad_version] {}\n"},
	{"0.9", Requests, "GET /old\r\n", "GET /old v0 [bad_version] {}\n"},
	{"no version", Requests, "GET /old\r\nHost: x\r\n\r\n", "GET /old v0|Host=x [bad_version] {}\n"},
	{"not http", Requests, "USER anonymous\r\nPASS x\r\n", ""},
	{"head cut", Requests, "GET / HTTP/1.1\r\nHost: x\r\nUser-Ag", "GET / v2|Host=x [head_truncated] {} cut\n"},
	{"gap in head", Requests, "GET / HTTP/1.1\r\nHost: x\r\nUser-Ag\x00GAP7\x00ore\r\n\r\nGET /n HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / v2|Host=x [head_truncated] headlost=7 {} cut\nGET /n v2|Host=x {}\n"},
	{"gap in body", Responses, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab\x00GAP5\x00yzHTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n",
		"200 v2|Content-Length=9 {ab<5>yz}\n201 v2|Content-Length=0 {}\n"},
	{"gap over body", Responses, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab\x00GAP50\x00yz HTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n",
		"200 v2|Content-Length=9 {ab<7>}\n201 v2|Content-Length=0 {}\n"},
	{"gap in chunk", Responses, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab\x00GAP5\x00yz\r\n0\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n",
		"200 v2|Transfer-Encoding=chunked {ab<5>yz}\n201 v2|Content-Length=0 {}\n"},
	{"gap over chunk", Responses, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab\x00GAP15\x00zz\r\n0\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 0\r\n\r\n",
		"200 v2|Transfer-Encoding=chunked {ab<15>} cut\n201 v2|Content-Length=0 {}\n"},
	{"gap between", Requests, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n\x00GAP9\x00X: y\r\n\r\na=bPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nz",
		"GET /1 v2|Host=x {}\nPOST /2 v2|Host=x|Content-Length=1 {z}\n"},
}

func TestDecoder(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for i, cut := range []func(int) int{whole, single, func(n int) int { return 1 + rng.Intn(n) }, func(n int) int { return 1 + rng.Intn(n) }, func(n int) int { return 1 + rng.Intn(min(n, 5)) }} {
				if got := feed(c.side, c.in, Config{}, nil, cut).out.String(); got != c.want {
					t.Errorf("cut %d:\n got %q\nwant %q", i, got, c.want)
				}
			}
		})
	}
}

func TestHeadTooLong(t *testing.T) {
	in := "GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 300) + "\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
	want := "GET / v2|Host=x [head_truncated] {} cut\nGET /2 v2|Host=x {}\n"
	for _, cut := range []func(int) int{whole, single} {
		if got := feed(Requests, in, Config{HeadBytes: 128}, nil, cut).out.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFieldsAreBoundedButStillFrame(t *testing.T) {
	in := "POST / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 2\r\nContent-Length: 2\r\n\r\nhi"
	want := "POST / v2|Host=x|A=1 [head_truncated] {hi}\n"
	if got := feed(Requests, in, Config{Fields: 2}, nil, whole).out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRules(t *testing.T) {
	noBody := func(*Head) Rule { return RuleNoBody }
	in := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	if got, want := feed(Responses, in, Config{}, noBody, single).out.String(), "200 v2|Content-Length=5 {}\n200 v2|Transfer-Encoding=chunked {}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r := feed(Responses, "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n\x01\x02HTTP/1.1 200 OK\r\n\r\n", Config{}, func(*Head) Rule { return RuleSwitch }, single)
	if got, want := string(r.rest), "\x01\x02HTTP/1.1 200 OK\r\n\r\n"; got != want || r.out.String() != "101 v2|Upgrade=x {}\n" {
		t.Errorf("rest %q, want %q; told %q", got, want, r.out.String())
	}
}

func TestExpectBodyOmitted(t *testing.T) {
	head := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
	for _, c := range []struct{ next, want string }{
		{"GET /2 HTTP/1.1\r\nHost: x\r\n\r\n", "{} [ambiguous]\nGET /2"},
		{"hello", "{hello}\n"},
	} {
		r := &recorder{}
		d := New(Requests, Config{}, new(Scratch), r)
		d.Data([]byte(head), 0, 0)
		d.BodyMayBeOmitted()
		d.Data([]byte(c.next), 0, 0)
		d.Close()
		if !strings.Contains(r.out.String(), c.want) {
			t.Errorf("after %q: %q lacks %q", c.next, r.out.String(), c.want)
		}
	}
}

func TestBareResponse(t *testing.T) {
	for in, want := range map[string]string{
		"<html>": "0 v0 [bad_version] {<html>} [close_delimited]\n",
		"HTTP/1.1 400 B\r\nContent-Length: 1\r\n\r\nx": "400 v2|Content-Length=1 {x}\n",
	} {
		r := &recorder{}
		d := New(Responses, Config{}, new(Scratch), r)
		d.ExpectBare()
		d.Data([]byte(in), 0, 0)
		d.Close()
		if r.out.String() != want {
			t.Errorf("%q: got %q, want %q", in, r.out.String(), want)
		}
	}
}

func TestSniff(t *testing.T) {
	for in, want := range map[string]Protocol{
		"GET / HTTP/1.1": Request, "HTTP/1.1 200": Response, "\r\nPOST /": Request, "\x16\x03\x01\x02": TLS, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": HTTP2,
		"SSH-2.0-x\r\n": OtherProtocol, "220 hi": OtherProtocol, "\x00\x01": OtherProtocol, "": Undecided, "HTT": Undecided, "PRI * HTTP/1.1": OtherProtocol,
		"HTTPX /": Request, "GE": Undecided, "\x80\x2e\x01\x03\x01": TLS, strings.Repeat("A", 40): OtherProtocol, "*1\r\n": OtherProtocol,
	} {
		got := Sniff([]byte(in))
		if got != want {
			t.Errorf("Sniff(%q) = %d, want %d", in, got, want)
		}
		for i := range in {
			if p := Sniff([]byte(in[:i])); p != Undecided && p != got {
				t.Errorf("Sniff(%q) = %d, but %d for the whole", in[:i], p, got)
			}
		}
	}
}

// TestLinear fails if work grows faster than input, for input made to provoke it.
func TestLinearFolds(t *testing.T) {
	in := "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n" + strings.Repeat(" c\r\n", 12000) + "\r\n"
	r := feed(Requests, in, Config{}, nil, single)
	if got := r.out.String(); !strings.Contains(got, "obs_fold") {
		t.Fatalf("folds not seen: %.80q", got)
	}
}

func FuzzDecoder(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(c.in), uint8(c.side), int64(1))
	}
	f.Fuzz(func(t *testing.T, in []byte, side uint8, seed int64) {
		if len(in) > 1<<16 {
			return
		}
		rng := rand.New(rand.NewSource(seed))
		cut := func(n int) int { return 1 + rng.Intn(n) }
		s := strings.ReplaceAll(string(in), "\x00GAP", "")
		a := feed(Side(side&1), s, Config{HeadBytes: 512, Fields: 8}, nil, whole)
		b := feed(Side(side&1), s, Config{HeadBytes: 512, Fields: 8}, nil, cut)
		if a.out.String() != b.out.String() || a.unr != b.unr {
			t.Fatalf("cut changes the result\nwhole %q %d\n  cut %q %d", a.out.String(), a.unr, b.out.String(), b.unr)
		}
		n := strings.Count(s, "\n")
		if m := strings.Count(a.out.String(), "\n"); n == 0 && m > 1 {
			t.Fatalf("%d messages out of no line", m)
		}
	})
}

func BenchmarkDecoder(b *testing.B) {
	req := "GET /api/v1/users/42/orders?limit=20 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: application/json\r\nAccept-Encoding: gzip, br\r\nAuthorization: Bearer abcdefghijklmnopqrstuvwxyz\r\nX-Request-Id: 1234567890\r\n\r\n"
	resp := "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 21 Nov 2026 20:53:09 GMT\r\nContent-Type: application/json\r\nContent-Length: 1000\r\nConnection: keep-alive\r\n\r\n" + strings.Repeat("x", 1000)
	for _, c := range []struct {
		name string
		side Side
		in   string
	}{{"request", Requests, req}, {"response", Responses, resp}} {
		b.Run(c.name, func(b *testing.B) {
			d := New(c.side, Config{}, new(Scratch), discard{})
			in := []byte(c.in)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				d.Data(in, 0, 0)
			}
		})
	}
}

type discard struct{}

func (discard) Ready() bool     { return true }
func (discard) Head(*Head) Rule { return RuleFramed }
func (discard) Body([]byte)     {}
func (discard) Lost(int64)      {}
func (discard) End(Finish)      {}
func (discard) Unread(int)      {}
func (discard) Hole(int64)      {}
func (discard) Rest([]byte)     {}
