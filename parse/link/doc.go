// Package link strips a captured frame down to the IP datagram a host would
// have read: link layer, VLAN tags, MPLS labels, PPPoE, and the tunnels that
// mirrors wrap around packets.
//
// A Decoder serves one goroutine and allocates nothing in steady state.
// Datagrams come out in the order of the frame that completed them. A frame
// that yields none is counted under one reason; nothing else is lost. Every
// loop over nested headers is bounded. Tunnels are read by gopacket's decoders,
// which may panic on hostile bytes: that costs the frame and is counted.
package link
