package itest

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A Cluster is a Kafka of the test's own, whose nodes it may stop and kill.
type Cluster struct {
	Brokers []string
	Env     map[string]string // what .ci/kafka printed

	t    testing.TB
	dir  string
	port int
}

// NewCluster starts nodes of Apache Kafka and stops them at the end.
func NewCluster(t testing.TB, nodes int) *Cluster {
	t.Helper()
	port := freePorts(t, 700)
	dir, err := os.MkdirTemp("", "lapwing-kafka-")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{t: t, dir: dir, port: port}
	t.Cleanup(func() {
		if t.Failed() {
			c.logTail()
		}
		if out, err := c.script("down", "--data", dir, "--wipe").CombinedOutput(); err != nil {
			t.Errorf(".ci/kafka down: %v\n%s", err, out)
		}
	})
	cmd := c.script("up", "--nodes", strconv.Itoa(nodes), "--port", strconv.Itoa(port), "--data", dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		Missing(t, "no Kafka could be started: %v\n%s", err, stderr.String())
	}
	c.Env = map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		if k, v, ok := strings.Cut(lines.Text(), "="); ok {
			c.Env[k] = v
		}
	}
	c.Brokers = strings.Split(c.Env["KAFKA_BROKERS"], ",")
	return c
}

func (c *Cluster) script(args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(Root(c.t), ".ci", "kafka"), args...)
}

// ProxiedTarget is where a proxy that stands at node i's address among
// KAFKA_PROXIED_BROKERS connects to.
func (c *Cluster) ProxiedTarget(i int) string { return fmt.Sprintf("127.0.0.1:%d", c.port+500+i) }

// Tool runs one of Kafka's command line programs by its class.
func (c *Cluster) Tool(class string, args ...string) (string, error) {
	out, err := c.script(append([]string{"tool", class}, args...)...).CombinedOutput()
	return string(out), err
}

func (c *Cluster) node(i int) string { return filepath.Join(c.dir, fmt.Sprintf("node-%d", i)) }

func (c *Cluster) signal(i int, s syscall.Signal) {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.node(i), "pid"))
	if err != nil {
		c.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		c.t.Fatal(err)
	}
	_ = syscall.Kill(pid, s) // it may have ended
}

// Pause stops node i's process where it stands (SIGSTOP): connections stay open
// and nothing answers.
func (c *Cluster) Pause(i int) { c.t.Helper(); c.signal(i, syscall.SIGSTOP) }

// Resume lets it go on.
func (c *Cluster) Resume(i int) { c.t.Helper(); c.signal(i, syscall.SIGCONT) }

// Kill ends node i at once.
func (c *Cluster) Kill(i int) { c.t.Helper(); c.signal(i, syscall.SIGKILL); c.awaitDown(i) }

// Shutdown ends node i in order: its leaderships move first (KIP-500's
// controlled shutdown).
func (c *Cluster) Shutdown(i int) { c.t.Helper(); c.signal(i, syscall.SIGTERM); c.awaitDown(i) }

func (c *Cluster) awaitDown(i int) {
	c.t.Helper()
	Await(c.t, patience, fmt.Sprintf("node %d down", i), nil, func() bool { return !listening(c.port + i) })
}

// Start starts node i again and waits until it serves.
func (c *Cluster) Start(i int) {
	c.t.Helper()
	log := filepath.Join(c.node(i), "server.log")
	_ = os.Remove(log) // what it said before is not what it says now
	console, err := os.Create(filepath.Join(c.node(i), "console.log"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer console.Close()
	cmd := exec.Command(filepath.Join(c.node(i), "start"))
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }() // how it ends is looked at by its port
	Await(c.t, patience, fmt.Sprintf("node %d up", i), nil, func() bool {
		b, _ := os.ReadFile(log)
		return bytes.Contains(b, []byte("Kafka Server started")) && listening(c.port+i)
	})
}

func (c *Cluster) logTail() {
	logs, _ := filepath.Glob(filepath.Join(c.dir, "node-*", "server.log"))
	for _, path := range logs {
		if b, err := os.ReadFile(path); err == nil {
			c.t.Logf("%s ends with:\n%s", path, b[max(0, len(b)-1500):])
		}
	}
}

// An Engine is a ClickHouse of the test's own, which it may kill.
type Engine struct {
	DSN string

	t    testing.TB
	dir  string
	port int
}

// NewEngine starts ClickHouse and stops it at the end. A CLICKHOUSE_DSN in the
// environment is not used: that server is everybody's.
func NewEngine(t testing.TB) *Engine {
	t.Helper()
	dir, err := os.MkdirTemp("", "lapwing-clickhouse-")
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{t: t, dir: dir, port: freePorts(t, 2)}
	t.Cleanup(func() {
		if out, err := e.script("down").CombinedOutput(); err != nil {
			t.Errorf(".ci/clickhouse down: %v\n%s", err, out)
		}
		_ = os.RemoveAll(dir) // a directory in the temporary one
	})
	e.Start()
	return e
}

func (e *Engine) script(command string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(Root(e.t), ".ci", "clickhouse"), command, "--port", strconv.Itoa(e.port), "--data", e.dir)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "CLICKHOUSE_DSN=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// Start starts it (again) over the same data.
func (e *Engine) Start() {
	e.t.Helper()
	var stderr bytes.Buffer
	cmd := e.script("up")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		Missing(e.t, "no ClickHouse could be started: %v\n%s", err, stderr.String())
	}
	for line := range strings.Lines(string(out)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "CLICKHOUSE_DSN="); ok {
			e.DSN = v
		}
	}
}

// Kill ends it at once.
func (e *Engine) Kill() {
	e.t.Helper()
	b, err := os.ReadFile(filepath.Join(e.dir, "testserver", "pid"))
	if err != nil {
		e.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		e.t.Fatal(err)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	Await(e.t, patience, "ClickHouse down", nil, func() bool { return !listening(e.port) })
}

func listening(port int) bool {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// taken counts the spans of ports that this process has asked for: a server
// binds its ports seconds after they were chosen.
var taken atomic.Int32

// freePorts returns a port such that the span of ports from it on is likely
// free: below the range the kernel gives to clients, and apart from those of
// other tests of this process and of others.
func freePorts(t testing.TB, span int) int {
	t.Helper()
	for range 20 {
		port := 20000 + (os.Getpid()*7+int(taken.Add(1))*1300)%9000
		ok := true
		for p := port; p < port+span && ok; p += 50 {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
			if ok = err == nil; ok {
				l.Close()
			}
		}
		if ok {
			return port
		}
	}
	t.Fatal("no free ports between 20000 and 30000")
	return 0
}
