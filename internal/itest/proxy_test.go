package itest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// echo answers each line with the same line and counts what it did.
func echo(t *testing.T) (addr string, lines *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	lines = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					lines.Add(1)
					if _, err := io.WriteString(c, line); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String(), lines
}

func ask(c net.Conn, line string) (string, error) {
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	got, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSuffix(got, "\n"), err
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestProxyPassesCutsAndRefuses(t *testing.T) {
	target, _ := echo(t)
	p := NewProxy(t, "", target)
	c := dial(t, p.Addr)
	if got, err := ask(c, "hello"); err != nil || got != "hello" {
		t.Fatalf("through the proxy: %q, %v", got, err)
	}
	p.Down()
	if got, err := ask(c, "again"); err == nil {
		t.Errorf("a connection that was cut answered %q", got)
	}
	if got, err := ask(dial(t, p.Addr), "hello"); err == nil {
		t.Errorf("a proxy that is down answered %q", got)
	}
	p.Up()
	if got, err := ask(dial(t, p.Addr), "back"); err != nil || got != "back" {
		t.Errorf("after Up: %q, %v", got, err)
	}
}

func TestProxyWithholdsOneAnswerThatTheServerGave(t *testing.T) {
	target, done := echo(t)
	p := NewProxy(t, "", target)
	c := dial(t, p.Addr)
	p.WithholdAnswer(8)
	if got, err := ask(c, "first"); err != nil || got != "first" {
		t.Fatalf("before the bytes were spent: %q, %v", got, err)
	}
	if got, err := ask(c, "second"); err == nil {
		t.Fatalf("the answer %q was not withheld", got)
	} else if errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	if n := done.Load(); n != 2 {
		t.Errorf("the server did %d requests, want 2: the withheld one is done", n)
	}
	if n := p.Withheld(); n != 1 {
		t.Errorf("%d answers withheld, want 1", n)
	}
	if got, err := ask(dial(t, p.Addr), "third"); err != nil || got != "third" {
		t.Errorf("the next connection: %q, %v", got, err)
	}
}

func TestDSN(t *testing.T) {
	const dsn = "clickhouse://u:p@10.0.0.1:9000/default?dial_timeout=1s"
	if got := WithDatabase(dsn, "x"); got != "clickhouse://u:p@10.0.0.1:9000/x?dial_timeout=1s" {
		t.Errorf("WithDatabase: %s", got)
	}
	if got := WithHost(dsn, "127.0.0.1:1"); got != "clickhouse://u:p@127.0.0.1:1/default?dial_timeout=1s" {
		t.Errorf("WithHost: %s", got)
	}
	if got := Host(dsn); got != "10.0.0.1:9000" {
		t.Errorf("Host: %s", got)
	}
}
