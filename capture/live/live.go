// Package live captures from a network interface of Linux: rings of TPACKET_V3
// shared with the kernel, without cgo. On other systems Open says so.
//
// A Ring is a capture.Source. It promises: packets in the order the kernel saw
// them, no copy (Data points into the ring), times from the kernel, VLAN tags
// that the kernel took out put back in, and the second copy of each loopback
// packet left out and counted. No packet that the filter refuses is ever
// handed on, not even one that arrived while the ring was being set up. Capture
// is passive: a ring never sends.
//
// Loss: when the reader is too slow the kernel drops and counts
// (Stats.KernelDrops). Several rings on one interface share its packets by a
// hash that keeps both directions of a connection together; each ring has one
// reader.
//
// On a quiet link a block goes to the reader after BlockTimeout, full or not, so
// the longest pause of a reader without loss is Blocks × BlockTimeout there, and
// the time to fill the ring on a busy one. By default that is 5 s, or 32 MiB.
//
// Memory is Rings × Blocks × BlockBytes, locked for as long as a ring is open.
// After Close, memory goes back once the reader has called Next, which returns
// capture.ErrClosed: until then it may still look at the last packet.
package live

import (
	"fmt"
	"time"
)

// Config says what to capture. The zero value of a field is its default.
type Config struct {
	Interface    string        // name, as eth0
	Filter       string        // expression of package filter; empty is everything
	Promiscuous  bool          // receive frames addressed to others, as on a mirror port
	Rings        int           // 1
	BlockBytes   int           // 256 KiB; a power of two
	Blocks       int           // 128, of each ring
	BlockTimeout time.Duration // 40 ms: the longest the kernel holds back a block that is not full
	Poll         time.Duration // 250 ms: the longest Next waits before it returns capture.ErrIdle
}

const (
	maxRings      = 64
	minBlockBytes = 128 << 10 // the largest packet kept, 64 KiB, must fit with its header
	maxBlockBytes = 64 << 20
	minBlocks     = 2 // one to read while the kernel fills another
	maxRingBytes  = 1 << 30
)

// withDefaults fills in defaults and refuses what the kernel would refuse
// without a reason.
func (c Config) withDefaults() (Config, error) {
	fill := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	fill(&c.Rings, 1)
	fill(&c.BlockBytes, 256<<10)
	fill(&c.Blocks, 128)
	if c.BlockTimeout == 0 {
		c.BlockTimeout = 40 * time.Millisecond
	}
	if c.Poll == 0 {
		c.Poll = 250 * time.Millisecond
	}
	switch {
	case c.Interface == "":
		return c, fmt.Errorf("no interface is named")
	case c.Rings < 1 || c.Rings > maxRings:
		return c, fmt.Errorf("%d rings: must be 1 to %d", c.Rings, maxRings)
	case c.BlockBytes < minBlockBytes || c.BlockBytes > maxBlockBytes || c.BlockBytes&(c.BlockBytes-1) != 0:
		return c, fmt.Errorf("block of %d bytes: must be a power of two from %d to %d", c.BlockBytes, minBlockBytes, maxBlockBytes)
	case c.Blocks < minBlocks || c.Blocks > maxRingBytes/c.BlockBytes:
		return c, fmt.Errorf("%d blocks of %d bytes: must be %d to %d", c.Blocks, c.BlockBytes, minBlocks, maxRingBytes/c.BlockBytes)
	case c.BlockTimeout < time.Millisecond || c.BlockTimeout > time.Minute:
		return c, fmt.Errorf("block timeout of %v: must be 1ms to 1m", c.BlockTimeout)
	case c.Poll < time.Millisecond || c.Poll > time.Minute:
		return c, fmt.Errorf("poll interval of %v: must be 1ms to 1m", c.Poll)
	}
	return c, nil
}
