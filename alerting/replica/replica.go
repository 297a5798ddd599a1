// Package replica keeps the copy of an alert log in a compacted topic, so that
// a stand-by on another machine goes on where the active alerter ended.
//
// Each owner writes a copy of its own, under the keys "alerting/<epoch>/…", and
// marks it as whole once it is ("alerting/<epoch>/whole"). Whoever takes over
// reads the newest whole copy, writes it again under a later epoch, marks it,
// and removes everything older. So an owner that was believed dead and writes on
// changes nothing that anybody reads, and a take-over that dies half way leaves
// the copy before it in force.
//
// Order: records of one Put are written one after the other. Concurrency: a
// Replica is for one goroutine at a time. Bounds: a copy of more than MaxBytes is refused.
package replica

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"lapwing/alerting"
)

// Prefix begins every key that this package writes.
const Prefix = "alerting/"

const (
	whole = "whole"

	// MaxBytes bounds a copy in memory while it is read.
	MaxBytes = 1 << 30

	// A write is sent when it has so many bytes or records: well below what a
	// broker takes as one batch.
	chunkBytes   = 900 << 10
	chunkRecords = 500

	// writeTimeout is how long one write may take before it counts as failed.
	writeTimeout = 15 * time.Second
)

// A Log is a compacted topic: of each key the last record stays.
type Log interface {
	// ReadAll hands every record from the beginning to the present end to fn. A
	// nil value removes the key.
	ReadAll(ctx context.Context, fn func(key string, value []byte) error) error
	// Write returns nil once all records are durable, in order within a key.
	Write(ctx context.Context, records []alerting.Record) error
}

// An Owner is who keeps a copy, as others read it.
type Owner struct {
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
}

// A Replica is one owner's copy; it implements alerting.Replica.
type Replica struct {
	taking  context.Context
	writing context.Context

	log   Log
	owner Owner
	epoch string
	stale []string // keys of others, to be removed once this copy is whole
	max   uint64   // highest epoch met
}

var _ alerting.Replica = (*Replica)(nil)

// New returns the replica of an owner that takes over at the time owner.Since.
// The take-over ends with taking: whoever is to give up its place must do so
// at once. Later writes end with writing, which may last longer: what was sent
// at the end is still noted.
func New(taking, writing context.Context, log Log, owner Owner) *Replica {
	return &Replica{taking: taking, writing: writing, log: log, owner: owner}
}

// Load implements alerting.Replica: it reads the newest copy that is whole.
func (r *Replica) Load(fn func(alerting.Record) error) (known bool, err error) {
	found, err := read(r.taking, r.log)
	if err != nil {
		return false, err
	}
	r.max, r.stale = found.max, found.keys
	if found.newest == 0 {
		return false, nil
	}
	for key, value := range found.copies[found.newest] {
		if key == whole {
			continue
		}
		if err := fn(alerting.Record{Key: key, Value: value}); err != nil {
			return true, err
		}
	}
	return true, nil
}

// Begin implements alerting.Replica: it writes the whole copy, marks it, and
// removes what it replaces.
func (r *Replica) Begin(records func(put func(alerting.Record) error) error) error {
	// Time makes epochs rise even where two take over from the same copy at once.
	r.epoch = epochKey(max(r.max+1, uint64(max(r.owner.Since.UnixNano(), 1))))
	var chunk []alerting.Record
	size := 0
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		err := r.write(r.taking, chunk)
		chunk, size = chunk[:0], 0
		return err
	}
	add := func(rec alerting.Record) error {
		if n := len(rec.Key) + len(rec.Value); size+n > chunkBytes || len(chunk) >= chunkRecords {
			if err := flush(); err != nil {
				return err
			}
		}
		size += len(rec.Key) + len(rec.Value)
		chunk = append(chunk, rec)
		return nil
	}
	if err := records(func(rec alerting.Record) error { return add(r.own(rec)) }); err != nil {
		return err
	}
	mark, err := json.Marshal(r.owner)
	if err != nil {
		return err
	}
	// The mark must not overtake what it vouches for.
	if err := flush(); err != nil {
		return err
	}
	if err := r.write(r.taking, []alerting.Record{r.own(alerting.Record{Key: whole, Value: mark})}); err != nil {
		return err
	}
	for _, key := range r.stale {
		if err := add(alerting.Record{Key: key}); err != nil {
			return err
		}
	}
	r.stale = nil
	return flush()
}

