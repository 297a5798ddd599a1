package tcp

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"lapwing/parse/ip"
)

// An Assembler holds the connections of one goroutine. Use New.
type Assembler struct {
	cfg   Config
	now   int64 // highest packet time seen
	flows flows
	table table
	pages pages
	stats Stats

	lists     [4]flowList // by flowState
	holes     [3]holeList // by holeKind
	timeouts  [4]int64    // by flowState
	stepNS    int64       // how often a flow moves within its list
	nextSweep int64
	serial    uint64
	maxPages  int32 // per direction
	histories int   // pages that hold a history
	seg       segment
}

// A segment is the packet being worked on.
type segment struct {
	dir     int
	seq     uint32
	ack     uint32
	flags   uint8
	scale   uint8 // of the window, if a SYN
	window  uint32
	payload []byte
	missing int // bytes behind payload that the capture cut off
	data    DataFlags
}

// TCP flags, RFC 9293 §3.1.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	_
	flagACK
	flagURG
)

// New makes an Assembler.
func New(cfg Config) (*Assembler, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	a := &Assembler{cfg: cfg, table: newTable(cfg.Key), now: math.MinInt64, nextSweep: math.MinInt64}
	a.pages.limit = max(cfg.MaxBufferBytes/pageSize, 1)
	a.maxPages = int32(max(cfg.MaxFlowBufferBytes/pageSize, 1))
	a.timeouts = [4]int64{
		stateHandshake: int64(cfg.HalfOpenTimeout),
		stateOpen:      int64(cfg.IdleTimeout),
		stateClosed:    int64(cfg.LingerTimeout),
	}
	a.stepNS = 1e9
	for _, t := range a.timeouts[1:] {
		a.stepNS = max(min(a.stepNS, t/16), 1)
	}
	return a, nil
}

// Stats returns the counts so far.
func (a *Assembler) Stats() Stats {
	s := a.stats
	s.Flows = a.flows.count
	return s
}

// Packet takes one IP datagram; what is not TCP is counted and left. The
// packet's bytes are not kept.
func (a *Assembler) Packet(p *ip.Packet, atNS int64) {
	a.Advance(atNS)
	a.stats.Packets++
	switch {
	case p.Protocol != ip.ProtoTCP:
		a.stats.NotTCP++
		return
	case p.Fragment:
		a.stats.Fragments++
		return
	}
	t := p.Payload
	const minHeader = 20
	if len(t) < minHeader {
		a.stats.Malformed++
		return
	}
	size := int(t[12]>>4) * 4
	missing := p.Missing
	if size > len(t) && size-len(t) <= missing {
		missing -= size - len(t) // cut within the options
		size = len(t)
	}
	if size < minHeader || size > len(t) {
		a.stats.Malformed++
		return
	}
	a.stats.Segments++
	s := &a.seg
	s.seq = binary.BigEndian.Uint32(t[4:])
	s.ack = binary.BigEndian.Uint32(t[8:])
	s.flags = t[13]
	s.window = uint32(binary.BigEndian.Uint16(t[14:]))
	s.payload = t[size:]
	s.missing = missing
	s.data = 0
	if s.flags&flagACK == 0 {
		s.data |= NoAck
	}
	if s.flags&flagURG != 0 {
		s.data |= Urgent
	}
	if s.flags&flagSYN != 0 {
		s.scale = windowScale(t[minHeader:size])
	}
	a.stats.BytesIn += uint64(len(s.payload))
	// Hosts discard what bears none of the three (RFC 9293 §3.10.7.4, fifth
	// step), and SYN with RST or FIN is sent by scanners only.
	if s.flags&(flagACK|flagSYN|flagRST) == 0 || s.flags&flagSYN != 0 && s.flags&(flagRST|flagFIN) != 0 {
		a.stats.Dropped.Invalid += uint64(len(s.payload))
		return
	}
	var key flowKey
	s.dir = orderKey(p, binary.BigEndian.Uint16(t), binary.BigEndian.Uint16(t[2:]), &key)
	hash := a.table.hash(&key)
	f := a.table.lookup(&a.flows, &key, hash)
	if f == nil {
		if s.flags&flagRST != 0 {
			a.stats.Dropped.Reset += uint64(len(s.payload))
			return
		}
		if s.flags&flagFIN != 0 && len(s.payload)+s.missing == 0 {
			return // the late end of something not seen
		}
		f = a.newFlow(&key, hash, s)
	}
	a.segment(f, s)
}

