package snapshot

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"reflect"
	"unsafe"

	"github.com/klauspost/compress/zstd"
)

const (
	magic         = "LWSNAP"
	formatVersion = 1
	trailer       = "LWSEND"
	// maxMemory is how much a snapshot may make Load allocate.
	maxMemory = 16 << 30
	// window bounds what the decompressor keeps.
	window = 4 << 20
)

// Save writes the state below root, a pointer to a struct, compressed by zstd.
// It fails if something is reached that cannot be written, or w fails.
func Save(w io.Writer, root any) error {
	t, err := discover(root)
	if err != nil {
		return err
	}
	top := rootOf(t, root)
	e := newEncoder(t, nil)
	sum := fingerprint(t, e.configuration(top))
	if e.err != nil {
		return e.err
	}
	if _, err := w.Write(append(append([]byte(magic), formatVersion), sum[:]...)); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window), zstd.WithEncoderCRC(true))
	if err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	e.w = z
	e.graph(top)
	if err := errors.Join(e.err, z.Close()); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

// Load reads what Save wrote into root, which the same constructor has made
// from the same configuration. It returns ErrOther if they differ, and
// ErrCorrupt, or what r failed with, when the bytes cannot be trusted.
func Load(r io.Reader, root any) error { return load(r, root, maxMemory) }

func load(r io.Reader, root any, memory int64) (err error) {
	defer func() {
		// The last line: whatever bytes bring about costs this snapshot, not the process.
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, fault)
		}
	}()
	t, err := discover(root)
	if err != nil {
		return err
	}
	top := rootOf(t, root)
	e := newEncoder(t, nil)
	want := fingerprint(t, e.configuration(top))
	if e.err != nil {
		return e.err
	}
	var head [len(magic) + 1 + sha256.Size]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return fmt.Errorf("%w: its head breaks off (%w)", ErrCorrupt, err)
	}
	switch {
	case string(head[:len(magic)]) != magic:
		return fmt.Errorf("%w: it does not begin like one", ErrCorrupt)
	case head[len(magic)] != formatVersion || !bytes.Equal(head[len(magic)+1:], want[:]):
		return ErrOther
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(2*window), zstd.WithDecoderLowmem(true))
	if err != nil {
		return fmt.Errorf("read snapshot: %w", err)
	}
	defer z.Close()
	d := newDecoder(t, z, e.numbers, memory)
	d.graph(top)
	if d.err == nil { // the checksum stands behind the last byte
		if n, err := io.Copy(io.Discard, z); err != nil || n != 0 || d.at != d.end {
			d.corrupt("its end is wrong (%v)", err)
		}
	}
	if d.err == nil {
		d.restored()
	}
	return d.err
}

// graph writes the root and all that hangs below it.
func (e *encoder) graph(top object) {
	e.ref(top.at, top.plan)
	e.drain()
	e.uvarint(uint64(len(e.numbers)))
	e.bytes([]byte(trailer))
	e.flush()
}

func newDecoder(t *types, r io.Reader, known map[object]uint64, memory int64) *decoder {
	d := &decoder{t: t, r: r, buf: make([]byte, chunk), left: memory, claimed: map[unsafe.Pointer]bool{}}
	d.objects = make([]object, len(known))
	for o, n := range known {
		d.objects[n-1] = o
	}
	d.known = len(d.objects)
	return d
}

// graph reads what encoder.graph wrote.
func (d *decoder) graph(top object) {
	d.ref(top.at, top.plan)
	d.drain()
	count := d.uvarint()
	var end [len(trailer)]byte
	d.read(end[:])
	if d.err == nil && (string(end[:]) != trailer || count != uint64(len(d.objects))) {
		d.corrupt("it does not end like one")
	}
}

func rootOf(t *types, root any) object {
	v := reflect.ValueOf(root)
	return object{v.UnsafePointer(), t.byType[v.Type().Elem()]}
}

// fingerprint joins that of the types and that of the configuration.
func fingerprint(t *types, configuration [sha256.Size]byte) [sha256.Size]byte {
	return sha256.Sum256(append(t.sum[:], configuration[:]...))
}
