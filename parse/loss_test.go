package parse

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"lapwing/event"
)

// A chat is a keep-alive connection whose request n asks for /n and is answered
// with the status firstStatus+n, so that a wrong pair shows.
const firstStatus = 400

type chat struct {
	*talk
	rnd  *rand.Rand
	n    int
	acks bool // the client acknowledges every other segment at once
}

func newChat(rnd *rand.Rand) *chat {
	c := &chat{talk: newTalk(), rnd: rnd, acks: rnd.IntN(2) == 0}
	c.mss = []int{60, 536, 1460}[rnd.IntN(3)]
	c.tickNS = int64(1 + rnd.IntN(40_000_000))
	c.open()
	return c
}

// says sends a message in segments, with acknowledgements from the other side.
func (c *chat) says(side int, s string) {
	for i := 0; len(s) > 0; i++ {
		n := min(len(s), c.mss)
		c.put(side, ack, []byte(s[:n]))
		s = s[n:]
		if c.acks && i%2 == 1 {
			c.put(1-side, ack, nil)
		}
	}
}

func (c *chat) request() (text string, head bool) {
	path := fmt.Sprint("/", c.n)
	switch c.rnd.IntN(6) {
	case 0:
		return post(path, strings.Repeat("q", c.rnd.IntN(3000))), false
	case 1:
		body := strings.Repeat("q", 1+c.rnd.IntN(1000))
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h.test\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", path, len(body), body), false
	case 2:
		return strings.Replace(get(path), "GET", "HEAD", 1), true
	}
	return get(path), false
}

func (c *chat) response(head bool) string {
	status := firstStatus + c.n
	body := strings.Repeat("r", c.rnd.IntN(5)*c.rnd.IntN(1500))
	switch {
	case head:
		return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n", status, len(body))
	case c.rnd.IntN(4) == 0:
		return fmt.Sprintf("HTTP/1.1 %d X\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", status, len(body)+1, body+"r")
	}
	return reply(status, body)
}

