package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lapwing/event"
	"lapwing/stream"
)

// A real disk that is full over and over: the spool lives, drops exactly what
// it says, and goes on once there is room.
func TestIntegrationFullDisk(t *testing.T) {
	mount := t.TempDir()
	if err := unix.Mount("tmpfs", mount, "tmpfs", 0, "size=16m"); err != nil {
		if os.Getenv("LAPWING_INTEGRATION") == "1" {
			t.Fatalf("mounting a tmpfs: %v", err)
		}
		t.Skipf("mounting a tmpfs needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(mount, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	other := newAuditor(t)
	s, err := Open(Config{Dir: filepath.Join(mount, "spool"), Sensor: "s", Partitions: 4, MaxBytes: 256 << 20, SegmentBytes: 1 << 20, MaxPendingBytes: 256 << 10, Linger: 10 * time.Millisecond}, other)
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- s.Run(context.Background()) }()
	deadline := time.Now().Add(2 * time.Minute)
	until := func(what string, ok func(Stats) bool) {
		t.Helper()
		for !ok(s.Stats()) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %+v", what, s.Stats())
			}
			time.Sleep(time.Millisecond)
		}
	}
	n, ballast := 0, filepath.Join(mount, "ballast")
	publish := func() {
		var b stream.Batch
		for range 100 {
			b.Calls = append(b.Calls, long(n))
			n++
		}
		if err := s.Publish(t.Context(), b, nil); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 20 {
		fill(t, ballast)
		dropped := s.Stats().Dropped[DiskFull]
		until("calls are dropped", func(st Stats) bool {
			publish()
			return st.Dropped[DiskFull] > dropped
		})
		line := fmt.Sprint("/line/", round)
		done := make(chan error, 1)
		go func() {
			err := s.Publish(t.Context(), stream.Batch{Calls: []*event.Call{call(line, 1)}, Progress: []event.Progress{{Source: "log", Offset: int64(round + 1)}}}, func(err error) { done <- err })
			if err != nil {
				done <- err
			}
		}()
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		until("the disk is used again", func(st Stats) bool { return st.Trouble == "" })
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	st := s.Stats()
	if st.Published != st.Acknowledged+st.dropped() || uint64(len(other.calls)) != st.Acknowledged || st.Damaged != 0 || st.dropped() != st.Dropped[DiskFull] {
		t.Errorf("%d arrived: %+v", len(other.calls), st)
	}
	for round := range 20 {
		if other.calls[fmt.Sprint("/line/", round)] != 1 {
			t.Errorf("line %d was lost", round)
		}
	}
	var gaps uint64
	for _, m := range other.marks {
		gaps += m.gaps
	}
	if gaps != st.dropped() {
		t.Errorf("numbers say %d calls are missing, %d were dropped", gaps, st.dropped())
	}
	if err := s.Release(); err != nil {
		t.Error(err)
	}
}

// fill takes all room that is left.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 4096; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, unix.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
