package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
)

// The position file says how far the log has been shipped. It has two slots
// that are written in turn, so that a torn write leaves the one before: what
// was shipped since then is shipped again, as the very same bytes. Two more
// hold the positions that the disk was waited for: behind the newest of them
// the log has been cut, and nothing unfinished is written over it.
const (
	positionName = "position"
	slotBytes    = 8 << 10
	slots        = 4
)

// A mark is how far one partition has been shipped.
type mark struct {
	boot uint64
	next uint64 // number expected next
	own  uint64 // calls that the packer had dropped by then

	// Not kept across restarts.
	ownTally   tally  // own, by reason
	extraTally tally  // what the last record said of losses behind the packer
	damaged    tally  // losses found while shipping, of a boot that is over
	tail       uint64 // number after the last damaged record whose header was readable
	known      uint64 // calls of damaged records since the last sound one
}

type positions struct {
	fs    FS
	name  string
	file  File // nil while the disk takes none
	turn  uint64
	safe  int64 // slot for the next position that the disk is waited for, 2 or 3
	place place
	marks map[int]*mark
}

// openPositions reads the position, if there is one that can be read. A disk
// that takes no file now may take one later.
func openPositions(fs FS, dir string) *positions {
	p := &positions{fs: fs, name: filepath.Join(dir, positionName), marks: map[int]*mark{}, safe: 2}
	if p.open() != nil {
		return p // save tries again
	}
	var b [slotBytes]byte
	var newest uint64
	for slot := range int64(slots) {
		n, _ := readFull(p.file, b[:], slot*slotBytes) // a file that was cut ends early
		clear(b[n:])
		if turn, ok := p.load(b[:]); ok && slot >= 2 && turn > newest {
			newest, p.safe = turn, 5-slot
		}
	}
	return p
}

// open opens or makes the file. Its room is taken at once: a full disk must
// not stop what frees it.
func (p *positions) open() error {
	file, err := p.fs.Open(p.name)
	if errors.Is(err, os.ErrNotExist) {
		if file, err = p.fs.Create(p.name); err != nil {
			return err
		}
		if _, err = file.WriteAt(make([]byte, slots*slotBytes), 0); err == nil {
			err = p.fs.SyncDir(filepath.Dir(p.name))
		}
		if err != nil {
			return errors.Join(err, file.Close(), p.fs.Remove(p.name))
		}
	}
	if err == nil {
		p.file = file
	}
	return err
}

// load takes what a slot says if it is newer, and returns its turn.
func (p *positions) load(b []byte) (turn uint64, ok bool) {
	n := int(binary.LittleEndian.Uint16(b[28:]))
	end := 30 + 26*n
	if end+4 > len(b) || int64(binary.LittleEndian.Uint64(b[16:])) < 0 || crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return 0, false
	}
	turn = binary.LittleEndian.Uint64(b)
	if turn <= p.turn {
		return turn, true
	}
	p.turn = turn
	p.place = place{binary.LittleEndian.Uint64(b[8:]), int64(binary.LittleEndian.Uint64(b[16:]))}
	clear(p.marks)
	for e := b[30:end]; len(e) > 0; e = e[26:] {
		p.marks[int(binary.LittleEndian.Uint16(e))] = &mark{
			boot: binary.LittleEndian.Uint64(e[2:]), next: binary.LittleEndian.Uint64(e[10:]), own: binary.LittleEndian.Uint64(e[18:])}
	}
	return turn, true
}

// save notes the position. It need not wait for the disk: an older position is
// as good, only longer to ship again, as long as the log reaches back so far.
func (p *positions) save(wait bool) error {
	if p.file == nil {
		if err := p.open(); err != nil {
			return err
		}
	}
	p.turn++
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, slotBytes), p.turn)
	b = binary.LittleEndian.AppendUint64(b, p.place.segment)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.place.offset))
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(p.marks)))
	for _, partition := range sortedKeys(p.marks) {
		m := p.marks[partition]
		b = binary.LittleEndian.AppendUint16(b, uint16(partition))
		b = binary.LittleEndian.AppendUint64(b, m.boot)
		b = binary.LittleEndian.AppendUint64(b, m.next)
		b = binary.LittleEndian.AppendUint64(b, m.own)
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if !wait {
		_, err := p.file.WriteAt(b, int64(p.turn%2)*slotBytes)
		return err
	}
	if _, err := p.file.WriteAt(b, p.safe*slotBytes); err != nil {
		return err
	}
	if err := p.file.Sync(); err != nil {
		return err
	}
	p.safe = 5 - p.safe
	return nil
}

func sortedKeys(m map[int]*mark) []int {
	out := make([]int, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
