package wire_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"lapwing/simulate"
)

var epoch = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).UnixNano()

// traffic is n exchanges on many connections, in order, with everything that
// writers must cope with: both address families, big bodies, idle times, HEAD,
// 204, answers that never came, users of Basic authentication.
func traffic(seed uint64, n int) []simulate.Exchange {
	rng := rand.New(rand.NewPCG(seed, 1))
	type open struct {
		conn   uint64
		peer   netip.AddrPort
		freeNS int64
	}
	conns := make([]open, 20)
	var id uint64
	at := epoch
	var out []simulate.Exchange
	for range n {
		at += rng.Int64N(2e9)
		if rng.IntN(50) == 0 {
			at += 100e9 // everybody idles
		}
		i := rng.IntN(len(conns))
		c := &conns[i]
		if c.freeNS > at {
			continue
		}
		if c.conn == 0 || rng.IntN(10) == 0 {
			id++
			*c = open{conn: id, peer: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i / 4), byte(i)}), uint16(2000+rng.IntN(3)))}
			if i%3 == 0 {
				c.peer = netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf("2001:db8:1:%x::9", i)), c.peer.Port())
			}
		}
		e := simulate.Exchange{
			AtNS: at, DurationNS: rng.Int64N(3e8), Peer: c.peer, Caller: c.peer.Addr(), Server: netip.MustParseAddrPort("192.0.2.10:80"), Conn: c.conn,
			Method: "GET", Target: fmt.Sprintf("/v1/things/%d?q=a\"b", rng.IntN(1000)), Host: "api.test.example", Status: 200,
			RequestHeaders:  []simulate.Header{{Name: "Host", Value: "api.test.example"}, {Name: "User-Agent", Value: `probe "x"`}, {Name: "Accept", Value: "*/*"}},
			ResponseHeaders: []simulate.Header{{Name: "Content-Type", Value: "application/json"}},
			ResponseBody:    []byte(`{"pad":"` + strings.Repeat("x", rng.IntN(40000)) + `"}`),
		}
		switch rng.IntN(8) {
		case 0:
			e.Method, e.RequestBody = "POST", []byte(`{"a":"`+strings.Repeat("y", rng.IntN(9000))+`"}`)
			e.RequestHeaders = append(e.RequestHeaders, simulate.Header{Name: "Content-Type", Value: "application/json"})
		case 1:
			e.Method = "HEAD"
		case 2:
			e.Method, e.Status, e.ResponseBody = "DELETE", 204, nil
		case 3:
			e.RequestHeaders = append(e.RequestHeaders, simulate.Header{Name: "Authorization", Value: "Basic " + base64.StdEncoding.EncodeToString([]byte("ava:secret"))})
		case 4:
			e.ResponseHeaders = append(e.ResponseHeaders, simulate.Header{Name: "Transfer-Encoding", Value: "chunked"})
		case 5:
			e.ResponseHeaders = append(e.ResponseHeaders, simulate.Header{Name: "Connection", Value: "close"})
			c.conn = 0
		}
		c.freeNS = e.AtNS + e.DurationNS
		out = append(out, e)
	}
	return out
}
