package spool

import (
	"fmt"

	"github.com/klauspost/compress/zstd"

	"lapwing/stream/wire"
)

// A frame is a record as it is read back.
type frame struct {
	header
	own, extra tally  // drops of the packer, and of the shipper, that stand in it
	value      []byte // the encoded wire.Record
	damaged    bool   // only the header could be read
	end        place  // where to read on
}

// A reader reads what is committed, in order, and skips what is damaged.
type reader struct {
	j     *journal
	unzip *zstd.Decoder
	head  [headerBytes]byte
	// packed is scratch for what is unpacked into memory of its own.
	packed []byte
}

func newReader(j *journal) (*reader, error) {
	unzip, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPayload+1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return &reader{j: j, unzip: unzip}, nil
}

// next returns the first record at or after p, or false if there is none yet;
// the place returned then is where to look again.
func (r *reader) next(p place) (*frame, place, bool) {
	for {
		seg, end := r.segment(&p)
		if seg == nil || p.offset >= end {
			return nil, p, false
		}
		h, ok := readHeader(seg.file, p.offset, r.head[:])
		if after := p.offset + headerBytes + int64(h.length); ok && after <= end {
			at := p.offset
			p.offset = after
			if h.kind != kindRecord || r.j.isVoid(h.group) {
				continue
			}
			f := &frame{header: h, end: p}
			f.damaged = r.payload(seg.file, at+headerBytes, f) != nil
			return f, p, true
		}
		p.offset, _ = resync(seg.file, p.offset+1, end)
	}
}

// segment returns the segment that p stands in, and moves p on from the end of one to the next.
func (r *reader) segment(p *place) (*segment, int64) {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	for i, s := range r.j.segments {
		if s.id < p.segment {
			continue
		}
		if s.id > p.segment {
			*p = place{s.id, 0}
		}
		if p.offset < s.end || i == len(r.j.segments)-1 {
			return s, s.end
		}
	}
	return nil, 0
}

func (r *reader) payload(f File, at int64, out *frame) error {
	if cap(r.packed) < out.length {
		r.packed = make([]byte, out.length)
	}
	b := r.packed[:out.length]
	if out.flags&flagZstd == 0 {
		b = make([]byte, out.length) // it is handed out as it is
	}
	if _, err := readFull(f, b, at); err != nil {
		return err
	}
	if !out.sound(b) {
		return errPayload
	}
	if out.flags&flagZstd != 0 {
		unpacked, err := r.unzip.DecodeAll(b, make([]byte, 0, out.raw))
		if err != nil || len(unpacked) != out.raw {
			return fmt.Errorf("unpack: %w", errPayload)
		}
		b = unpacked
	}
	c := cutter{b: b}
	out.own, out.extra = c.tally(), c.tally()
	if c.bad || out.partition >= wire.Slots {
		return errPayload
	}
	out.value = c.b
	return nil
}
