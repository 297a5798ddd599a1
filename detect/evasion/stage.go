package evasion

import (
	"strconv"

	"lapwing/detect"
	"lapwing/detect/series"
	"lapwing/detect/state"
	"lapwing/detect/tell"
	"lapwing/event"
)

const (
	// For is the name of this stage.
	For = "evasion"

	dayNS      = int64(24 * 60 * 60 * 1e9)
	minuteNS   = int64(60 * 1e9)
	flushNS    = int64(10 * 1e9)
	rememberNS = 30 * dayNS
)

// Config bounds a Stage. Its zero value is usable.
type Config struct {
	Seed    uint64 // of the hashes behind table keys; from the deployment key
	Clients int    // addresses; 0: 32,768
	Names   int    // (address, program) pairs and addresses in 30 days; 0: 524,288
	Groups  int    // programs and networks, 2 KB each; 0: 1,024
}

// A Stage watches for ever new names. It implements detect.Stage.
type Stage struct {
	detect.NoClose
	cfg     Config              `snapshot:"same"`
	clients *state.Table[churn] // by address
	seen    *state.Filter       // (address, program), and addresses
	recent  [recents]recent
	counts  *state.Table[tally]  // by program, by network, since the last flush
	dirty   []uint64             // keys of counts
	groups  *state.Table[influx] // by program, by network
	flushed int64
	minute  int64
}

// New returns a Stage.
func New(cfg Config) *Stage {
	cfg.Clients = def(cfg.Clients, 32768)
	cfg.Names = def(cfg.Names, 1<<19)
	cfg.Groups = def(cfg.Groups, 1024)
	return &Stage{cfg: cfg, clients: state.NewTable[churn](cfg.Clients), seen: state.NewFilter(cfg.Names, rememberNS), counts: state.NewTable[tally](4 * cfg.Groups), groups: state.NewTable[influx](cfg.Groups)}
}

func def(v, otherwise int) int {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Name returns For.
func (s *Stage) Name() string { return For }

// SnapshotTypes names the cases that incidents hold.
func (*Stage) SnapshotTypes() []any { return []any{(*changing)(nil), (*growing)(nil)} }

// recents is how many (address, program) pairs are counted without asking the
// tables: a busy second has hundreds.
const recents = 4096

// A recent is a pair that called not long ago, and its calls that have not been
// added up yet.
type recent struct {
	key     uint64
	program uint64
	network uint64
	calls   uint32
}

// Observe judges the address of a call, and counts its program and network.
func (s *Stage) Observe(o *detect.Observation, out *detect.Output) {
	c := o.Call
	if !c.Client.IsValid() {
		return
	}
	key := state.Join(o.Source, state.Hash(s.cfg.Seed, c.UserAgent))
	r := &s.recent[key%recents]
	if r.key == key {
		r.calls++
		if k := s.clients.Get(o.Client); k != nil && k.score.S > 0 {
			s.churn(o, k, false, out)
		}
		return
	}
	s.settle(r)
	*r = recent{key: key, network: s.network(o), calls: 1}
	if c.Fingerprint != "" {
		r.program = state.Join(state.Hash(s.cfg.Seed, c.Fingerprint), 0x667072)
	}
	s.meet(o, key, r, out)
}

// meet looks at a pair that did not call lately.
func (s *Stage) meet(o *detect.Observation, key uint64, r *recent, out *detect.Output) {
	novel := !s.seen.Add(key, o.AtNS)
	var k *churn
	if novel {
		k = s.clients.Put(o.Client, o.AtNS)
	} else {
		k = s.clients.Touch(o.Client, o.AtNS)
	}
	if k != nil {
		s.churn(o, k, novel, out)
	}
	if !novel || s.seen.Add(state.Join(o.Client, 0x636c69), o.AtNS) {
		return
	}
	s.fresh(r.program, o, event.KindCluster)
	s.fresh(r.network, o, event.KindNetwork)
}

// settle adds up the calls of a pair.
func (s *Stage) settle(r *recent) {
	for _, key := range [2]uint64{r.program, r.network} {
		if key == 0 || r.calls == 0 {
			continue
		}
		if t := s.tally(key); t != nil {
			t.calls += r.calls
		}
	}
	r.calls = 0
}

func (s *Stage) tally(key uint64) *tally {
	t := s.counts.Put(key, 0)
	if t != nil && !t.dirty {
		t.dirty = true
		s.dirty = append(s.dirty, key)
	}
	return t
}

func (s *Stage) network(o *detect.Observation) uint64 {
	if asn := o.Network.ASN; asn != 0 {
		return state.Join(uint64(asn), 0x61736e)
	}
	a := wide(o).Addr().As16()
	return state.Join(state.Hash(s.cfg.Seed, string(a[:])), 0x6e6574)
}

// A tally counts calls until the next flush.
type tally struct {
	calls  uint32
	fresh  uint32 // … of addresses never seen before
	dirty  bool
	kind   event.Kind
	label  string
	ref    event.EndpointRef
	sample event.CallSample
}

// fresh counts an address that was never seen before.
func (s *Stage) fresh(key uint64, o *detect.Observation, kind event.Kind) {
	if key == 0 {
		return
	}
	t := s.tally(key)
	if t == nil {
		return
	}
	if t.fresh++; t.fresh == 1 { // one call to quote is enough
		t.kind, t.label, t.ref, t.sample = kind, label(kind, o), tell.Endpoint(o), event.SampleOf(o.Call)
	}
}

func label(kind event.Kind, o *detect.Observation) string {
	switch {
	case kind == event.KindCluster:
		return o.Call.Fingerprint
	case o.Network.ASN != 0:
		return "AS" + strconv.FormatUint(uint64(o.Network.ASN), 10)
	}
	return wide(o).String()
}

// Advance adds up what was counted every ten seconds, and ends minutes.
func (s *Stage) Advance(nowNS int64, out *detect.Output) {
	if nowNS-s.flushed >= flushNS {
		s.flushed = nowNS
		for i := range s.recent {
			s.settle(&s.recent[i])
		}
		for _, key := range s.dirty {
			if t := s.counts.Get(key); t != nil {
				out.Fact(For, key, *t)
				s.counts.Delete(key)
			}
		}
		s.dirty = s.dirty[:0]
	}
	if nowNS-s.minute < minuteNS {
		return
	}
	s.minute = nowNS
	s.groups.Each(func(_ uint64, _ int64, g *influx) bool {
		if g.rate != nil {
			g.rate.Advance(nowNS, &design, series.Prior{})
		}
		return true
	})
}

// Fact judges a program or a network.
func (s *Stage) Fact(f *detect.Fact, out *detect.Output) {
	if t, ok := f.Payload.(tally); ok {
		if g := s.groups.Put(f.Key, f.AtNS); g != nil {
			s.grow(f, g, &t, out)
		}
	}
}
