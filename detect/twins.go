package detect

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"lapwing/detect/state"
	"lapwing/event"
)

// Twins are a call that was seen as packets and the line that a gateway wrote
// about it. They are one call, which is judged once, as packets: those show
// more. Nothing names them as twins, so they are found by what both show:
// method, path, status, host where both have one, the caller (to a log the
// caller may be who packets see as the peer), and the time.
//
// Two calls of one source are never taken for one: each line finds at most one
// call and each call is found by at most one line, so that n lines and m calls
// which look the same are max(n, m) calls.
//
// The clock of a log may be off by two seconds, its lines may have whole
// seconds only, and some name the begin of a call. How far the lines of a log
// are off is learned from those that leave no choice, and then narrows the
// time within which twins are looked for.
//
// All of it costs something only while both kinds of source are read.
type twins struct {
	seed     uint64 `snapshot:"same"`
	packetNS int64  // when calls of either kind were judged last
	logNS    int64
	both     bool

	list  []single        // of packets, as they came; the oldest first
	first uint64          // number of the first in the list
	lanes map[uint64]lane // by what both show: of those that no line has found
	logs  map[string]*drift
}

// A single is a call seen as packets.
type single struct {
	atNS int64
	host uint64    // 0 if it shows none
	keys [2]uint64 // of the lanes it is in; 0 once a line has found it
}

// A lane holds the numbers of singles that look the same, in order of time.
type lane []uint64

const (
	// earliest and latest are how far a packet's end may lie from a line's: two
	// seconds of a wrong clock, and one of lines with whole seconds.
	earliestNS = -2 * second
	latestNS   = 3 * second
	// aheadNS is how long ticks wait for the packets of a line.
	aheadNS = latestNS
	// bothNS after the last call of one kind, only the other is read.
	bothNS = int64(time.Hour)
	// singlesNS is how long singles wait for lines that come late.
	singlesNS = int64(2 * time.Minute)
	// maxSingles bounds them: 10 MB with their lanes.
	maxSingles = 1 << 16
	// maxLooks bounds how many that look the same are tried for one line.
	maxLooks = 256
	// maxLogs is of how many logs the drift is learned.
	maxLogs = 256
)

func newTwins(seed uint64) twins {
	return twins{seed: seed, lanes: map[uint64]lane{}, logs: map[string]*drift{}}
}

// ahead is how long ticks wait.
func (t *twins) ahead() int64 {
	if t.both {
		return aheadNS
	}
	return 0
}

// meets notes what kinds of call a bucket has, and reports whether both kinds
// are read.
func (t *twins) meets(b *bucket) bool {
	if b.kinds&(1<<event.SourcePacket) != 0 {
		t.packetNS = max(t.packetNS, b.secondNS)
	}
	if b.kinds&(1<<event.SourceLog) != 0 {
		t.logNS = max(t.logNS, b.secondNS)
	}
	t.both = t.packetNS != 0 && t.logNS != 0 && b.secondNS-min(t.packetNS, t.logNS) < bothNS
	if !t.both && len(t.list) > 0 {
		t.list, t.first = nil, t.first+uint64(len(t.list))
		clear(t.lanes)
	}
	return t.both
}

// introduce makes the calls of a bucket known that were seen as packets.
func (t *twins) introduce(b *bucket) {
	if b.kinds&(1<<event.SourcePacket) == 0 {
		return
	}
	for i := range b.calls {
		c := b.calls[i].call
		if c.Source != event.SourcePacket || b.calls[i].introduced {
			continue
		}
		b.calls[i].introduced = true
		s := single{atNS: b.calls[i].atNS, host: t.host(c)}
		s.keys[0] = t.key(c, c.Client)
		if peer := c.Peer.Addr(); peer.IsValid() && peer != c.Client {
			s.keys[1] = t.key(c, peer)
		}
		if len(t.list) >= maxSingles {
			t.pop()
		}
		n := t.first + uint64(len(t.list))
		t.list = append(t.list, s)
		for _, k := range s.keys {
			if k != 0 {
				t.lanes[k] = t.put(t.lanes[k], n, s.atNS)
			}
		}
	}
}

// put adds a number to a lane, in order of time.
func (t *twins) put(l lane, n uint64, atNS int64) lane {
	i := len(l)
	for i > 0 && t.of(l[i-1]).atNS > atNS {
		i--
	}
	return slices.Insert(l, i, n)
}

func (t *twins) of(n uint64) *single { return &t.list[n-t.first] }

