package chaos

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// traffic grows one access log for each sensor, as servers do: in pieces that
// do not end with lines. Event time is the same in all logs and runs ahead of
// the wall clock, a second for each step, so that hours of attack pass in a
// minute and nothing depends on the pace of the machine.
type traffic struct {
	t    testing.TB
	rng  *rand.Rand
	logs []*os.File
	at   time.Time
	step int

	lines atomic.Int64 // written, each with a path of its own or an attacker's
}

const perStep = 8 // ordinary calls in each log and second of event time

func newTraffic(t testing.TB, dir string, logs int, rng *rand.Rand) *traffic {
	t.Helper()
	w := &traffic{t: t, rng: rng, at: time.Now().UTC().Truncate(time.Second)}
	for i := range logs {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("access-%d.log", i)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		w.logs = append(w.logs, f)
	}
	return w
}

func (w *traffic) path(i int) string { return w.logs[i].Name() }

// grow writes the given number of steps to all logs.
func (w *traffic) grow(steps int) error {
	for range steps {
		for i := range w.logs {
			var b bytes.Buffer
			for k := range perStep {
				client := fmt.Sprintf("10.%d.%d.%d", i, w.step*7%40, (w.step*perStep+k)%200+1)
				w.line(&b, client, "GET", fmt.Sprintf("/v1/things/%08x", uint32(w.step*perStep+k)*2654435761), 200)
			}
			w.attack(&b, i)
			for b.Len() > 0 {
				if _, err := w.logs[i].Write(b.Next(1 + w.rng.IntN(4000))); err != nil {
					return err
				}
			}
		}
		w.step++
		w.at = w.at.Add(time.Second)
	}
	return nil
}

// flow grows the logs at a steady rate until the returned function is called,
// which waits for the end.
func (w *traffic) flow(stepsPerSecond int) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second / time.Duration(stepsPerSecond))
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			if err := w.grow(1); err != nil {
				w.t.Error(err)
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

// attack adds what somebody is told of: every ten minutes of event time another
// client guesses passwords for two minutes, in all logs at once, and another
// probes for files.
func (w *traffic) attack(b *bytes.Buffer, log int) {
	const period = 600
	who := w.step/period%200 + 1
	switch at := w.step % period; {
	case at >= 60 && at < 180:
		w.line(b, fmt.Sprintf("203.0.113.%d", who), "POST", "/login", 401)
	case at >= 300 && at < 400 && log == 0:
		w.line(b, fmt.Sprintf("198.51.100.%d", who), "GET", fmt.Sprintf("/%s%d.php", [...]string{"admin", "backup", "wp-login", "config"}[at%4], at), 404)
	}
}

func (w *traffic) line(b *bytes.Buffer, client, method, path string, status int) {
	size := 200
	for _, c := range []byte(path) {
		size = (size*31 + int(c)) % 9973
	}
	fmt.Fprintf(b, "%s - - [%s] \"%s %s HTTP/1.1\" %d %d \"-\" \"client/1.0\"\n", client, w.at.Format("02/Jan/2006:15:04:05 -0700"), method, path, status, size)
	w.lines.Add(1)
}
