// Package file appends notifications to a file, one JSON object a line.
//
// A line is written whole or reported as an error and tried again, so a reader
// may see it twice after a crash, never half of one followed by another: what a
// crash left without its end is cut off before anything follows. The file is opened anew when it was renamed or removed, as log rotation does.
package file

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"lapwing/alerting"
)

// Config says where to write.
type Config struct {
	Name string // default "file"
	Path string
}

// A Destination writes to one file.
type Destination struct {
	cfg Config
	f   *os.File
}

var _ alerting.Destination = (*Destination)(nil)

// New returns the destination. The file is opened by the first Send.
func New(c Config) (*Destination, error) {
	if c.Path == "" {
		return nil, errors.New("alerting: file: path is missing")
	}
	if c.Name == "" {
		c.Name = "file"
	}
	return &Destination{cfg: c}, nil
}

// Name returns the configured name.
func (d *Destination) Name() string { return d.cfg.Name }

// Close closes the file.
func (d *Destination) Close() error {
	if d.f == nil {
		return nil
	}
	err := d.f.Close()
	d.f = nil
	return err
}

// Send appends n and asks the system to store it.
func (d *Destination) Send(_ context.Context, n alerting.Notification) error {
	line, err := json.Marshal(n.Payload())
	if err != nil {
		return alerting.Permanent(fmt.Errorf("encode notification: %w", err))
	}
	if err := d.open(); err != nil {
		return err
	}
	if err := d.write(append(line, '\n')); err != nil {
		_ = d.Close() // the next attempt starts afresh
		return fmt.Errorf("write notification: %w", err)
	}
	return nil
}

func (d *Destination) write(line []byte) error {
	info, err := d.f.Stat()
	if err != nil {
		return err
	}
	if _, err := d.f.Write(line); err != nil {
		_ = d.f.Truncate(info.Size()) // half a line; the write's error is the one to report
		return err
	}
	return d.f.Sync()
}

// open makes sure that d.f is the file which now has the path, ending in a
// whole line.
func (d *Destination) open() error {
	if d.f != nil {
		mine, err := d.f.Stat()
		theirs, err2 := os.Stat(d.cfg.Path)
		if err == nil && err2 == nil && os.SameFile(mine, theirs) {
			return nil
		}
		_ = d.Close() // rotated away: all of it was synced
	}
	f, err := os.OpenFile(d.cfg.Path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open alert file: %w", err)
	}
	if err := mend(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("mend alert file: %w", err)
	}
	d.f = f
	return nil
}
