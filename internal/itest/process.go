package itest

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Binaries are the programs under test.
type Binaries struct{ Lapwing, Sensor string }

// Build returns the two programs: those in the directory LAPWING_BIN if that is
// set, else built into dir unless they are there: the directory of a TestMain,
// so that they are built once for all tests.
func Build(t testing.TB, dir string) Binaries {
	t.Helper()
	if given := os.Getenv("LAPWING_BIN"); given != "" {
		dir = given
	}
	b := Binaries{filepath.Join(dir, "lapwing"), filepath.Join(dir, "lapwing-sensor")}
	for path, pkg := range map[string]string{b.Lapwing: "./cmd/lapwing", b.Sensor: "./cmd/lapwing-sensor"} {
		if _, err := os.Stat(path); err == nil {
			continue
		}
		cmd := exec.Command("go", "build", "-o", path, pkg)
		cmd.Dir = Root(t)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go build %s: %v\n%s", pkg, err, out)
		}
	}
	return b
}

// A Process is a program under test that is running or has ended.
type Process struct {
	Name string

	cmd   *exec.Cmd
	out   *output
	ended chan struct{}
}

// Start starts a program. Of the caller's environment no LAPWING_ variable
// reaches it; env is added. It is killed at the end of the test at the latest;
// what it printed is shown when the test fails.
func Start(t testing.TB, name, program string, env []string, args ...string) *Process {
	t.Helper()
	cmd := exec.Command(program, args...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "LAPWING_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(append(cmd.Env, "NO_COLOR=1"), env...)
	p := &Process{Name: name, cmd: cmd, out: &output{}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() {
		_ = cmd.Wait() // the state says how it ended
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s (%s %s) printed:\n%s", name, filepath.Base(program), strings.Join(args, " "), p.out.tail(6000))
		}
	})
	return p
}

// Run runs a program to its end and returns its standard output; anything but
// exit 0 fails the test.
func Run(t testing.TB, program string, env []string, args ...string) []byte {
	t.Helper()
	return RunTo(t, 0, program, env, args...)
}

// RunTo is Run for a program that may exit with any code up to worst.
func RunTo(t testing.TB, worst int, program string, env []string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && (cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0 || cmd.ProcessState.ExitCode() > worst) {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, stderr.String())
	}
	return stdout.Bytes()
}

// Output is what it has printed so far, on both streams.
func (p *Process) Output() string { return p.out.String() }

// Pid is its process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Running reports whether it has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Kill ends it at once, as a crash does, and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // it may have ended

// Stop asks for an orderly end and fails the test unless it ends with exit 0.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	p.Wait(t, patience)
}

// Wait waits for its end and fails the test unless it ends with exit 0.
func (p *Process) Wait(t testing.TB, limit time.Duration) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(limit):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines are worth seeing
		select {
		case <-p.ended:
		case <-time.After(5 * time.Second):
			p.Kill()
		}
		t.Fatalf("%s did not end within %v", p.Name, limit)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("%s ended with %v", p.Name, p.cmd.ProcessState)
	}
}

// CPU is the processor time of a process that has ended.
func (p *Process) CPU() time.Duration {
	<-p.ended
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

var metricsURL = regexp.MustCompile(`http://[0-9.:]+/metrics`)

// MetricsURL returns the address its banner or log names, or "".
func (p *Process) MetricsURL() string { return metricsURL.FindString(p.out.String()) }

// Metrics reads its counters; nil if it does not answer.
func (p *Process) Metrics() Metrics {
	url := p.MetricsURL()
	if url == "" {
		return nil
	}
	client := &http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	return ParseMetrics(string(body))
}

// Metrics are counters and gauges by name with labels, as Prometheus writes them.
type Metrics map[string]float64

// ParseMetrics reads the Prometheus text form.
func ParseMetrics(text string) Metrics {
	m := Metrics{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(line[i+1:], 64); err == nil {
			m[line[:i]] = v
		}
	}
	return m
}

// Sum adds up all series of a name, or those whose labels hold every one of
// the given texts (such as reason="spool_full").
func (m Metrics) Sum(name string, labels ...string) float64 {
	sum := 0.0
series:
	for k, v := range m {
		base, rest, _ := strings.Cut(k, "{")
		if base != name {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(rest, l) {
				continue series
			}
		}
		sum += v
	}
	return sum
}

// output collects what a child prints; safe for concurrent use. The middle of
// very much output is forgotten.
type output struct {
	mu  sync.Mutex
	buf []byte
}

const (
	outputHead = 64 << 10
	outputMax  = 1 << 20
)

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(o.buf, p...)
	if len(o.buf) > outputMax {
		o.buf = append(o.buf[:outputHead], o.buf[len(o.buf)-outputMax/2:]...)
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.buf)
}

func (o *output) tail(n int) string {
	s := o.String()
	if len(s) > n {
		s = "…" + s[len(s)-n:]
	}
	return s
}
