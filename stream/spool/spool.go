package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"lapwing/stream"
	"lapwing/stream/wire"
)

// Sync says what counts as durable.
type Sync int

const (
	// SyncGroup waits for the disk (fsync) before a batch that can wait is
	// answered for: many batches share one wait. It survives a power failure.
	SyncGroup Sync = iota
	// SyncNone trusts the kernel: it survives the process, not the machine.
	SyncNone
)

// Config says where the log is, and what bounds it. Zero fields have defaults.
type Config struct {
	Dir             string // made if missing; one process each
	Sensor          string
	KeyMark         uint32        // written into every record; 0: nothing is said of the key
	Partitions      int           // of the calls topic; a divisor of 256; 1 over HTTPS
	MaxBytes        int64         // of the log on disk; 1 GiB
	SegmentBytes    int64         // of one file; MaxBytes/32, at most 32 MiB
	MaxRecordBytes  int           // of one record, encoded; 900,000, at least 256 KiB
	MaxPendingBytes int           // of records in memory, not yet in the log; 32 MiB, at most MaxBytes/8
	Linger          time.Duration // how long calls are collected; 200 ms, at most 400 ms
	Sync            Sync
	FS              FS               // OS
	Now             func() time.Time // time.Now
	Log             *slog.Logger     // nowhere
}

