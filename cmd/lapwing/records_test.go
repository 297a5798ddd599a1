package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lapwing/cmd/internal/proctest"
	"lapwing/event"
	"lapwing/stream/https"
	"lapwing/stream/spool"
	"lapwing/stream/wire"
)

// Another sensor that repeats each record until it is answered has each call
// stored once, however often the daemon is killed.
func TestCrashReceivingRecords(t *testing.T) {
	t.Parallel()
	const perRecord = 25
	dir := t.TempDir()
	data, token, address := filepath.Join(dir, "data"), filepath.Join(dir, "token"), freePort(t)
	if err := os.WriteFile(token, []byte("let-me-in\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"LAPWING_SENSOR__RECORDS__LISTEN=" + address, "LAPWING_SENSOR__RECORDS__TOKEN_FILE=" + token}
	start := func() *proctest.Daemon { return proctest.Start(t, nil, []string{"--data", data}, env) }
	sender, err := https.NewSender(https.SenderConfig{URL: "http://" + address, Token: "let-me-in", Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	at := time.Now().Add(-time.Minute)
	record := func(n int) spool.Packed {
		r := wire.Record{Sensor: "edge", Boot: 1, First: uint64(n*perRecord + 1), Heartbeats: []event.Heartbeat{{Source: "eth0", LowNS: at.UnixNano()}}}
		for i := range perRecord {
			r.Calls = append(r.Calls, &event.Call{
				ID: event.MakeID(1, r.First+uint64(i)), Time: at, Duration: time.Millisecond, Sensor: "edge", Source: event.SourcePacket,
				Client: netip.MustParseAddr("10.1.0.7"), Method: "GET", Host: "h", Path: lineID(n*perRecord + i), PathShape: "/v1/ping/{hex}", Status: 200,
				Actor: event.Actor{Kind: event.KindClient, Value: "10.1.0.7"},
			})
		}
		return spool.Packed{Boot: 1, First: r.First, Calls: perRecord, Value: r.Append(nil)}
	}

	stop := make(chan struct{})
	records, repeated := 0, 0
	var sending sync.WaitGroup
	sending.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			p := record(records)
			for sender.Send(context.Background(), []spool.Packed{p}) != nil {
				repeated++
				time.Sleep(10 * time.Millisecond)
			}
			records++
		}
	})
	for range kills() {
		d := start()
		time.Sleep(time.Duration(100+rng.IntN(400)) * time.Millisecond)
		d.Kill()
	}
	d := start()
	close(stop)
	sending.Wait()
	before := records
	if err := sender.Send(t.Context(), []spool.Packed{record(before - 1)}); err != nil { // as after an answer that was lost
		t.Error(err)
	}
	var refused *spool.Rejection
	if err := sender.Send(t.Context(), []spool.Packed{{Value: []byte("no record")}}); !errors.As(err, &refused) {
		t.Errorf("junk was answered with %v", err)
	}
	stranger, err := https.NewSender(https.SenderConfig{URL: "http://" + address, Token: "wrong"})
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Send(t.Context(), []spool.Packed{record(before)}); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("a wrong token was answered with %v", err)
	}
	m, err := d.Metrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.Sum(`receiver_records_total{outcome="duplicate"}`) < 1 || m.Sum(`receiver_records_total{outcome="refused"}`) != 1 || m.Sum("receiver_denied_requests_total") != 1 {
		t.Errorf("the receiver counts %v", m)
	}
	if code := d.Stop(t); code != exitDone {
		t.Errorf("exit code %d after SIGTERM, want %d", code, exitDone)
	}
	t.Logf("%d records, %d attempts failed", records, repeated)
	if records < kills() || repeated == 0 {
		t.Errorf("%d records and %d failed attempts: the daemon was not killed while it received", records, repeated)
	}
	counts := pathCounts(t, openStore(t, data))
	exactlyOnce(t, counts, records*perRecord)
	if len(counts) != records*perRecord {
		t.Errorf("%d different calls are stored, %d were sent", len(counts), records*perRecord)
	}
}
