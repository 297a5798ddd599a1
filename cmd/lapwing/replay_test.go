//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lapwing/event"
	"lapwing/parse/pseudonym"
	"lapwing/store"
	"lapwing/store/duckdb"
)

// replaySpeed is how much faster than recorded the sample is sent.
const replaySpeed = 60

// The sample, sent over a cable, is told as it is from the file. Times differ,
// and with them IDs and spans of time.
func TestLiveReplayOfTheSample(t *testing.T) {
	s := newStage(t)
	r := bundled(t)
	key := filepath.Join(s.dir, "key")
	keys, err := pseudonym.Create(key)
	if err != nil {
		t.Fatal(err)
	}
	want := told(detectUnder(t, keys, pcapOf(t, "shop.pcap", r.Packets)).final())

	data := filepath.Join(s.dir, "data")
	spec := specFile(t)
	d := s.watch(data, "LAPWING_DETECT__SPECS=["+spec+"]", "LAPWING_IDENTITY__KEY_FILE="+key)
	send, err := sender(s.client, "lwveth1")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for _, p := range r.Packets {
		due := began.Add(p.Time.Sub(r.Packets[0].Time) / replaySpeed)
		if wait := time.Until(due); wait > time.Millisecond {
			time.Sleep(wait)
		}
		if err := send(p.Data); err != nil {
			t.Fatal(err)
		}
	}
	// Counts are brought up to date a quiet minute after the last event, and
	// minutes are looked at when they are whole.
	time.Sleep(2*time.Minute + 15*time.Second)
	d.Stop(t)

	kept, err := duckdb.Open(context.Background(), duckdb.Config{Path: filepath.Join(data, "lapwing.duckdb")})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	if n, err := kept.CountCalls(t.Context(), store.CallQuery{}); err != nil || n != int64(r.Truth.Calls) {
		t.Errorf("%d calls are stored (%v), %d were sent", n, err, r.Truth.Calls)
	}
	alerts, err := kept.Alerts(t.Context(), store.AlertQuery{})
	if err != nil {
		t.Fatal(err)
	}
	got := told(alerts)
	for what, counts := range want {
		live, ok := got[what]
		if !ok {
			t.Errorf("not told over the cable: %s", what)
		}
		for name, n := range counts {
			// Sets that remember err by a few in a thousand, and the minute at which models
			// change falls elsewhere when forty minutes pass in forty seconds.
			if d := live[name] - n; max(d, -d) > max(2, n/50) {
				t.Errorf("%s: %s is %d from the file and %d over the cable", what, name, n, live[name])
			}
		}
	}
	for what := range got {
		if _, ok := want[what]; !ok {
			t.Errorf("told over the cable only: %s", what)
		}
	}
}

// told is what alerts say but for IDs, times, and counts of what went on around
// them when they were last told.
func told(alerts []event.Alert) map[string]map[string]int64 {
	out := map[string]map[string]int64{}
	for _, a := range alerts {
		counts := map[string]int64{}
		for k, v := range a.Counts {
			switch k {
			case "seconds", "duration_s", "host_api_calls", "host_described", "catalogue":
			default:
				counts[k] = v
			}
		}
		out[fmt.Sprint(a.Severity, " ", a.Detector, " ", a.Entity, " ", a.Endpoint, " ", a.Outcome)] = counts
	}
	return out
}

// sender returns a function that sends whole frames out of a device in a
// network namespace.
func sender(namespace, device string) (send func([]byte) error, err error) {
	type result struct {
		fd, index int
		err       error
	}
	opened := make(chan result)
	go func() {
		// The thread that enters the namespace is not given back: it ends with the goroutine.
		runtime.LockOSThread()
		var r result
		defer func() { opened <- r }()
		ns, err := os.Open("/var/run/netns/" + namespace)
		if err != nil {
			r.err = err
			return
		}
		defer ns.Close()
		if r.err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); r.err != nil {
			return
		}
		link, err := net.InterfaceByName(device)
		if err != nil {
			r.err = err
			return
		}
		r.index = link.Index
		r.fd, r.err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	}()
	r := <-opened
	if r.err != nil {
		return nil, r.err
	}
	to := &unix.SockaddrLinklayer{Ifindex: r.index, Protocol: binary.NativeEndian.Uint16([]byte{0x08, 0x00}), Halen: 6}
	return func(frame []byte) error { return unix.Sendto(r.fd, frame, 0, to) }, nil
}
