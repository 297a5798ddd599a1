package wire

import (
	"bytes"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"lapwing/event"
)

// Bounds of what Decode accepts. The encoder's callers stay far below: they
// keep a record under 900 KB, because Kafka refuses more than 1 MB by default.
const (
	MaxRecord   = 1 << 20  // bytes of an encoded record
	MaxCalls    = 1 << 14  // calls in a record
	MaxExpanded = 64 << 20 // bytes of all strings of all calls, each counted wherever it is used
	maxNames    = 1 << 12  // bytes of a sensor's name, a source or a reason
)

// Decode reads one record. Every length and every count is checked against the
// bytes that are there: memory is bounded by some fifty times len(b). Nothing
// in the record refers to b afterwards. Errors wrap ErrNewer or ErrMalformed.
//
// Calls of one record share memory in blocks of a few kilobytes, so that
// keeping one string alive keeps that much and not the record.
func Decode(b []byte) (*Record, error) { return decode(b, nil) }

func decode(b []byte, keep func(host string) bool) (*Record, error) {
	if len(b) > MaxRecord {
		return nil, malformed("%d bytes, at most %d are accepted", len(b), MaxRecord)
	}
	d := decoder{b: b}
	r := &Record{}
	calls, err := d.head(r)
	if err != nil {
		return nil, err
	}
	if err := d.readKeySets(); err != nil {
		return nil, err
	}
	if calls == 0 {
		return r, nil
	}
	r.Calls = make([]*event.Call, 0, calls)
	f := fields{b: b}
	for f.next() {
		if f.num != recordCalls || f.kind != protowire.BytesType {
			continue
		}
		if keep != nil && !d.wants(f.bytes, keep) {
			r.Calls = append(r.Calls, nil)
			continue
		}
		c := d.newCall(calls - len(r.Calls))
		if err := d.call(c, f.bytes, r.Sensor); err != nil {
			return nil, err
		}
		r.Calls = append(r.Calls, c)
	}
	return r, nil
}

// A decoder holds what the calls of one record share.
type decoder struct {
	b    []byte
	base int64

	words   []string // the dictionary
	wanted  []verdict
	sets    [][]byte // key sets as they stand
	keys    [][]string
	weights []int // of each of keys: what a call that refers to it adds to used
	used    int   // bytes of strings that the calls refer to
	bad     bool
	window  string // the part of b that words are cut from, copied
	from    int    // where in b the window begins
	slab    []event.Call
	refs    []event.IDRef
	columns columns
	reqs    []uint64
	resps   []uint64
	lists   [2]list // the last list of sensitive classes of either direction
}

type list struct {
	raw    []byte
	words  []string
	weight int
}

// head reads everything but the calls, of which it returns the number.
func (d *decoder) head(r *Record) (calls int, err error) {
	words, sets, heartbeats, drops := 0, 0, 0, 0
	var major uint64
	f := fields{b: d.b}
	for f.next() {
		switch {
		case f.num == recordMajor && f.kind == protowire.VarintType:
			major = f.value
		case f.num == recordStrings && f.kind == protowire.BytesType:
			words++
		case f.num == recordKeySets && f.kind == protowire.BytesType:
			sets++
		case f.num == recordCalls && f.kind == protowire.BytesType:
			calls++
		case f.num == recordHeartbeats:
			heartbeats++
		case f.num == recordDrops:
			drops++
		}
	}
	// The version comes before any doubt about the rest.
	if major > Major {
		return 0, errNewer(major)
	}
	switch {
	case f.bad:
		return 0, malformed("fields are cut off or broken at byte %d", f.at)
	case major == 0:
		return 0, malformed("it has no version; is this another producer's message?")
	case calls > MaxCalls:
		return 0, malformed("%d calls, at most %d are accepted", calls, MaxCalls)
	}
	d.words, d.sets = make([]string, 0, words+1), make([][]byte, 0, sets)
	if heartbeats > 0 {
		r.Heartbeats = make([]event.Heartbeat, 0, heartbeats)
	}
	if drops > 0 {
		r.Drops = make([]Drop, 0, drops)
	}
	f = fields{b: d.b}
	for f.next() {
		switch f.num {
		case recordSensor:
			if !utf8.Valid(f.bytes) || len(f.bytes) > maxNames {
				return 0, malformed("the sensor's name is no text of at most %d bytes", maxNames)
			}
			r.Sensor = string(f.bytes)
		case recordBoot:
			r.Boot = f.value
		case recordFirst:
			r.First = f.value
		case recordBaseTime:
			d.base = protowire.DecodeZigZag(f.value)
		case recordStrings:
			if f.kind == protowire.BytesType {
				d.addWord(f.at-len(f.bytes), f.at)
			}
		case recordKeySets:
			if f.kind == protowire.BytesType {
				d.sets = append(d.sets, f.bytes)
			}
		case recordHeartbeats:
			h, err := heartbeat(f.bytes)
			if err != nil {
				return 0, err
			}
			r.Heartbeats = append(r.Heartbeats, h)
		case recordDrops:
			drop, err := drop(f.bytes)
			if err != nil {
				return 0, err
			}
			r.Drops = append(r.Drops, drop)
		case recordKeyMark:
			r.KeyMark = uint32(f.value)
		}
	}
	if len(d.words) > 0 && d.words[0] != "" {
		return 0, malformed("strings[0] is not empty")
	}
	if len(d.words) == 0 {
		d.words = append(d.words, "")
	}
	if r.First+uint64(calls) < r.First {
		return 0, malformed("sequence numbers from %d overflow", r.First)
	}
	return calls, nil
}

