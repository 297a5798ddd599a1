package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"lapwing/simulate"
)

const (
	clientSide = 0
	serverSide = 1
)

// A conn is one TCP connection seen from beside the server: the client's
// packets arrive one round trip after the server's packet they react to.
type conn struct {
	id      uint64
	side    [2]side
	mss     int // payload bytes of a full segment
	stamped bool
	rttNS   int64
	busyNS  int64 // end of its last exchange
	watched bool  // an idle check is in the queue
	closed  bool
}

// A side is one end of a connection, as its IP stack shows.
type side struct {
	addr   netip.AddrPort
	mac    uint64
	ttl    uint8
	mss    int // as offered
	window uint16
	ident  uint16
	seq    uint32 // of the next byte to be queued
	acked  uint32 // what it has acknowledged on the wire
	base   uint32 // of its timestamp clock
	stamp  uint32 // last sent
}

type tuple struct{ client, server netip.AddrPort }

func (c *conn) tuple() tuple { return tuple{c.side[clientSide].addr, c.side[serverSide].addr} }

const routerMAC = 0x02005e000001 // all clients come through one router

// dial opens the connection of an exchange one round trip before its begin.
func (p *Pcap) dial(e *simulate.Exchange) (*conn, error) {
	if !e.Peer.Addr().IsValid() || !e.Server.Addr().IsValid() {
		return nil, fmt.Errorf("exchange at %d ns has no addresses: client %s, server %s", e.AtNS, e.Peer, e.Server)
	}
	client, server := sameFamily(e.Peer.Addr().Unmap(), e.Server.Addr().Unmap())
	c := &conn{id: e.Conn}
	to := netip.AddrPortFrom(server, e.Server.Port())
	if to.Port() == 0 {
		to = netip.AddrPortFrom(server, 80)
	}
	h := hash(e.Conn, 1)
	from, err := p.port(client, e.Peer.Port(), to, h)
	if err != nil {
		return nil, err
	}

	// What a stack looks like depends on the machine, not on the connection.
	m := hashAddr(client, 2)
	windows := m%4 == 0
	c.stamped = !windows // Windows sends no timestamps, the others do
	mss := mtu - tcpBytes - ipv4Bytes
	if client.Is6() {
		mss = mtu - tcpBytes - ipv6Bytes
	} else if m>>8%8 == 0 {
		mss = 1380 // tunnels and carriers clamp it
	}
	c.mss = mss
	if c.stamped {
		c.mss -= stampBytes
	}
	c.rttNS = 3e6 + int64(m>>16%uint64(maxRTTNS-3e6))/int64(1+m>>48%8)
	ttl := uint8(64 - 6 - m>>12%9)
	if windows {
		ttl += 64
	}
	c.side = [2]side{
		{addr: from, mac: routerMAC, ttl: ttl, mss: mss, window: uint16(500 + m>>32%1500), ident: uint16(h), seq: uint32(h >> 16), base: uint32(hashAddr(client, 3))},
		{addr: to, mac: 0x020000000000 | hashAddr(server, 4)&0xffffffff, ttl: 64, mss: mtu - tcpBytes - ipv4Bytes, window: 501, ident: uint16(h >> 24), seq: uint32(hash(e.Conn, 5)), base: uint32(hashAddr(server, 6))},
	}
	if server.Is6() {
		c.side[serverSide].mss -= ipv6Bytes - ipv4Bytes
	}
	at := e.AtNS - gapNS
	p.send(c, clientSide, at-c.rttNS-kernelNS, flagSYN, nil, nil)
	p.send(c, serverSide, at-c.rttNS, flagSYN|flagACK, nil, nil)
	p.send(c, clientSide, at, flagACK, nil, nil)
	return c, nil
}

// port finds a free port on the client's side: the exchange's own, or another,
// as a translating router does when several behind it chose the same one.
func (p *Pcap) port(client netip.Addr, want uint16, server netip.AddrPort, h uint64) (netip.AddrPort, error) {
	for try := range 1 << 16 {
		if want >= 1024 || try == 0 && want != 0 {
			t := tuple{netip.AddrPortFrom(client, want), server}
			if p.tuples[t] == 0 {
				p.tuples[t]++
				return t.client, nil
			}
		}
		if try == 0 {
			want = uint16(1024 + h%64512)
		} else {
			want++
		}
	}
	return netip.AddrPort{}, fmt.Errorf("%s has all its ports in use towards %s", client, server)
}

// sameFamily gives the server an address of the client's family: a service is
// reached by both, an exchange names one.
func sameFamily(client, server netip.Addr) (netip.Addr, netip.Addr) {
	switch {
	case client.Is4() == server.Is4():
	case server.Is4():
		a := [16]byte{0x20, 0x01, 0x0d, 0xb8, 0x00, 0x5e}
		b := server.As4()
		copy(a[12:], b[:])
		server = netip.AddrFrom16(a)
	default:
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], 0xc0000200|uint32(hashAddr(server, 7)&0xff)) // 192.0.2.0/24
		server = netip.AddrFrom4(a)
	}
	return client, server
}

// send queues one segment and moves its side's sequence on.
func (p *Pcap) send(c *conn, from uint8, at int64, flags uint8, payload []byte, m *message) {
	me, other := &c.side[from], &c.side[1-from]
	p.push(event{at: at, kind: data, conn: c, from: from, flags: flags, seq: me.seq, ack: other.seq, payload: payload, message: m})
	me.seq += uint32(len(payload))
	if flags&(flagSYN|flagFIN) != 0 {
		me.seq++
	}
}

// acknowledge queues the client's acknowledgement of all that was sent until
// now. It is not written if the next request brings it.
func (p *Pcap) acknowledge(c *conn, at int64) {
	p.push(event{at: at, kind: acknowledgement, conn: c, from: clientSide, flags: flagACK, seq: c.side[clientSide].seq, ack: c.side[serverSide].seq})
}

// finish closes a connection in order, begun by one side.
func (p *Pcap) finish(c *conn, at int64, first uint8) {
	if c.closed {
		return
	}
	c.closed = true
	delete(p.conns, c.id)
	there, back := c.rttNS, int64(kernelNS) // the client answers after a round trip
	if first == clientSide {
		there, back = back, there
	}
	p.send(c, first, at, flagFIN|flagACK, nil, nil)
	p.send(c, 1-first, at+there, flagFIN|flagACK, nil, nil)
	p.send(c, first, at+there+back, flagACK, nil, nil)
	p.push(event{at: at + waitNS, kind: portFree, conn: c})
}

// idle closes a connection that has not been used for long; else it looks
// again when it may have been.
func (p *Pcap) idle(c *conn, now int64) {
	switch {
	case c.closed:
	case now-c.busyNS >= idleNS:
		p.finish(c, now, serverSide)
	default:
		p.push(event{at: c.busyNS + idleNS, kind: idleCheck, conn: c})
	}
}

// hash mixes a number and a purpose (SplitMix64, Steele et al. 2014): the
// same on every machine.
func hash(n, purpose uint64) uint64 {
	z := n + purpose*0x9e3779b97f4a7c15 + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func hashAddr(a netip.Addr, purpose uint64) uint64 {
	b := a.As16()
	return hash(hash(binary.BigEndian.Uint64(b[:8]), purpose)^binary.BigEndian.Uint64(b[8:]), purpose)
}
