// Package pcapfile reads capture files: pcap in all its known variants and
// pcapng.
//
// It promises: packets in the order of the file; Data is a view into the read
// buffer, nothing is copied; a broken or cut-off file yields every packet that
// precedes the fault and then an *Error that names the file and the byte
// offset. No length in the file is trusted: a record of more than MaxRecord
// bytes ends a pcap file (there is no way to find the next one) and is skipped
// and counted in a pcapng file, whose blocks say where they end. Memory is one
// buffer of 1 MiB and at most maxInterfaces small entries.
//
// Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, and libpcap's
// savefile code for the variants. The reader is our own because gopacket's
// keeps link types in 8 bits, so that Linux cooked v2 (276) becomes another.
//
// Regular files are read, not mapped: another process that truncates a mapped
// file kills the reader with SIGBUS, and reading costs one copy through cache.
package pcapfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"

	"lapwing/capture"
)

// MaxRecord is the largest packet that is read, the limit that libpcap sets
// itself (MAXIMUM_SNAPLEN): no usual capture tool writes a larger one.
const MaxRecord = 256 << 10

// An Error is a fault of a capture file.
type Error struct {
	Name   string // of the file, as given to New
	Offset int64  // of the first byte of the record or block at fault, after decompression
	Err    error  // what is wrong; io.ErrUnexpectedEOF within when the file is cut off
}

func (e *Error) Error() string { return fmt.Sprintf("%s: byte %d: %v", e.Name, e.Offset, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// A Reader reads one capture file. It is a capture.Source.
type Reader struct {
	name   string
	w      window
	format format
	closer io.Closer
	closed atomic.Bool
	counts capture.Counters
	err    error // sticky
}

var _ capture.Source = (*Reader)(nil)

// A format finds the next packet in the window. It reports each unreadable
// record on the counters and skips what is no packet.
type format interface {
	next(w *window, c *capture.Counters, p *capture.Packet) error
}

// Is reports whether head, the first four bytes of a file, begins a capture
// file, and whether that is pcapng.
func Is(head []byte) (capture, pcapng bool) {
	if len(head) < 4 {
		return false, false
	}
	if binary.BigEndian.Uint32(head) == blockSection {
		return true, true
	}
	_, ok := variantOf(head)
	return ok, false
}

// New reads the header of a capture file from r. name is used in errors. If r
// is an io.Closer, Close closes it.
func New(r io.Reader, name string) (*Reader, error) {
	rd := &Reader{name: name, w: window{r: r}}
	rd.closer, _ = r.(io.Closer)
	head, err := rd.w.peek(4)
	if err != nil {
		return nil, rd.fault(0, cutOff("file header", err))
	}
	isCapture, pcapng := Is(head)
	switch {
	case pcapng:
		rd.format = &ng{}
	case isCapture:
		f, err := newClassic(&rd.w)
		if err != nil {
			return nil, rd.fault(0, err)
		}
		rd.format = f
	default:
		return nil, rd.fault(0, fmt.Errorf("not a capture file (starts with % x)", head))
	}
	return rd, nil
}

// Next implements capture.Source.
func (r *Reader) Next(p *capture.Packet) error {
	if r.closed.Load() {
		return capture.ErrClosed
	}
	if r.err != nil {
		return r.err
	}
	if err := r.format.next(&r.w, &r.counts, p); err != nil {
		if r.closed.Load() {
			err = capture.ErrClosed
		} else if err != io.EOF {
			err = r.fault(r.w.offset(), err)
		}
		r.err = err
		return err
	}
	r.counts.Packet(p)
	return nil
}

// Stats implements capture.Source. The kernel counts come from the interface
// statistics blocks of a pcapng file, which count for the whole capture.
func (r *Reader) Stats() capture.Stats { return r.counts.Load() }

// Name is the name that errors carry.
func (r *Reader) Name() string { return r.name }

// Close implements capture.Source. It wakes a blocked Next if closing the
// underlying reader does.
func (r *Reader) Close() error {
	if r.closed.Swap(true) || r.closer == nil {
		return nil
	}
	if err := r.closer.Close(); err != nil {
		return fmt.Errorf("close %s: %w", r.name, err)
	}
	return nil
}

func (r *Reader) fault(offset int64, err error) error {
	return &Error{Name: r.name, Offset: offset, Err: err}
}

// cutOff turns the end of the stream inside what into a sentence.
func cutOff(what string, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("file ends inside a %s: %w", what, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("read %s: %w", what, err)
}

// linkType cleans a link type as written in a file: the upper bits of the pcap
// field hold the length of the frame check sequence, and old files carry the
// writing system's DLT_RAW instead of LINKTYPE_RAW.
func linkType(v uint32) uint32 {
	v &= 0xffff
	if v == 12 || v == 14 {
		return capture.LinkRaw
	}
	return v
}