// Put implements alerting.Replica.
func (r *Replica) Put(records []alerting.Record) error {
	if r.epoch == "" {
		return errors.New("the copy was not begun")
	}
	size, from := 0, 0
	own := make([]alerting.Record, len(records))
	for i, rec := range records {
		own[i] = r.own(rec)
		n := len(own[i].Key) + len(rec.Value)
		if i > from && (size+n > chunkBytes || i-from >= chunkRecords) {
			if err := r.write(r.writing, own[from:i]); err != nil {
				return err
			}
			from, size = i, 0
		}
		size += n
	}
	if from == len(own) {
		return nil
	}
	return r.write(r.writing, own[from:])
}

func (r *Replica) own(rec alerting.Record) alerting.Record {
	rec.Key = Prefix + r.epoch + "/" + rec.Key
	return rec
}

func (r *Replica) write(ctx context.Context, records []alerting.Record) error {
	bounded, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return r.log.Write(bounded, records)
}

// ActiveOwner returns who marked the newest whole copy; the zero Owner if
// nobody has.
func ActiveOwner(ctx context.Context, log Log) (Owner, error) {
	var o Owner
	var newest uint64
	err := log.ReadAll(ctx, func(key string, value []byte) error {
		epoch, rest, ok := parse(key)
		if !ok || rest != whole || value == nil || epoch < newest {
			return nil
		}
		newest = epoch
		return json.Unmarshal(value, &o)
	})
	return o, err
}

// found is what a topic holds.
type found struct {
	copies map[uint64]map[string][]byte
	keys   []string // all that have a value
	newest uint64   // epoch of the newest whole copy, 0 if there is none
	max    uint64
	bytes  int
}

func read(ctx context.Context, log Log) (*found, error) {
	f := &found{copies: map[uint64]map[string][]byte{}}
	present := map[string]bool{}
	err := log.ReadAll(ctx, func(key string, value []byte) error {
		epoch, rest, ok := parse(key)
		if !ok {
			return nil // of the detector, or of nobody
		}
		f.max = max(f.max, epoch)
		if value == nil {
			delete(present, key)
			if c := f.copies[epoch]; c != nil {
				f.bytes -= len(rest) + len(c[rest])
				delete(c, rest)
			}
			return nil
		}
		present[key] = true
		if epoch < f.newest {
			return nil
		}
		c := f.copies[epoch]
		if c == nil {
			c = map[string][]byte{}
			f.copies[epoch] = c
		}
		f.bytes += len(rest) + len(value) - len(c[rest])
		if f.bytes > MaxBytes {
			return fmt.Errorf("the copy of the alert log has more than %d bytes", MaxBytes)
		}
		c[rest] = append([]byte(nil), value...)
		if rest == whole {
			f.newest = epoch
			for old, c := range f.copies {
				if old < epoch {
					for k, v := range c {
						f.bytes -= len(k) + len(v)
					}
					delete(f.copies, old)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the copy of the alert log: %w", err)
	}
	f.newest = 0 // the mark may be gone since
	for epoch, c := range f.copies {
		if c[whole] != nil {
			f.newest = max(f.newest, epoch)
		}
	}
	for key := range present {
		f.keys = append(f.keys, key)
	}
	return f, nil
}

func epochKey(epoch uint64) string { return fmt.Sprintf("%016x", epoch) }

// parse splits a key; ok is false if it is none of this package's.
func parse(key string) (epoch uint64, rest string, ok bool) {
	key, ok = strings.CutPrefix(key, Prefix)
	if !ok || len(key) < 18 || key[16] != '/' {
		return 0, "", false
	}
	for _, c := range []byte(key[:16]) {
		switch {
		case c >= '0' && c <= '9':
			epoch = epoch<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			epoch = epoch<<4 | uint64(c-'a'+10)
		default:
			return 0, "", false
		}
	}
	return epoch, key[17:], true
}
