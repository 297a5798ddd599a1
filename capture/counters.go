package capture

import "sync/atomic"

// Counters is the live form of Stats: one goroutine counts, any may Load.
// The zero value is ready.
type Counters struct {
	packets, bytes, truncated, filtered, errored atomic.Uint64
	kernelPackets, kernelDrops, freezes          atomic.Uint64
}

// Packet counts p as handed to the caller.
func (c *Counters) Packet(p *Packet) {
	c.packets.Add(1)
	c.bytes.Add(uint64(len(p.Data)))
	if p.WireLength > len(p.Data) {
		c.truncated.Add(1)
	}
}

// Filtered counts one packet left out on purpose.
func (c *Counters) Filtered() { c.filtered.Add(1) }

// Errored counts one packet that could not be read.
func (c *Counters) Errored() { c.errored.Add(1) }

// Kernel adds what the kernel reported since the last time.
func (c *Counters) Kernel(packets, drops, freezes uint64) {
	c.kernelPackets.Add(packets)
	c.kernelDrops.Add(drops)
	c.freezes.Add(freezes)
}

// Load returns the account so far.
func (c *Counters) Load() Stats {
	return Stats{
		Packets: c.packets.Load(), Bytes: c.bytes.Load(), Truncated: c.truncated.Load(),
		Filtered: c.filtered.Load(), Errored: c.errored.Load(),
		KernelPackets: c.kernelPackets.Load(), KernelDrops: c.kernelDrops.Load(), Freezes: c.freezes.Load(),
	}
}