const windowBytes = 4096

// addWord appends b[from:to] to the dictionary. Words that stand near each
// other are cut from one copy.
func (d *decoder) addWord(from, to int) {
	if to > d.from+len(d.window) || from < d.from {
		end := max(to, min(from+windowBytes, len(d.b)))
		d.window, d.from = string(d.b[from:end]), from
	}
	d.words = append(d.words, d.window[from-d.from:to-d.from])
}

func (d *decoder) readKeySets() error {
	d.keys, d.weights = make([][]string, len(d.sets)), make([]int, len(d.sets))
	for i, raw := range d.sets {
		f := fields{b: raw}
		d.columns.names = d.columns.names[:0]
		for f.next() {
			if f.num == keySetKeys {
				d.columns.names = f.appendVarints(d.columns.names)
			}
		}
		if f.bad {
			return malformed("key set %d is broken", i)
		}
		keys := make([]string, len(d.columns.names))
		d.used = 0
		for j, n := range d.columns.names {
			keys[j] = d.word(n)
		}
		d.keys[i], d.weights[i] = keys, d.used+8*len(keys)
	}
	d.used = 0
	if d.bad {
		return malformed("a key set refers to a string that is not there")
	}
	return nil
}

// wordList resolves the values of a list. raw is how they stand in the record,
// nil if they stand in several places; equal lists in a row are one.
func (d *decoder) wordList(which int, values []uint64, raw []byte) []string {
	last := &d.lists[which]
	if raw != nil && bytes.Equal(raw, last.raw) {
		d.used += last.weight
		return last.words
	}
	before := d.used
	out := make([]string, len(values))
	for i, n := range values {
		out[i] = d.word(n)
	}
	*last = list{raw, out, d.used - before}
	return out
}

// word resolves an index into the dictionary; a wrong one is noted.
func (d *decoder) word(n uint64) string {
	if n >= uint64(len(d.words)) {
		d.bad = true
		return ""
	}
	s := d.words[n]
	d.used += len(s)
	return s
}

// Calls and identifiers are allocated in blocks, small enough that one call
// which outlives the others does not keep much.
const (
	slabCalls = 16
	slabRefs  = 256
)

func (d *decoder) newCall(left int) *event.Call {
	if len(d.slab) == 0 {
		d.slab = make([]event.Call, min(slabCalls, left))
	}
	c := &d.slab[0]
	d.slab = d.slab[1:]
	return c
}

func (d *decoder) newRefs(n int) []event.IDRef {
	if n > slabRefs/4 {
		return make([]event.IDRef, n)
	}
	if len(d.refs) < n {
		d.refs = make([]event.IDRef, slabRefs)
	}
	out := d.refs[:n:n]
	d.refs = d.refs[n:]
	return out
}

func heartbeat(b []byte) (h event.Heartbeat, err error) {
	f := fields{b: b}
	for f.next() {
		switch f.num {
		case heartbeatSource:
			if len(f.bytes) > maxNames {
				return h, malformed("a heartbeat's source has %d bytes, at most %d are accepted", len(f.bytes), maxNames)
			}
			h.Source = string(f.bytes)
		case heartbeatLow:
			h.LowNS = protowire.DecodeZigZag(f.value)
		case heartbeatRetired:
			h.Retired = f.value != 0
		}
	}
	if f.bad {
		return h, malformed("a heartbeat is broken")
	}
	return h, nil
}

func drop(b []byte) (d Drop, err error) {
	f := fields{b: b}
	for f.next() {
		switch f.num {
		case dropReason:
			if !utf8.Valid(f.bytes) || len(f.bytes) > maxNames {
				return d, malformed("a drop's reason is no text of at most %d bytes", maxNames)
			}
			d.Reason = string(f.bytes)
		case dropCalls:
			d.Calls = f.value
		}
	}
	if f.bad {
		return d, malformed("a drop is broken")
	}
	return d, nil
}
