// Package snapshottest checks that an engine goes on from a snapshot as if
// nothing had happened. It is for tests alone.
package snapshottest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"lapwing/detect"
	"lapwing/detect/snapshot"
	"lapwing/event"
)

// readOnly are slices that may be shared: nobody writes to them once made.
var readOnly = []string{"[]string", "[]event.Feature", "inventory.features"}

// Interrupted leads calls through an engine that build makes, once in one go,
// and once through two, of which the second goes on from a snapshot of the first. It returns an error if they do not say the same, to the byte.
func Interrupted(calls []*event.Call, build func(emit func(event.Alert)) *detect.Engine) error {
	var failed error
	var said []string
	emit := func(a event.Alert) {
		b, err := json.Marshal(&a)
		if err != nil {
			failed = err
		}
		said = append(said, string(b))
	}
	lead := func(e *detect.Engine, part []*event.Call) {
		for _, c := range part {
			e.Observe(c)
			e.Advance(c.End().UnixNano())
		}
	}
	e := build(emit)
	lead(e, calls)
	e.Close()
	whole := said
	said = nil

	e = build(emit)
	cut := len(calls) * (1 + len(calls)%7) / 9 // anywhere, and always the same
	lead(e, calls[:cut])
	var b bytes.Buffer
	if err := snapshot.Check(e, readOnly...); err != nil {
		return err
	}
	if err := snapshot.Save(&b, e); err != nil {
		return err
	}
	e = build(emit)
	if err := snapshot.Load(&b, e); err != nil {
		return err
	}
	lead(e, calls[cut:])
	e.Close()
	if failed != nil {
		return failed
	}
	if !slices.Equal(said, whole) {
		return fmt.Errorf("interrupted after %d calls of %d: %d revisions are said, want %d", cut, len(calls), len(said), len(whole))
	}
	return nil
}