// exchange is one request and its answer.
func (c *chat) exchange() {
	req, head := c.request()
	c.says(0, req)
	if c.rnd.IntN(20) == 0 {
		c.says(1, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
	}
	c.says(1, c.response(head))
	c.n++
}

// batch is several requests that are sent before the first is answered.
func (c *chat) batch(size int) {
	reqs, resps := "", ""
	for range size {
		req, head := c.request()
		if c.rnd.IntN(2) == 0 {
			reqs += req
		} else {
			c.says(0, reqs+req)
			reqs = ""
		}
		resps += c.response(head)
		c.n++
	}
	c.says(0, reqs)
	c.says(1, resps)
}

// A loss says of each frame behind the handshake whether capture missed it.
type loss func(i, n int, fromServer bool, atNS int64) bool

var losses = []struct {
	name string
	make func(rnd *rand.Rand, frames []frame) loss
	// Share of the exchanges captured whole that have to come out as pairs
	// without a flag.
	share float64
}{
	{"single", func(rnd *rand.Rand, f []frame) loss {
		at := 3 + rnd.IntN(len(f)-3)
		return func(i, _ int, _ bool, _ int64) bool { return i == at }
	}, 0.99},
	{"either", random(0.05, 0.05), 0.98},
	{"heavy", random(0.3, 0.3), 0.95},
	{"requests", random(0.2, 0), 0.98},
	{"responses", random(0, 0.2), 0.98},
	{"burst", func(rnd *rand.Rand, f []frame) loss {
		from := 3 + rnd.IntN(len(f)-3)
		to := from + 1 + rnd.IntN(30)
		return func(i, _ int, _ bool, _ int64) bool { return from <= i && i < to }
	}, 0.99},
	{"bursts", func(rnd *rand.Rand, f []frame) loss {
		lost := make([]bool, len(f))
		for down, i := false, 3; i < len(f); i++ {
			if rnd.IntN(8) == 0 {
				down = !down
			}
			lost[i] = down
		}
		return func(i, _ int, _ bool, _ int64) bool { return lost[i] }
	}, 0.97},
	{"seconds", func(rnd *rand.Rand, f []frame) loss {
		phase := rnd.Int64N(4)
		return func(_, _ int, _ bool, atNS int64) bool { return (atNS/1e9)%4 == phase }
	}, 0.95},
}

func random(client, server float64) func(*rand.Rand, []frame) loss {
	return func(rnd *rand.Rand, _ []frame) loss {
		return func(_, _ int, fromServer bool, _ int64) bool {
			p := client
			if fromServer {
				p = server
			}
			return rnd.Float64() < p
		}
	}
}

// lossyRun captures a chat with losses and counts its pairs.
type lossyRun struct {
	right, ambiguous, wrong, wrongFlagged, whole int
	pairedWhole                                  int // of whole, right and not flagged
	text                                         string
}

func captureLossy(t *testing.T, c *chat, lost loss, shuffle *rand.Rand, spans [][2]int) lossyRun {
	t.Helper()
	var kept []frame
	gone := make([]bool, len(c.frames))
	for i, f := range c.frames {
		fromServer := f.data[20] == 0 && f.data[21] == 80 // source port
		if i >= 3 && lost(i, len(c.frames), fromServer, f.atNS) {
			gone[i] = true
			continue
		}
		kept = append(kept, f)
	}
	if shuffle != nil {
		for j := 3; j+1 < len(kept); j++ {
			if shuffle.IntN(10) == 0 {
				kept[j].data, kept[j+1].data = kept[j+1].data, kept[j].data
			}
		}
	}
	var r lossyRun
	right := map[int]bool{}
	calls, _ := run(t, Config{}, kept)
	for _, call := range calls {
		if call.Gap.NoRequest || call.Gap.NoResponse {
			continue
		}
		var n int
		if _, err := fmt.Sscanf(call.Path, "/%d", &n); err != nil {
			t.Fatalf("path %q", call.Path)
		}
		flagged := call.Flags.Has(event.FlagAmbiguous)
		switch ok := int(call.Status) == firstStatus+n; {
		case ok && flagged:
			r.ambiguous++
		case ok:
			r.right++
			right[n] = true
		case flagged:
			r.wrongFlagged++
		default:
			r.wrong++
		}
	}
	for n, s := range spans {
		whole := true
		for i := s[0]; i < s[1]; i++ {
			whole = whole && !gone[i]
		}
		if whole {
			r.whole++
			if right[n] {
				r.pairedWhole++
			}
		}
	}
	if r.wrong > 0 {
		r.text = show(calls)
	}
	return r
}

// Whatever is lost of a keep-alive connection, no request gets the response of
// another, and most of what was captured whole is paired.
func TestLossPairsNothingWrong(t *testing.T) {
	rounds := uint64(400)
	if testing.Short() {
		rounds = 100
	}
	for _, l := range losses {
		t.Run(l.name, func(t *testing.T) {
			var sum lossyRun
			for seed := range rounds {
				rnd := rand.New(rand.NewPCG(seed, 11))
				c := newChat(rnd)
				var spans [][2]int
				for range 5 + rnd.IntN(30) {
					from := len(c.frames)
					c.exchange()
					spans = append(spans, [2]int{from, len(c.frames)})
				}
				if rnd.IntN(3) > 0 {
					c.end()
				}
				var shuffle *rand.Rand
				if rnd.IntN(2) == 0 {
					shuffle = rnd
				}
				r := captureLossy(t, c, l.make(rnd, c.frames), shuffle, spans)
				if r.wrong > 0 {
					t.Fatalf("seed %d: %d wrong pairs\n%s", seed, r.wrong, r.text)
				}
				sum.right += r.right
				sum.ambiguous += r.ambiguous
				sum.wrongFlagged += r.wrongFlagged
				sum.whole += r.whole
				sum.pairedWhole += r.pairedWhole
			}
			t.Logf("%d captured whole, %d of them right; %d right, %d right but flagged, %d wrong and flagged", sum.whole, sum.pairedWhole, sum.right, sum.ambiguous, sum.wrongFlagged)
			if float64(sum.pairedWhole) < l.share*float64(sum.whole) {
				t.Errorf("%d of %d are paired, want at least %.0f%%", sum.pairedWhole, sum.whole, 100*l.share)
			}
			if sum.wrongFlagged > sum.right/100 {
				t.Errorf("%d pairs are wrong, though flagged, beside %d right ones", sum.wrongFlagged, sum.right)
			}
		})
	}
}

// Of a client that pipelines, pairs may be guessed after a loss, but then say so.
func TestLossWhilePipelining(t *testing.T) {
	for _, l := range losses {
		t.Run(l.name, func(t *testing.T) {
			var sum lossyRun
			for seed := range uint64(300) {
				rnd := rand.New(rand.NewPCG(seed, 12))
				c := newChat(rnd)
				for range 3 + rnd.IntN(15) {
					if rnd.IntN(3) == 0 {
						c.exchange()
					} else {
						c.batch(2 + rnd.IntN(4))
					}
				}
				c.end()
				r := captureLossy(t, c, l.make(rnd, c.frames), nil, nil)
				sum.right += r.right
				sum.wrong += r.wrong
				sum.ambiguous += r.ambiguous
				sum.wrongFlagged += r.wrongFlagged
			}
			t.Logf("%d right, %d wrong, %d right but flagged, %d wrong and flagged", sum.right, sum.wrong, sum.ambiguous, sum.wrongFlagged)
			// Where just one request of each batch was captured, nothing shows
			// that there were batches.
			if sum.wrong > sum.right/100 {
				t.Errorf("%d wrong pairs beside %d right ones", sum.wrong, sum.right)
			}
		})
	}
}
