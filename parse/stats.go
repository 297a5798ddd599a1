package parse

import (
	"lapwing/parse/link"
	"lapwing/parse/tcp"
)

// Stats counts since the Parser was made, except where a gauge is named.
//
//	TCP.Delivered + TCP.Dropped.Ignored = HTTP + TLS + HTTP2 + WebSocket + Other + Unread + Faulted + Filtered + Waiting, of Coverage
//	Requests  = Paired + NoResponse + Pending
//	Responses = Paired + NoRequest + those of Pending that have begun
//	Calls     = Paired + NoResponse + NoRequest
type Stats struct {
	Packets uint64
	Bytes   uint64 // captured bytes of all packets

	Link link.Stats
	TCP  tcp.Stats

	Coverage    Coverage // payload bytes of TCP, by what they were
	Connections Coverage // connections that carried bytes, by what they were

	Requests   uint64
	Responses  uint64 // final ones
	Calls      uint64
	Paired     uint64
	NoRequest  uint64
	NoResponse uint64
	Pending    int64 // gauge: exchanges under way

	HoldsExpired  uint64 // times one direction waited for the other in vain
	QueueOverflow uint64 // requests given up because MaxPending of their connection were waiting
	BodiesUnkept  uint64 // bodies of which less was kept than configured, for MaxKeptBytes
	KeptBytes     int64  // gauge: held of bodies and waiting bytes

	Faults    uint64 // connections given up because of a panic
	LastFault string // message and stack of the first one; "" if none
}

// Coverage divides something by protocol.
type Coverage struct {
	HTTP      uint64 // HTTP/1 messages
	TLS       uint64 // not readable
	HTTP2     uint64 // recognised, not read yet
	WebSocket uint64 // recognised, not read yet
	Other     uint64 // anything else, what follows other upgrades included
	Unread    uint64 // in HTTP/1 connections, but part of no message: found out of step
	Faulted   uint64 // of connections given up because of a panic
	Filtered  uint64 // of ports that are not wanted
	Lost      uint64 // missing: acknowledged or skipped over, and not captured
	Waiting   uint64 // gauge: not decided yet
}

// class is what a connection carries.
type class uint8

const (
	classUnknown class = iota
	classHTTP
	classTLS
	classHTTP2
	classWebSocket
	classOther
	classFaulted
)

func (c *Coverage) of(k class) *uint64 {
	switch k {
	case classHTTP:
		return &c.HTTP
	case classTLS:
		return &c.TLS
	case classHTTP2:
		return &c.HTTP2
	case classWebSocket:
		return &c.WebSocket
	case classFaulted:
		return &c.Faulted
	case classUnknown:
		return &c.Waiting
	}
	return &c.Other
}
