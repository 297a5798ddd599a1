package spool

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"lapwing/event"
	"lapwing/stream/wire"
)

// Reasons for which calls are dropped, as Drops name them.
const (
	SpoolFull = "spool_full" // the log, or the memory before it, is at its bound
	DiskFull  = "disk_full"  // there is no room left on the device
	DiskError = "disk_error" // the disk failed, or gave back other bytes than it took
	TooLarge  = "too_large"  // one call is larger than a record may be
	Rejected  = "rejected"   // the other end will never take the record
)

const (
	maxRecordCalls = 4096
	// largeCall is what a call is encoded by itself from on: below it, a record
	// that still has so much room has room for the call.
	largeCall = 64 << 10
	// tellEvery is how often a partition hears of the time at least, less the linger.
	tellEvery = time.Second
	// maxSources bounds the sources whose time is told; they fit into recordRoom.
	maxSources = 512
)

// A packer numbers calls and packs them by partition. Whoever uses it holds
// the spool's lock.
type packer struct {
	sensor    string
	boot      uint64
	maxRecord int

	parts    []part
	sources  map[string]event.Heartbeat
	sealed   group
	spare    []byte // empty, for the next group
	building int    // bytes in encoders
	calls    int    // in encoders
}

// A part is what is being packed for one partition.
type part struct {
	enc   wire.Encoder
	first uint64 // number of the first call in enc
	next  uint64 // number that the next call gets
	own   tally  // dropped before they reached the log
	extra tally  // lost behind it: damaged or rejected
	told  time.Time
}

// A group is what is committed at once.
type group struct {
	buf      []byte // values of all records
	recs     []sealed
	progress map[string]int64
	waiting  []func(error)
	retired  []string // sources whose end stands in every partition of this group
	calls    int
}

// sealed is a record whose bytes will never change.
type sealed struct {
	partition  int
	first      uint64
	calls      uint32
	start, end int // in the group's buf
}

func newPacker(sensor string, keyMark uint32, boot uint64, partitions, maxRecord int) *packer {
	p := &packer{sensor: sensor, boot: boot, maxRecord: maxRecord, parts: make([]part, partitions), sources: map[string]event.Heartbeat{}}
	for i := range p.parts {
		p.parts[i].next = 1
		p.parts[i].enc.KeyMark = keyMark
		p.parts[i].enc.Reset(sensor)
	}
	return p
}

// bytes is what is held in memory, and not yet taken.
func (p *packer) bytes() int { return len(p.sealed.buf) + p.building }

func (p *packer) partOf(c *event.Call) int {
	return wire.PartitionOf(wire.SlotOf(c.Actor.Kind, c.Actor.Value), len(p.parts))
}

// add packs a call. It returns false if the call is too large for any record.
func (p *packer) add(c *event.Call) bool {
	i := p.partOf(c)
	b := &p.parts[i]
	large := atMost(c) > largeCall
	if large || b.enc.Calls() >= maxRecordCalls || b.enc.Size() > p.maxRecord-largeCall-recordRoom {
		p.seal(i)
	}
	if b.enc.Calls() == 0 {
		b.first = b.next
	}
	before := b.enc.Size()
	b.enc.Add(c)
	if large && b.enc.Size() > p.maxRecord-recordRoom {
		b.enc.Reset(p.sensor)
		p.drop(i, TooLarge)
		return false
	}
	b.next++
	p.calls++
	p.building += b.enc.Size() - before
	return true
}

// recordRoom is kept free in a record for its head, heartbeats and drops.
const recordRoom = 64 << 10

// atMost is more than a call takes, encoded.
func atMost(c *event.Call) int {
	n := 512 + len(c.Sensor) + len(c.Scheme) + len(c.Protocol) + len(c.Method) + len(c.Host) + len(c.Path) + len(c.Query) + len(c.PathShape) +
		len(c.Route) + len(c.Operation) + len(c.UserAgent) + len(c.Referer) + len(c.Actor.Kind) + len(c.Actor.Value) + len(c.User) + len(c.Tenant) +
		len(c.Token) + len(c.Account) + len(c.Fingerprint)
	for i := range c.IDs {
		n += 64 + len(c.IDs[i].Name)
	}
	for _, s := range [...]*event.BodyShape{&c.Shape.Request, &c.Shape.Response} {
		n += 64 + len(s.Type) + len(s.Outcome) + len(s.Location)
		for _, k := range s.Keys {
			n += 12 + len(k)
		}
	}
	for _, list := range [...][]string{c.Sensitive.Request, c.Sensitive.Response} {
		for _, k := range list {
			n += 12 + len(k)
		}
	}
	return n
}

