package detecting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"lapwing/detect"
	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/stream/kafka"
	"lapwing/stream/wire"
)

// Config says what a Detector does. Zero durations have the defaults that
// stand beside them.
type Config struct {
	// Cell is the name of the cell that this detector has, when it has one of
	// several; "" is detection as a whole. Build makes this cell only.
	Cell       string
	Partitions int          // of the calls topic
	Topics     kafka.Topics // by name
	// Build makes detection, always in the same way.
	Build func(emit func(event.Alert)) (*standard.Detection, error)
	// Expect names sensors that time waits for from the first record on, though
	// they have not spoken.
	Expect []string

	// KeyMark is that of the deployment's key; sensors that say another are told
	// of. 0: not compared.
	KeyMark uint32

	// Learn is how much of the log is read again where no snapshot fits; 0: all.
	Learn          time.Duration
	SnapshotEvery  time.Duration // 1 min
	SnapshotCalls  uint64        // a snapshot is due after so many calls, too; 1,000,000
	SilentAfter    time.Duration // a source that holds time up for so long is retired; 1 min
	InventoryEvery time.Duration // 1 min
	// Drain ends Run once every sensor has retired and everything is read: then
	// all windows are closed, as at the end of a file.
	Drain bool

	Log *slog.Logger     // nil: nobody
	Now func() time.Time // wall clock, for pacing; nil: time.Now
}

// drainQuiet is how long nothing may come before what is read counts as all.
const drainQuiet = 2 * time.Second

// stopTimeout bounds the last snapshot of a process that ends.
const stopTimeout = 15 * time.Second

// Stats say what a detector does and has done. Counters are of the state: they
// go on from a snapshot.
type Stats struct {
	Counts
	Detect     detect.Stats
	Foreign    uint64 // of the calls observed, those of other cells
	Active     bool   // it has the partitions
	OtherKeys  int    // sensors whose records were made under another deployment key
	Waits      string // what it waits for before it is ready; "" if it is
	LowNS      int64  // event time up to which everything is judged
	Sources    int    // that time waits for
	TakeOvers  uint64 // sessions begun
	Alerts     uint64 // revisions told by this process
	Endpoints  uint64 // endpoints published by this process
	Snapshots  uint64 // written by this process
	SaveErrors uint64
	SavedBytes int64         // of the last snapshot
	SaveTook   time.Duration // for which detection stood still at the last snapshot
	SavedAt    time.Time     // wall clock
}

// A Detector is one candidate of an exclusive group: it runs detection while
// it has all partitions.
type Detector struct {
	cfg    Config
	broker Broker
	states *stateLog
	model  *model
	boot   uint64
	others map[string]bool // sensors with another key; only one session runs at a time

	mu     sync.Mutex
	gather *gathering
	warm   *Follower // of the last session, if it can go on
	stats  Stats
}

// New returns a Detector that has not begun.
func New(cfg Config, b Broker) *Detector {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&cfg.SnapshotEvery, time.Minute)
	set(&cfg.SilentAfter, time.Minute)
	set(&cfg.InventoryEvery, time.Minute)
	if cfg.SnapshotCalls == 0 {
		cfg.SnapshotCalls = 1_000_000
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Detector{
		cfg: cfg, broker: b, boot: uint64(cfg.Now().UnixMilli()), others: map[string]bool{},
		states: &stateLog{broker: b, topic: cfg.Topics.State, prefix: statePrefix(cfg.Cell), now: cfg.Now, leftovers: map[string]bool{}},
		model:  &model{broker: b, topic: cfg.Topics.Model, cell: cfg.Cell},
	}
}

// errDrained ends a session that has nothing left to do.
var errDrained = errors.New("everything is read")

// Run takes part in the group until ctx ends or, with Drain, everything is
// read: then it returns nil.
func (d *Detector) Run(ctx context.Context, group *kafka.Group) error {
	d.count(func(s *Stats) { s.Waits = "" })
	err := group.Run(ctx, func(wctx context.Context, claim *kafka.Claim) error {
		return d.Work(ctx, wctx, claim.Partition, claim.Committed, claim)
	})
	if errors.Is(err, errDrained) {
		return nil
	}
	return err
}

// A gathering collects the claims of one generation until all are there.
type gathering struct {
	claims    []Claim
	committed []int64
	n         int
	started   bool
	done      chan struct{}
}

// Work has one partition take part. The last of a generation runs the session
// for all. process ends with the process, claimed with the claim.
func (d *Detector) Work(process, claimed context.Context, partition int, committed int64, claim Claim) error {
	if partition < 0 || partition >= d.cfg.Partitions {
		return fmt.Errorf("the topic %s has a partition %d, and the configuration says %d partitions: set stream.kafka.partitions to what the topic has",
			d.cfg.Topics.Calls, partition, d.cfg.Partitions)
	}
	d.mu.Lock()
	g := d.gather
	if g == nil {
		g = &gathering{claims: make([]Claim, d.cfg.Partitions), committed: make([]int64, d.cfg.Partitions), done: make(chan struct{})}
		d.gather = g
	}
	g.claims[partition], g.committed[partition] = claim, committed
	g.n++
	leads := g.n == d.cfg.Partitions
	if leads {
		g.started, d.gather = true, nil
	}
	d.mu.Unlock()
	if leads {
		defer close(g.done)
		return d.session(process, claimed, g.claims, g.committed)
	}
	select {
	case <-g.done:
		return nil
	case <-claimed.Done():
	}
	d.mu.Lock()
	if !g.started { // taken back before all were there
		g.claims[partition] = nil
		if g.n--; g.n == 0 && d.gather == g {
			d.gather = nil
		}
		d.mu.Unlock()
		return nil
	}
	d.mu.Unlock()
	<-g.done // the session still holds the claim
	return nil
}

// maxOtherKeys sensors with another key are told of by name.
const maxOtherKeys = 64

// compare tells of a sensor whose pseudonyms were made under another key: what
// it saw joins with nothing that others see.
func (d *Detector) compare(r *wire.Record) {
	if d.cfg.KeyMark == 0 || r.KeyMark == 0 || r.KeyMark == d.cfg.KeyMark {
		return
	}
	if d.others[r.Sensor] || len(d.others) == maxOtherKeys {
		return
	}
	d.others[r.Sensor] = true
	d.count(func(s *Stats) { s.OtherKeys = len(d.others) })
	d.cfg.Log.Error("a sensor has another deployment key: the people and tokens in its calls look like others to detection; give it the key file of this deployment (identity.key_file)", "sensor", r.Sensor)
}

// Stats returns a copy.
func (d *Detector) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

func (d *Detector) count(fn func(*Stats)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fn(&d.stats)
}