// has reports whether a line is about a call that was seen as packets, which it
// takes.
func (t *twins) has(c *event.Call, atNS int64) bool {
	if !t.both || c.Source != event.SourceLog {
		return false
	}
	key := t.key(c, c.Client)
	l := t.lanes[key]
	if len(l) == 0 {
		return false
	}
	host := t.host(c)
	d := t.drift(c.Sensor)
	from, to := d.within()
	i, _ := slices.BinarySearchFunc(l, atNS+earliestNS, func(n uint64, at int64) int {
		if t.of(n).atNS < at {
			return -1
		}
		return 1
	})
	found, fit, offNS := uint64(0), 0, int64(0)
	for looks := 0; i < len(l) && looks < maxLooks; i++ {
		s := t.of(l[i])
		off := s.atNS - atNS
		if off >= latestNS || fit > 1 && (found != 0 || off >= to) {
			break
		}
		looks++
		if s.host != host && s.host != 0 && host != 0 {
			continue
		}
		fit++
		offNS = off
		if found == 0 && off >= from && off < to {
			found = l[i] + 1
		}
	}
	if fit == 1 { // no choice: the time between them is that of twins
		d.learn(offNS)
	}
	if found == 0 {
		return false
	}
	t.take(found - 1)
	return true
}

// take takes a single out of its lanes.
func (t *twins) take(n uint64) {
	s := t.of(n)
	for i, k := range s.keys {
		if k == 0 {
			continue
		}
		l := t.lanes[k]
		switch at := slices.Index(l, n); {
		case at == 0:
			l = l[1:]
		case at > 0:
			l = slices.Delete(l, at, at+1)
		}
		if len(l) == 0 {
			delete(t.lanes, k)
		} else {
			t.lanes[k] = l
		}
		s.keys[i] = 0
	}
}

// key joins what both show. It is never 0.
func (t *twins) key(c *event.Call, caller netip.Addr) uint64 {
	b := caller.As16()
	k := state.Join(state.Hash(t.seed, string(b[:])), state.Hash(t.seed, c.Path))
	return state.Join(k, state.Hash(t.seed, c.Method)+uint64(c.Status)) | 1
}

// host is the key of a call's host without its port, which logs leave out.
func (t *twins) host(c *event.Call) uint64 {
	h := c.Host
	if i := strings.LastIndexByte(h, ':'); i >= 0 && !strings.HasSuffix(h, "]") {
		h = h[:i]
	}
	if h == "" {
		return 0
	}
	return state.Hash(t.seed, h) | 1
}

// forget lets go of singles that no line will be about any more.
func (t *twins) forget(nowNS int64) {
	for len(t.list) > 0 && t.list[0].atNS < nowNS-singlesNS {
		t.pop()
	}
}

func (t *twins) pop() {
	t.take(t.first)
	t.list, t.first = t.list[1:], t.first+1
}

func (t *twins) drift(sensor string) *drift {
	d := t.logs[sensor]
	if d == nil {
		if len(t.logs) >= maxLogs {
			sensor = "" // the rest together
			if d = t.logs[sensor]; d != nil {
				return d
			}
		}
		d = &drift{}
		t.logs[strings.Clone(sensor)] = d
	}
	return d
}

const (
	driftBinNS = second / 10
	driftBins  = int((latestNS - earliestNS) / driftBinNS)
	// driftFrom pairs that left no choice tell how far a log is off.
	driftFrom = 100
	// driftMost pairs are counted before the counts are halved, so that a clock
	// that is put right is followed.
	driftMost = 4096
)

// A drift is how far the lines of one log are from the packets they are about:
// a histogram in tenths of a second.
type drift struct {
	n    uint32
	bins [driftBins]uint32
}

func (d *drift) learn(offNS int64) {
	d.bins[min(max((offNS-earliestNS)/driftBinNS, 0), int64(driftBins-1))]++
	if d.n++; d.n >= driftMost {
		d.n = 0
		for i := range d.bins {
			d.bins[i] /= 2
			d.n += d.bins[i]
		}
	}
}

// within is where 98 % of what was learned lies, and a tenth of a second to
// each side.
func (d *drift) within() (fromNS, toNS int64) {
	if d.n < driftFrom {
		return earliestNS, latestNS
	}
	cut := d.n / 100
	from, sum := 0, uint32(0)
	for ; from < driftBins-1 && sum+d.bins[from] <= cut; from++ {
		sum += d.bins[from]
	}
	to := driftBins
	for sum = 0; to > from+1 && sum+d.bins[to-1] <= cut; to-- {
		sum += d.bins[to-1]
	}
	return earliestNS + int64(max(from-1, 0))*driftBinNS, earliestNS + int64(min(to+1, driftBins))*driftBinNS
}
