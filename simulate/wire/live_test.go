package wire_test

import (
	"context"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"lapwing/simulate/wire"
)

func TestLiveReplaysEverything(t *testing.T) {
	list := traffic(21, 600)
	l, err := wire.NewLive(t.Context(), wire.LiveOptions{Addr: "127.0.0.1:0", Speed: math.Inf(1), MaxConns: 7})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Get("http://" + l.Addr().String() + "/x")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil || r.StatusCode != 404 || !strings.Contains(string(body), "replays") {
		t.Errorf("a stranger hears %d %q %v", r.StatusCode, body, err)
	}
	for i := range list {
		if err := l.Exchange(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := l.Stats()
	if s.Exchanges != int64(len(list)) || s.Strangers != 1 || s.Connections == 0 {
		t.Errorf("%+v for %d exchanges and one stranger", s, len(list))
	}
}

func TestLiveEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l, err := wire.NewLive(ctx, wire.LiveOptions{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	list := traffic(22, 2)
	list[1].AtNS += 3600e9
	if err := l.Exchange(&list[0]); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := l.Exchange(&list[1]); err == nil {
		t.Error("an exchange of the next hour was sent at once")
	}
	l.Close()
}

func TestLiveStaysOnThisMachine(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:80", "127.0.0.1", "[::1]:0", "localhost:0"} {
		if _, err := wire.NewLive(t.Context(), wire.LiveOptions{Addr: addr}); err == nil {
			t.Errorf("listens on %s", addr)
		}
	}
	if _, err := wire.NewLive(t.Context(), wire.LiveOptions{Addr: "127.0.0.1:0", Speed: -1}); err == nil {
		t.Error("runs backwards")
	}
}
