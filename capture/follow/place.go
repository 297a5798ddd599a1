package follow

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// headBytes is how much of a file's beginning a fingerprint covers at most.
const headBytes = 1024

// A fingerprint identifies the content of a file.
type fingerprint struct {
	length int    // bytes covered, 1 to headBytes
	hash   uint64 // FNV-1a
	inode  uint64 // 0 unless another file began alike
}

func (p fingerprint) String() string {
	s := fmt.Sprintf("%03x-%016x", p.length, p.hash)
	if p.inode != 0 {
		s += fmt.Sprintf("@%x", p.inode)
	}
	return s
}

func parseFingerprint(s string) (p fingerprint, ok bool) {
	s, inode, has := strings.Cut(s, "@")
	length, hash, _ := strings.Cut(s, "-")
	n, err1 := strconv.ParseUint(length, 16, 16)
	h, err2 := strconv.ParseUint(hash, 16, 64)
	var err3 error
	if has {
		p.inode, err3 = strconv.ParseUint(inode, 16, 64)
	}
	p.length, p.hash = int(n), h
	return p, err1 == nil && err2 == nil && err3 == nil && n >= 1 && n <= headBytes
}

// FNV-1a, Fowler, Noll, Vo.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func hash(b []byte) uint64 {
	h := uint64(fnvOffset)
	for _, c := range b {
		h = (h ^ uint64(c)) * fnvPrime
	}
	return h
}

// complete reports whether the beginning of a file is enough for a
// fingerprint: a whole line, or all bytes that one covers.
func complete(head []byte) bool {
	return len(head) >= headBytes || bytes.IndexByte(head, '\n') >= 0
}

// A place is how far a file was read.
type place struct {
	print  fingerprint
	source string
	end    int64
	open   *tail // that reads it, if any
}

// places remember files by fingerprint, oldest first.
type places struct {
	byPrint map[fingerprint]*place
	order   []*place
	lengths []int // of all fingerprints, longest first
}

func (ps *places) load(resume map[string]int64) error {
	ps.byPrint = map[fingerprint]*place{}
	sources := make([]string, 0, len(resume))
	for source := range resume {
		sources = append(sources, source)
	}
	slices.Sort(sources)
	for _, source := range sources {
		i := strings.LastIndexByte(source, '#')
		p, ok := parseFingerprint(source[i+1:])
		if !strings.HasPrefix(source, "log:") || i < 0 || !ok || resume[source] < 0 {
			return fmt.Errorf("%q is no source to resume", source)
		}
		// The same file under two names: what was read further counts.
		if old := ps.byPrint[p]; old != nil && old.end >= resume[source] {
			continue
		} else if old != nil {
			old.source, old.end = source, resume[source]
			continue
		}
		ps.add(&place{print: p, source: source, end: resume[source]})
	}
	return nil
}

func (ps *places) add(p *place) {
	if len(ps.order) >= maxPlaces {
		for i, old := range ps.order {
			if old.open == nil {
				delete(ps.byPrint, old.print)
				ps.order = slices.Delete(ps.order, i, i+1)
				break
			}
		}
	}
	ps.byPrint[p.print] = p
	ps.order = append(ps.order, p)
	i, found := slices.BinarySearchFunc(ps.lengths, p.print.length, func(a, b int) int { return b - a })
	if !found {
		ps.lengths = slices.Insert(ps.lengths, i, p.print.length)
	}
}

// find returns the place of a file that begins with head, the most certain one
// first: by inode, then by the longest beginning.
func (ps *places) find(head []byte, inode uint64) *place {
	var hashes [headBytes + 1]uint64
	h := uint64(fnvOffset)
	for i, c := range head {
		h = (h ^ uint64(c)) * fnvPrime
		hashes[i+1] = h
	}
	for _, id := range []uint64{inode, 0} {
		for _, n := range ps.lengths {
			if n > len(head) {
				continue
			}
			if p := ps.byPrint[fingerprint{n, hashes[n], id}]; p != nil {
				return p
			}
		}
	}
	return nil
}

// claim makes a new place for a file that begins with head.
func (ps *places) claim(path string, head []byte, inode uint64) *place {
	print := fingerprint{length: len(head), hash: hash(head)}
	if ps.byPrint[print] != nil {
		print.inode = inode
		if old := ps.byPrint[print]; old != nil { // the same file again, rewritten with the same beginning
			old.end = 0
			return old
		}
	}
	p := &place{print: print, source: "log:" + path + "#" + print.String()}
	ps.add(p)
	return p
}
