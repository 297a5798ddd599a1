package wire

import "google.golang.org/protobuf/encoding/protowire"

// A Reader decodes records for somebody who wants the calls of some hosts
// only. One goroutine.
type Reader struct {
	// Keep reports whether the calls of a host are wanted. It is asked once for
	// each host of a record.
	Keep func(host string) bool
}

// Decode is the function Decode, but that calls which are not wanted are nil.
// They are counted and numbered all the same; what stands in them is not
// looked at beyond their host, so a fault there is not found.
func (r *Reader) Decode(b []byte) (*Record, error) { return decode(b, r.Keep) }

// wants reports whether a call as it stands is of a host that is wanted.
func (d *decoder) wants(call []byte, keep func(string) bool) bool {
	if d.wanted == nil {
		d.wanted = make([]verdict, len(d.words))
	}
	f, host := fields{b: call}, uint64(0)
	for f.next() {
		if f.num == callHost && f.kind == protowire.VarintType {
			host = f.value
			break
		}
	}
	if f.bad || host >= uint64(len(d.words)) {
		return true // to be found faulty
	}
	if d.wanted[host] == unasked {
		d.wanted[host] = refused
		if keep(d.words[host]) {
			d.wanted[host] = kept
		}
	}
	return d.wanted[host] == kept
}

// A verdict is what Keep said of a word.
type verdict uint8

const (
	unasked verdict = iota
	kept
	refused
)
