package exchange

import (
	"fmt"

	"lapwing/event"
	"lapwing/parse/pseudonym"
)

// A Builder turns exchanges into calls. It is used by one goroutine.
type Builder struct {
	cfg  Config
	keys *pseudonym.Keyring
}

// NewBuilder checks the configuration and returns a Builder for it.
func NewBuilder(cfg Config) (*Builder, error) {
	if cfg.MaxBodyBytes < 0 || cfg.MaxBodyBytes > maxMaxBodyBytes {
		return nil, fmt.Errorf("body limit of %d bytes, want 0 to %d", cfg.MaxBodyBytes, maxMaxBodyBytes)
	}
	if cfg.MaxBodyBytes == 0 {
		cfg.MaxBodyBytes = defaultMaxBodyBytes
	}
	b := &Builder{cfg: cfg, keys: cfg.Keyring}
	if b.keys == nil {
		b.keys = pseudonym.Offline()
	}
	return b, nil
}

// Call turns r into a call that may leave the sensor. Nothing in it points
// into r; the caller owns it and it is never reused.
func (b *Builder) Call(r *Raw) *event.Call {
	c := &event.Call{
		ID: event.MakeID(r.IDHigh, r.IDLow), Time: r.Time.UTC(), Duration: r.Duration, Sensor: b.cfg.Sensor, Source: r.Source,
		Client: r.Peer.Addr(), ClientPort: r.Peer.Port(), Peer: r.Peer, Server: r.Server.Addr(), ServerPort: r.Server.Port(),
		Scheme: r.Scheme, Protocol: r.Protocol, Method: string(r.Method), Host: string(r.Host),
		Status: r.Status, RequestBytes: r.RequestBody.WireBytes, ResponseBytes: r.ResponseBody.WireBytes,
		Gap: r.Gap, Flags: r.Flags,
	}
	c.Actor = event.Actor{Kind: event.KindClient, Value: c.Client.String()}
	return c
}