func (c *Config) defaults() error {
	if c.Dir == "" || c.Sensor == "" {
		return errors.New("the spool needs a directory and the name of the sensor")
	}
	if c.Partitions < 1 || wire.Slots%c.Partitions != 0 {
		return fmt.Errorf("the number of partitions must divide %d (got %d)", wire.Slots, c.Partitions)
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 1 << 30
	}
	c.MaxBytes = max(c.MaxBytes, 4<<20)
	if c.SegmentBytes <= 0 {
		c.SegmentBytes = min(c.MaxBytes/32, 32<<20)
	}
	if c.MaxRecordBytes <= 0 {
		c.MaxRecordBytes = 900_000
	}
	c.MaxRecordBytes = min(max(c.MaxRecordBytes, 256<<10), maxPayload/2)
	if c.MaxPendingBytes <= 0 {
		c.MaxPendingBytes = 32 << 20
	}
	c.MaxPendingBytes = int(min(int64(c.MaxPendingBytes), c.MaxBytes/8))
	if c.Linger <= 0 {
		c.Linger = 200 * time.Millisecond
	}
	c.Linger = min(c.Linger, 400*time.Millisecond)
	if c.FS == nil {
		c.FS = OS{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// flushBytes is what is written without waiting for the linger's end.
const flushBytes = 1 << 20

// A Spool is a log on disk between sources and a Sender.
type Spool struct {
	cfg    Config
	sender Sender
	lock   io.Closer
	log    *journal
	boot   uint64

	mu       sync.Mutex // protects all below
	pack     *packer
	inflight int           // bytes of the group that is being written
	trouble  string        // why writing fails at the moment: a reason of Drops
	hurry    bool          // Close waits no longer: one attempt to write is left
	changed  chan struct{} // closed when room or state may have changed
	closed   bool
	ended    error // what Close found
	stats    Stats
	reached  uint64 // groups that were written when Run last found nothing to ship, plus one

	kick    chan struct{} // there is enough to write at once
	flushed chan struct{} // closed when the flusher has ended
	ready   chan struct{} // there may be something to ship
	freed   chan struct{} // the log has room again

	// Used by Run alone.
	reader *reader
	pos    *positions
	fresh  bool // the log reaches back to its very beginning
	batch  shipment
	again  pauses
	said   map[string]time.Time // when a complaint was last made
}

var _ stream.Publisher = (*Spool)(nil)

// Open opens the log in cfg.Dir, or makes one. Records that an earlier process
// left are shipped first. An error means that the configuration or the
// directory cannot be used; a disk that is full is none.
func Open(cfg Config, sender Sender) (*Spool, error) {
	s, err := open(cfg, sender)
	if err != nil {
		return nil, err
	}
	go s.flushLoop()
	return s, nil
}

// open is Open without the goroutine.
func open(cfg Config, sender Sender) (*Spool, error) {
	if err := cfg.defaults(); err != nil {
		return nil, err
	}
	if err := cfg.FS.MkdirAll(cfg.Dir); err != nil {
		return nil, fmt.Errorf("spool: %w: spool.dir must be a directory that this user can make or write to", err)
	}
	lock, err := cfg.FS.Lock(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	s := &Spool{cfg: cfg, sender: sender, lock: lock, changed: make(chan struct{}), kick: make(chan struct{}, 1), flushed: make(chan struct{}),
		ready: make(chan struct{}, 1), freed: make(chan struct{}, 1), said: map[string]time.Time{}}
	if s.log, err = openJournal(cfg.FS, cfg.Dir, cfg.SegmentBytes, cfg.MaxBytes); err != nil {
		return nil, errors.Join(fmt.Errorf("spool: %w", err), lock.Close())
	}
	s.pos = openPositions(cfg.FS, cfg.Dir)
	s.log.nextID = max(s.log.nextID, s.pos.place.segment+1)
	s.log.shipped = s.pos.place
	foreign := false
	s.log.records(s.pos.place, func(f seen) {
		if f.kind == kindRecord {
			foreign = foreign || f.partition >= cfg.Partitions
			s.stats.Recovered += uint64(f.calls)
		}
	})
	if foreign {
		err := fmt.Errorf("spool: %s holds records for more than %d partitions: ship them with the old number first, or use another directory", cfg.Dir, cfg.Partitions)
		return nil, errors.Join(err, s.release())
	}
	for _, m := range s.pos.marks {
		s.log.boot = max(s.log.boot, m.boot)
	}
	s.boot = max(uint64(cfg.Now().UnixMilli()), s.log.boot+1)
	s.log.boot = s.boot
	s.pack = newPacker(cfg.Sensor, cfg.KeyMark, s.boot, cfg.Partitions, cfg.MaxRecordBytes)
	s.stats.Dropped = map[string]uint64{}
	s.fresh = s.pos.turn == 0 && (len(s.log.segments) == 0 || s.log.segments[0].id == 1)
	if s.reader, err = newReader(s.log); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// release gives back files and the lock.
func (s *Spool) release() error {
	if s.reader != nil {
		s.reader.unzip.Close()
	}
	err := s.log.close()
	if s.pos != nil && s.pos.file != nil {
		err = errors.Join(err, s.pos.file.Close())
	}
	return errors.Join(err, s.lock.Close())
}

// Boot is the number under which this process numbers its calls, Unix ms.
func (s *Spool) Boot() uint64 { return s.boot }

// Publish implements stream.Publisher. A batch with Progress or done waits
// while there is no room; the calls of any other are then dropped and counted.
func (s *Spool) Publish(ctx context.Context, b stream.Batch, done func(error)) error {
	canWait := done != nil || len(b.Progress) > 0
	s.mu.Lock()
	for canWait && !s.closed && s.pending() >= s.cfg.MaxPendingBytes {
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if s.closed {
		return stream.ErrClosed
	}
	s.take(b, done, !canWait && s.pending() >= s.cfg.MaxPendingBytes)
	if s.pack.bytes() >= min(flushBytes, s.cfg.MaxPendingBytes/2) {
		signal(s.kick)
	}
	return nil
}

// take packs or drops a batch. mu is held.
func (s *Spool) take(b stream.Batch, done func(error), full bool) {
	s.stats.Published += uint64(len(b.Calls))
	reason := s.trouble
	if reason == "" {
		reason = SpoolFull
	}
	for _, c := range b.Calls {
		if full {
			s.pack.drop(s.pack.partOf(c), reason)
			s.stats.Dropped[reason]++
		} else if !s.pack.add(c) {
			s.stats.Dropped[TooLarge]++
		}
	}
	s.pack.tell(b.Heartbeats)
	g := &s.pack.sealed
	for _, p := range b.Progress {
		if g.progress == nil {
			g.progress = map[string]int64{}
		}
		g.progress[p.Source] = max(g.progress[p.Source], p.Offset)
	}
	if done != nil {
		g.waiting = append(g.waiting, done)
	}
}

// pending is what is in memory. mu is held.
func (s *Spool) pending() int { return s.pack.bytes() + s.inflight }

// Progress returns how far each source has been kept: what a source is to
// resume from.
func (s *Spool) Progress() map[string]int64 {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	out := make(map[string]int64, len(s.log.progress))
	for source, offset := range s.log.progress {
		out[source] = offset
	}
	return out
}

// Close takes no more batches, and returns when all that were taken are in the
// log. While the disk takes nothing it tries until ctx ends, and then says how
// many calls are lost. What is in the log is shipped by Run, or by the next
// process.
func (s *Spool) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.wake()
	s.mu.Unlock()
	signal(s.kick)
	select {
	case <-s.flushed:
	case <-ctx.Done():
		s.mu.Lock()
		s.hurry = true
		s.wake()
		s.mu.Unlock()
		signal(s.freed)
		<-s.flushed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// Drain waits until everything that was published is shipped, what sources say
// of their time included. Run must be running.
func (s *Spool) Drain(ctx context.Context) error {
	for {
		s.mu.Lock()
		left, changed := s.stats, s.changed
		building := left.Published - left.Appended - left.dropped()
		// Only a closed spool has no heartbeats on their way.
		behind := s.closed && s.reached != left.Groups+1
		s.mu.Unlock()
		if building == 0 && left.pending() == 0 && !behind {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d calls are not delivered yet: %w", building+left.pending(), ctx.Err())
		}
	}
}

// Release gives back the files and the lock, after Close and after Run has
// returned.
func (s *Spool) Release() error { return s.release() }

// wake tells everyone who waits that something has changed. mu is held.
func (s *Spool) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// complain logs what goes on being wrong once a minute.
func (s *Spool) complain(what string, err error, args ...any) {
	key := what
	if err != nil {
		key += err.Error()
	}
	now := s.cfg.Now()
	if last, ok := s.said[key]; ok && now.Sub(last) < time.Minute {
		return
	}
	if len(s.said) > 64 {
		clear(s.said)
	}
	s.said[key] = now
	s.cfg.Log.Error(what, append(args, "error", err)...)
}