// drop gives a call of a partition its number, and gives up the call.
func (p *packer) drop(i int, reason string) {
	b := &p.parts[i]
	if b.enc.Calls() > 0 {
		p.seal(i) // the numbers in a record have no gaps
	}
	b.next++
	if b.own == nil {
		b.own = tally{}
	}
	b.own[reason]++
}

// lost notes calls that were lost behind the log, for later records to tell.
func (p *packer) lost(i int, reason string, calls uint64) {
	b := &p.parts[i]
	if b.extra == nil {
		b.extra = tally{}
	}
	b.extra[reason] += calls
}

// tell takes what sources say of their time. All calls that it covers have
// been added.
func (p *packer) tell(beats []event.Heartbeat) {
	for _, h := range beats {
		old, known := p.sources[h.Source]
		if !known && len(p.sources) >= maxSources {
			continue
		}
		h.LowNS = max(h.LowNS, old.LowNS)
		p.sources[h.Source] = h
	}
}

// seal makes a record of what a partition has. It carries the heartbeats of
// all batches that were added whole: what they cover stands here or before.
func (p *packer) seal(i int) {
	b := &p.parts[i]
	first := b.next - uint64(b.enc.Calls())
	start := len(p.sealed.buf)
	p.building -= b.enc.Size()
	// What the shipper must know stands before the record, under the same checksum.
	p.sealed.buf = appendTally(appendTally(p.sealed.buf, b.own), b.extra)
	p.sealed.buf = b.enc.AppendTo(p.sealed.buf, p.boot, first, p.beats(), drops(b.own, b.extra))
	p.sealed.recs = append(p.sealed.recs, sealed{i, first, uint32(b.enc.Calls()), start, len(p.sealed.buf)})
	p.sealed.calls += b.enc.Calls()
	p.calls -= b.enc.Calls()
	b.enc.Reset(p.sensor)
	p.building += b.enc.Size()
}

func (p *packer) beats() []event.Heartbeat {
	out := slices.Collect(maps.Values(p.sources))
	slices.SortFunc(out, func(a, b event.Heartbeat) int { return cmp.Compare(a.Source, b.Source) })
	return out
}

// take seals everything and hands it over, with a record for each partition
// that has heard nothing for a while. The last time it is called there is a
// record for each: drops that none has told yet are told, and should what
// stands before it be damaged, its number says so. It returns nil if there is
// nothing.
func (p *packer) take(now time.Time, linger time.Duration, last bool) *group {
	var retired []string
	for name, h := range p.sources {
		if h.Retired {
			retired = append(retired, name)
		}
	}
	for i := range p.parts {
		b := &p.parts[i]
		if b.enc.Calls() > 0 || len(retired) > 0 || now.Sub(b.told) >= tellEvery-2*linger || last {
			p.seal(i)
			b.told = now
		}
	}
	if len(p.sealed.recs) == 0 && len(p.sealed.progress) == 0 && len(p.sealed.waiting) == 0 {
		return nil
	}
	g := p.sealed
	g.retired = retired
	p.sealed = group{buf: p.spare}
	p.spare = nil
	return &g
}

// maxSpare is how large a group's memory may be to be kept for another.
const maxSpare = 4 << 20

// reuse takes back the memory of a group that is written.
func (p *packer) reuse(buf []byte) {
	if cap(buf) <= maxSpare && cap(buf) > cap(p.spare) {
		p.spare = buf[:0]
	}
}

// retire forgets sources whose end is told everywhere, unless they came back.
func (p *packer) retire(names []string) {
	for _, name := range names {
		if p.sources[name].Retired {
			delete(p.sources, name)
		}
	}
}
