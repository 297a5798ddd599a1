package live

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"lapwing/capture"
)

const (
	vlanTagBytes = 4
	macsBytes    = 12 // the two addresses in front of the EtherType
	// sockaddr_ll stands behind the packet header, which is a multiple of
	// TPACKET_ALIGNMENT already.
	addressAt = unix.SizeofTpacket3Hdr
)

// packet takes the next packet of the block. It reports false for one that is
// left out. A kernel that writes outside its own block is beyond repair: that
// is an error, and the rest of the block is given back unread.
func (r *Ring) packet(p *capture.Packet) (bool, error) {
	end := uint64(r.block+1) * uint64(r.blockBytes)
	at := r.next
	if at+addressAt+unix.SizeofSockaddrLinklayer > end {
		return false, r.damaged()
	}
	h := (*unix.Tpacket3Hdr)(unsafe.Pointer(&r.mem[at]))
	data := at + uint64(h.Mac)
	length := uint64(h.Snaplen)
	if data+length > end || data < at+vlanTagBytes {
		return false, r.damaged()
	}
	r.left--
	r.next = at + uint64(h.Next_offset)

	address := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&r.mem[at+addressAt]))
	if !r.wanted(address) {
		r.counts.Filtered()
		return false, nil
	}
	wire := int(h.Len)
	if h.Status&unix.TP_STATUS_VLAN_VALID != 0 && !r.cooked && length >= macsBytes {
		data -= vlanTagBytes
		length += vlanTagBytes
		wire += vlanTagBytes
		tpid := uint16(unix.ETH_P_8021Q)
		if h.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
			tpid = h.Hv1.Vlan_tpid
		}
		insertTag(r.mem[data:data+macsBytes+vlanTagBytes], tpid, uint16(h.Hv1.Vlan_tci))
	}
	p.LinkType = r.link
	p.TimeNS = int64(h.Sec)*1e9 + int64(h.Nsec)
	p.Data = r.mem[data : data+length : data+length]
	p.WireLength = max(wire, int(length))
	r.counts.Packet(p)
	return true, nil
}

// wanted leaves out what would be seen twice or cannot be read.
func (r *Ring) wanted(a *unix.RawSockaddrLinklayer) bool {
	if r.loopback && a.Pkttype == unix.PACKET_OUTGOING {
		return false // it comes in again
	}
	if r.cooked {
		// No link header: only the address says what the packet is.
		proto := hostToNet(a.Protocol)
		return proto == unix.ETH_P_IP || proto == unix.ETH_P_IPV6
	}
	return true
}

// insertTag moves the addresses of a frame to the front of b and puts an
// 802.1Q header behind them.
func insertTag(b []byte, tpid, tci uint16) {
	copy(b, b[vlanTagBytes:vlanTagBytes+macsBytes])
	binary.BigEndian.PutUint16(b[macsBytes:], tpid)
	binary.BigEndian.PutUint16(b[macsBytes+2:], tci)
}

func (r *Ring) damaged() error {
	for range r.left {
		r.counts.Errored()
	}
	r.left = 0
	return fmt.Errorf("capture on %s: the kernel's ring is damaged in block %d", r.name, r.block)
}
