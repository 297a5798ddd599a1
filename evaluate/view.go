package evaluate

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/zeebo/xxh3"

	"lapwing/event"
	"lapwing/parse/exchange"
	"lapwing/parse/pseudonym"
	"lapwing/simulate"
)

// A View says through what kind of sensor exchanges are seen.
type View string

const (
	// Packets sees all headers and whole bodies.
	Packets View = "packet"
	// Log sees what the combined log format with host and duration has: no
	// bodies, no headers but Host, Referer and User-Agent, no ports.
	Log View = "log"
)

// Latenesses of the two kinds of input, as in every deployment.
const (
	packetLateness = 5 * time.Second
	logLateness    = 2 * time.Minute
)

// Views lists the views that there are.
func Views() []View { return []View{Packets, Log} }

// A viewer turns exchanges into calls, as a sensor does.
type viewer struct {
	view    View
	builder *exchange.Builder
	raw     exchange.Raw
	request []exchange.Field
	answer  []exchange.Field
	text    []byte // backs the names and values of fields
}

func newViewer(view View, keys *pseudonym.Keyring) (*viewer, error) {
	if view != Packets && view != Log {
		return nil, fmt.Errorf("view %q is neither %s nor %s", view, Packets, Log)
	}
	b, err := exchange.NewBuilder(exchange.Config{Sensor: "eval", Keyring: keys, TrustedProxies: trusted})
	if err != nil {
		return nil, err
	}
	return &viewer{view: view, builder: b}, nil
}

// call builds the call of an exchange. It points to nothing of x.
func (v *viewer) call(x *simulate.Exchange) *event.Call {
	r := &v.raw
	v.text = v.text[:0]
	*r = exchange.Raw{
		Time: time.Unix(0, x.AtNS).UTC(), Duration: time.Duration(x.DurationNS),
		Peer: x.Peer, Server: x.Server, Protocol: "http/1.1", Status: x.Status,
		Method: v.bytes(x.Method), Target: v.bytes(x.Target),
	}
	r.IDHigh, r.IDLow = callID(x)
	if v.view == Log {
		v.log(x, r)
	} else {
		v.packets(x, r)
	}
	return v.builder.Call(r)
}

func (v *viewer) packets(x *simulate.Exchange, r *exchange.Raw) {
	r.Source, r.Scheme, r.HeadersKnown = event.SourcePacket, "http", true
	v.request = v.fields(v.request[:0], x.RequestHeaders)
	v.answer = v.fields(v.answer[:0], x.ResponseHeaders)
	r.RequestHeaders, r.ResponseHeaders = v.request, v.answer
	r.RequestBody = exchange.Body{WireBytes: int64(len(x.RequestBody)), Data: x.RequestBody, Complete: true}
	r.ResponseBody = exchange.Body{WireBytes: int64(len(x.ResponseBody)), Data: x.ResponseBody, Complete: true}
	if x.Status == 0 {
		r.Gap.NoResponse = true
	}
}

func (v *viewer) log(x *simulate.Exchange, r *exchange.Raw) {
	r.Source = event.SourceLog
	// A log is written at the end, in milliseconds at best.
	end := time.Unix(0, x.AtNS+x.DurationNS).Truncate(time.Millisecond)
	r.Duration = r.Duration.Truncate(time.Millisecond)
	r.Time = end.Add(-r.Duration).UTC()
	r.Peer, r.Server = netip.AddrPortFrom(x.Peer.Addr(), 0), netip.AddrPort{}
	r.Host = v.bytes(x.Host)
	r.ResponseBody.WireBytes = int64(len(x.ResponseBody))
	v.request = v.request[:0]
	for _, h := range x.RequestHeaders {
		switch h.Name {
		case "Referer", "referer", "User-Agent", "user-agent", "X-Forwarded-For", "x-forwarded-for":
			v.request = append(v.request, exchange.Field{Name: v.bytes(h.Name), Value: v.bytes(h.Value)})
		}
	}
	r.RequestHeaders = v.request
}

func (v *viewer) fields(list []exchange.Field, headers []simulate.Header) []exchange.Field {
	for _, h := range headers {
		list = append(list, exchange.Field{Name: v.bytes(h.Name), Value: v.bytes(h.Value)})
	}
	return list
}

// bytes returns s as bytes that stay valid until the next call: growing the
// text leaves what was cut from it where it was.
func (v *viewer) bytes(s string) []byte {
	start := len(v.text)
	v.text = append(v.text, s...)
	return v.text[start:len(v.text):len(v.text)]
}

// callID derives a call's ID from where and when its first byte was seen, as a
// sensor does. Nothing of it says what the call was part of.
func callID(x *simulate.Exchange) (hi, lo uint64) {
	var b [16 + 2 + 8 + 8]byte
	a := x.Peer.Addr().As16()
	copy(b[:], a[:])
	binary.BigEndian.PutUint16(b[16:], x.Peer.Port())
	binary.BigEndian.PutUint64(b[18:], uint64(x.AtNS))
	binary.BigEndian.PutUint64(b[26:], x.Conn)
	return xxh3.HashSeed(b[:], 0x6c617077696e6731), xxh3.HashSeed(b[:], 0x9e3779b97f4a7c15)
}
