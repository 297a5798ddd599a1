// Package journal is an append-only log of records in one file, made to
// survive a crash at any moment.
//
// Promises: a record whose Append returned nil is read back by every later
// Open, in order. A record whose Append failed is not read back, or, if the
// machine died in it, may be: callers make repeats harmless. Damage costs the
// damaged record (with what follows it, if its length was hit), is counted, and
// never panics; a torn tail, which is what a crash leaves, is cut off.
//
// Form: the 8 bytes "LWJRNL01", then per record its length and the CRC-32C of
// length and payload (both 4 bytes, little-endian) and the payload. A Journal is
// for one goroutine at a time and for one process.
package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

const (
	magic  = "LWJRNL01"
	header = 8 // of a record

	// MaxRecord bounds a record: a length beyond it is damage, not data.
	MaxRecord = 64 << 20
)

var table = crc32.MakeTable(crc32.Castagnoli)

// ErrBroken is returned once a write failed in a way that leaves unknown what
// is on disk. The journal must be opened again.
var ErrBroken = errors.New("journal needs to be reopened after a failed write")

// A Journal is an open log file.
type Journal struct {
	path   string
	f      *os.File
	size   int64
	broken bool
	buf    []byte
	report Report
}

// A Report says what Open found.
type Report struct {
	Records   int   // read back
	Damaged   int   // skipped in the middle of the file
	TornBytes int64 // cut off at its end
}

// Open opens or creates the journal at path and hands every record to replay,
// in order. The bytes are valid until replay returns; its error ends Open.
func Open(path string, replay func(record []byte) error) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Journal{path: path, f: f}
	if err := j.load(replay); err != nil {
		_ = f.Close() // the first error is the one that matters
		return nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	return j, nil
}

// Report returns what Open found.
func (j *Journal) Report() Report { return j.report }

// Size returns the length of the file in bytes.
func (j *Journal) Size() int64 { return j.size }

func (j *Journal) load(replay func([]byte) error) error {
	data, err := io.ReadAll(j.f) // compaction keeps it to some megabytes
	if err != nil {
		return err
	}
	end := int64(0)
	if len(data) >= len(magic) && string(data[:len(magic)]) != magic {
		return errors.New("it is no journal of this program (wrong first bytes)")
	}
	if len(data) < len(magic) { // new, or died while being made
		j.report.TornBytes = int64(len(data))
		if err := j.f.Truncate(0); err != nil {
			return err
		}
		if _, err := j.f.WriteAt([]byte(magic), 0); err != nil {
			return err
		}
		end = int64(len(magic))
		if err := j.f.Sync(); err != nil {
			return err
		}
		if err := syncDir(filepath.Dir(j.path)); err != nil {
			return err
		}
		j.size = end
		return nil
	}
	for pos := len(magic); pos < len(data); {
		record, n, ok := at(data, pos)
		if !ok {
			// A flipped bit leaves a sound record right behind the damaged one; a torn
			// tail leaves none.
			if n == 0 || pos+n >= len(data) {
				break
			}
			if _, _, next := at(data, pos+n); !next {
				break
			}
			j.report.Damaged++
			pos += n
			continue
		}
		if replay == nil {
			replay = func([]byte) error { return nil }
		}
		if err := replay(record); err != nil {
			return fmt.Errorf("record at byte %d: %w", pos, err)
		}
		j.report.Records++
		pos += n
		end = int64(pos)
	}
	end = max(end, int64(len(magic)))
	if torn := int64(len(data)) - end; torn > 0 {
		j.report.TornBytes = torn
		if err := j.f.Truncate(end); err != nil {
			return err
		}
		if err := j.f.Sync(); err != nil {
			return err
		}
	}
	j.size = end
	return nil
}

// at reads the record at pos; n is the length it claims, 0 if that is absurd.
func at(data []byte, pos int) (record []byte, n int, ok bool) {
	if len(data)-pos < header {
		return nil, 0, false
	}
	size := binary.LittleEndian.Uint32(data[pos:])
	if size == 0 || size > MaxRecord {
		return nil, 0, false
	}
	n = header + int(size)
	if len(data)-pos < n {
		return nil, n, false
	}
	record = data[pos+header : pos+n]
	return record, n, checksum(data[pos:pos+4], record) == binary.LittleEndian.Uint32(data[pos+4:])
}

func checksum(size, record []byte) uint32 {
	return crc32.Update(crc32.Checksum(size, table), table, record)
}

func appendRecord(b, record []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(record)))
	b = binary.LittleEndian.AppendUint32(b, checksum(b[start:start+4], record))
	return append(b, record...)
}

// Append writes records and returns once they are on stable storage. On an
// error none of them counts.
func (j *Journal) Append(records ...[]byte) error {
	if j.broken {
		return ErrBroken
	}
	j.buf = j.buf[:0]
	for _, r := range records {
		if len(r) == 0 || len(r) > MaxRecord {
			return fmt.Errorf("append to journal: record of %d bytes, want 1 to %d", len(r), MaxRecord)
		}
		j.buf = appendRecord(j.buf, r)
	}
	if _, err := j.f.WriteAt(j.buf, j.size); err != nil {
		// Disk full, most likely: give back what was written, so that a later,
		// shorter record does not stand before garbage.
		if terr := j.f.Truncate(j.size); terr != nil {
			j.broken = true
		}
		return fmt.Errorf("append to journal: %w", err)
	}
	if err := j.f.Sync(); err != nil {
		j.broken = true // the kernel may have dropped the pages: nothing can be said about them
		return fmt.Errorf("append to journal: %w", err)
	}
	j.size += int64(len(j.buf))
	if cap(j.buf) > 1<<20 {
		j.buf = nil
	}
	return nil
}

// Rewrite replaces all records by those that write adds, atomically: a crash
// leaves either the old file or the new.
func (j *Journal) Rewrite(write func(add func(record []byte) error) error) (err error) {
	if j.broken {
		return ErrBroken
	}
	tmp := j.path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("compact journal: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(tmp)
			err = fmt.Errorf("compact journal: %w", err)
		}
	}()
	size := int64(len(magic))
	if _, err := f.Write([]byte(magic)); err != nil {
		return err
	}
	var buf []byte
	if err := write(func(record []byte) error {
		if len(record) == 0 || len(record) > MaxRecord {
			return fmt.Errorf("record of %d bytes", len(record))
		}
		buf = appendRecord(buf[:0], record)
		size += int64(len(buf))
		_, err := f.Write(buf)
		return err
	}); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(tmp, j.path); err != nil {
		return err
	}
	old := j.f
	j.f, j.size = f, size
	_ = old.Close() // it has no name any more
	if serr := syncDir(filepath.Dir(j.path)); serr != nil {
		j.broken = true // the new file is in use, but its name may not survive
		return nil
	}
	return nil
}

// Close closes the file. Nothing is lost by not calling it.
func (j *Journal) Close() error { return j.f.Close() }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