// windowScale finds the option of RFC 7323 §2.
func windowScale(options []byte) uint8 {
	for i := 0; i < len(options); {
		switch options[i] {
		case 0:
			return 0
		case 1:
			i++
			continue
		}
		if i+1 >= len(options) || options[i+1] < 2 {
			return 0
		}
		if options[i] == 3 && options[i+1] == 3 && i+2 < len(options) {
			return min(options[i+2], 14)
		}
		i += int(options[i+1])
	}
	return 0
}

func (a *Assembler) newFlow(key *flowKey, hash uint32, s *segment) *flow {
	for a.flows.count >= a.cfg.MaxFlows {
		a.evict()
	}
	f := a.flows.alloc()
	f.key, f.hash = *key, hash
	f.state = stateHandshake
	f.lowIsA = s.dir == 0
	f.firstNS = a.now
	f.movedNS = a.now
	a.serial++
	f.serial = a.serial
	a.flows.push(&a.lists[f.state], f)
	a.table.insert(hash, f.id, a.flows.count)
	a.stats.FlowsOpened++
	return f
}

// evict ends the least recently active flow: those that have ended first, then
// those that never carried payload, so that a flood of SYNs hits itself.
func (a *Assembler) evict() {
	for _, st := range [...]flowState{stateClosed, stateHandshake, stateOpen} {
		if id := a.lists[st].head; id != 0 {
			f := a.flows.at(id)
			if st != stateClosed {
				a.stats.FlowsEvicted++
				a.finish(f, EndEvicted)
			}
			a.remove(f)
			return
		}
	}
}

func (a *Assembler) setState(f *flow, st flowState) {
	a.flows.unlink(&a.lists[f.state], f)
	f.state = st
	f.movedNS = a.now
	a.flows.push(&a.lists[st], f)
}

// remove forgets a flow whose directions have ended.
func (a *Assembler) remove(f *flow) {
	a.flows.unlink(&a.lists[f.state], f)
	a.table.remove(f.hash, f.id)
	a.flows.release(f)
}

// Advance says that packet time has reached nowNS, as a heartbeat does when no
// packets come: it ends what has been silent for too long and gives up holes
// that have waited for too long. Time never runs backwards: an earlier nowNS
// is ignored.
func (a *Assembler) Advance(nowNS int64) {
	if nowNS <= a.now {
		return
	}
	a.now = nowNS
	if a.holes[holeAcked].head != 0 || a.holes[holeOpen].head != 0 {
		a.sweepHoles()
	}
	if nowNS < a.nextSweep {
		return
	}
	a.nextSweep = nowNS + a.stepNS
	for st := stateHandshake; st <= stateClosed; st++ {
		for a.lists[st].head != 0 {
			f := a.flows.at(a.lists[st].head)
			// A flow moves up only once in a step, so it may be that much
			// younger than its place says.
			if nowNS-f.movedNS < a.timeouts[st]+a.stepNS {
				break
			}
			if st != stateClosed {
				a.stats.FlowsIdle++
				a.finish(f, EndIdle)
			}
			a.remove(f)
		}
	}
}

// Close ends every connection, in the order of their first packets. The
// Assembler can be used again afterwards.
func (a *Assembler) Close() {
	live := make([]*flow, 0, a.flows.count)
	for id := int32(1); id <= a.flows.used; id++ {
		if f := a.flows.at(id); f.state != stateFree {
			live = append(live, f)
		}
	}
	slices.SortFunc(live, func(x, y *flow) int { return cmp.Compare(x.serial, y.serial) })
	for _, f := range live {
		if f.state != stateClosed {
			a.finish(f, EndInput)
		}
		a.remove(f)
	}
}
