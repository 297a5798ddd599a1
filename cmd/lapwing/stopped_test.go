package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"

	"lapwing/cmd/internal/report"
)

// A process that is told to end while it waits for brokers that do not answer
// ends without an error: nothing went wrong.
func TestStoppedWhileStarting(t *testing.T) {
	mute, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	cfg := DefaultConfig()
	cfg.Data = t.TempDir()
	cfg.Stream.Kafka.Brokers = []string{mute.Addr().String()}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := mute.Accept() // it is being asked: now somebody wants it to end
		if err == nil {
			defer conn.Close()
		}
		cancel()
		<-t.Context().Done()
	}()
	if err := runFleet(ctx, cfg, []string{roleAlerter}, &runFlags{}, slog.New(slog.DiscardHandler), report.Palette{}); err != nil {
		t.Errorf("told to end, and it says %v", err)
	}
	refused := errors.New("refused")
	if err := unlessStopped(ctx, refused); !errors.Is(err, refused) {
		t.Errorf("another error is lost: %v", err)
	}
	if err := unlessStopped(context.Background(), context.Canceled); err == nil {
		t.Error("an error is lost though nobody asked for the end")
	}
}
