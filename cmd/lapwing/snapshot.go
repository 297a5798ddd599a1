package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"lapwing/detect/snapshot"
	"lapwing/detect/standard"
	"lapwing/event"
)

const (
	snapshotFile  = "detection.snapshot"
	snapshotEvery = time.Minute
)

// snapshots keeps detection's state in the data directory.
//
// A snapshot counts only once everything that went into it is in the store:
// otherwise a source would read again, after a crash, what detection knows
// already. So it is written aside and takes its place when the archive has
// handled as many batches as detection had.
type snapshots struct {
	judged   atomic.Int64 // batches that detection has handled, alerts told
	archived atomic.Int64 // batches that the store has
	ready    int64        // a file written aside waits for so many batches to be archived; 0: none does
	due      time.Time
}

// memory is what a snapshot holds.
type memory struct {
	detection *standard.Detection
	lowNS     int64
}

// keepSnapshot is called by detection after each step.
func (d *daemon) keepSnapshot(now time.Time) {
	s := &d.snapshots
	if s.ready > 0 && s.archived.Load() >= s.ready {
		s.ready = 0
		if err := d.replaceSnapshot(); err != nil {
			d.log.Warn("the snapshot of detection is not kept; a restart learns again from stored calls", "error", err)
		}
	}
	switch {
	case s.due.IsZero():
		s.due = now.Add(snapshotEvery)
	case s.ready == 0 && now.After(s.due):
		s.due = now.Add(snapshotEvery)
		if err := d.writeSnapshot(); err != nil {
			d.log.Warn("a snapshot of detection could not be written; a restart learns again from stored calls", "error", err)
			return
		}
		s.ready = s.judged.Load()
	}
}

// lastSnapshot keeps the state when everything is handled and the daemon ends.
func (d *daemon) lastSnapshot() {
	if d.snapshots.archived.Load() != d.snapshots.judged.Load() {
		return // the store is behind: the snapshot before this one holds
	}
	err := d.writeSnapshot()
	if err == nil {
		err = d.replaceSnapshot()
	}
	if err != nil {
		d.log.Warn("the last snapshot of detection is not kept; a start goes on from the one before", "error", err)
	}
}

// writeSnapshot writes the state aside.
func (d *daemon) writeSnapshot() (err error) {
	f, err := os.OpenFile(d.cfg.path(snapshotFile+".new"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	d.mu.Lock()
	err = snapshot.Save(w, &memory{detection: d.detection, lowNS: d.lowNS})
	d.mu.Unlock()
	return errors.Join(err, w.Flush(), f.Sync(), f.Close())
}

// replaceSnapshot has what was written aside take its place.
func (d *daemon) replaceSnapshot() error {
	path := d.cfg.path(snapshotFile)
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// restoreSnapshot brings detection to where the last process left it, if its
// snapshot is there and of this build and configuration.
func (d *daemon) restoreSnapshot() (bool, error) {
	f, err := os.Open(d.cfg.path(snapshotFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		d.log.Warn("the snapshot cannot be read; detection learns again from stored calls", "error", err)
		return false, nil
	}
	defer f.Close()
	m := &memory{detection: d.detection}
	switch err := snapshot.Load(bufio.NewReaderSize(f, 1<<20), m); {
	case err == nil:
		d.lowNS = m.lowNS
		d.log.Info("detection goes on from its snapshot", "judged_until", time.Unix(0, m.lowNS).UTC())
		return true, nil
	case errors.Is(err, snapshot.ErrOther):
		d.log.Info("the snapshot is of another build or configuration; detection learns again from stored calls")
		return false, nil
	default:
		d.log.Warn("the snapshot cannot be read; detection learns again from stored calls", "error", err)
	}
	d.detection, err = d.cfg.detector(d.keys, func(a event.Alert) { d.raised = append(d.raised, a) })
	return false, err
}

// catchUp shows detection, which goes on from a snapshot, the stored calls that
// came after it. What it says again is known by its identity and revision.
func (d *daemon) catchUp(ctx context.Context) error {
	since, want := d.detection.Unjudged()
	position := max(d.lowNS, d.resume[detectPosition])
	n, err := d.show(ctx, time.Unix(0, since), position, want)
	if err != nil {
		return err
	}
	if n > 0 {
		d.log.Info("learned from calls stored after the snapshot", "calls", n)
	}
	raised := d.raised
	d.raised = nil
	return d.tell(ctx, raised)
}
