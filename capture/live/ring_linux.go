package live

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"lapwing/capture"
)

// A Ring captures from one interface. It is a capture.Source: Next belongs to
// one goroutine, Stats and Close may be called from any.
//
// When the interface goes down, Next says so once with an error that wraps
// unix.ENETDOWN; it may be called again and goes on when the interface is up.
// Whoever wants to know whether it still exists opens it anew.
type Ring struct {
	device
	blockBytes, blocks int
	poll               time.Duration

	// Of the reader alone.
	mem   []byte
	block int  // number of the block that is read, or waited for
	held  bool // that block is ours
	left  uint32
	next  uint64 // offset in mem of the next packet of the block
	lent  bool   // the caller holds a packet

	counts capture.Counters
	closed atomic.Bool
	use    atomic.Int32 // idle, busy or released: who may release the memory

	mu       sync.Mutex // guards fd and wake against release
	fd, wake int        // -1 after release
}

var _ capture.Source = (*Ring)(nil)

const (
	idle     = iota // nobody looks at the ring
	busy            // the reader is in Next, or holds a packet
	released        // the memory is gone
)

// Interface is the name of the interface, LinkType that of its packets.
func (r *Ring) Interface() string { return r.name }

// LinkType returns the LINKTYPE_ value of every packet of this ring.
func (r *Ring) LinkType() uint32 { return r.link }

// Next implements capture.Source.
func (r *Ring) Next(p *capture.Packet) error {
	if !r.lent && !r.use.CompareAndSwap(idle, busy) {
		return capture.ErrClosed
	}
	err := r.read(p)
	r.lent = err == nil
	if err != nil {
		r.use.Store(idle)
		if r.closed.Load() {
			r.releaseOnce()
			return capture.ErrClosed
		}
	}
	return err
}

// Close implements capture.Source. If the reader holds a packet, the ring is
// released by its next call of Next.
func (r *Ring) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	r.mu.Lock()
	if r.wake >= 0 {
		one := [8]byte{0: 1, 7: 1} // a number that is not zero in either byte order
		unix.Write(r.wake, one[:]) // cannot fail: the counter is far from full
	}
	r.mu.Unlock()
	r.releaseOnce()
	return nil
}

func (r *Ring) releaseOnce() {
	if r.use.CompareAndSwap(idle, released) {
		r.release()
	}
}

func (r *Ring) release() {
	r.readKernel()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mem != nil {
		unix.Munmap(r.mem)
		r.mem = nil
	}
	unix.Close(r.fd)
	if r.wake >= 0 {
		unix.Close(r.wake)
	}
	r.fd, r.wake = -1, -1
}

// Stats implements capture.Source.
func (r *Ring) Stats() capture.Stats {
	r.readKernel()
	return r.counts.Load()
}

// readKernel collects what the kernel counted since the last time: reading its
// counters clears them.
func (r *Ring) readKernel() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fd < 0 {
		return
	}
	if s, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		r.counts.Kernel(uint64(s.Packets), uint64(s.Drops), uint64(s.Freeze_q_cnt))
	}
}

func (r *Ring) read(p *capture.Packet) error {
	for {
		if r.closed.Load() {
			return capture.ErrClosed
		}
		if r.left > 0 {
			found, err := r.packet(p)
			if found || err != nil {
				return err
			}
			continue
		}
		status := r.status()
		if r.held {
			atomic.StoreUint32(status, unix.TP_STATUS_KERNEL)
			r.held = false
			r.block = (r.block + 1) % r.blocks
			continue
		}
		if atomic.LoadUint32(status)&unix.TP_STATUS_USER == 0 {
			if err := r.wait(); err != nil {
				return err
			}
			continue
		}
		h := r.header()
		r.held, r.left = true, h.Num_pkts
		r.next = uint64(r.block*r.blockBytes) + uint64(h.Offset_to_first_pkt)
	}
}

// header is that of the current block. The ring is aligned to pages.
func (r *Ring) header() *unix.TpacketHdrV1 {
	const afterVersion = 8 // version and offset to private data
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&r.mem[r.block*r.blockBytes+afterVersion]))
}

func (r *Ring) status() *uint32 { return &r.header().Block_status }

// wait returns nil when there may be a block, or the ring was closed.
func (r *Ring) wait() error {
	fds := [2]unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN | unix.POLLERR}, {Fd: int32(r.wake), Events: unix.POLLIN}}
	n, err := unix.Poll(fds[:], int(r.poll/time.Millisecond))
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("capture on %s: poll: %w", r.name, err)
	case n == 0:
		return capture.ErrIdle
	}
	if fds[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) == 0 {
		return nil
	}
	code, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil {
		err = unix.Errno(code)
	}
	switch err {
	case unix.Errno(0):
		return nil
	case unix.ENETDOWN:
		return fmt.Errorf("interface %s went down: %w", r.name, unix.ENETDOWN)
	}
	return fmt.Errorf("capture on %s: %w", r.name, err)
}
