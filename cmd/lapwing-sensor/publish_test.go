package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"lapwing/cmd/internal/proctest"
	"lapwing/event"
	"lapwing/stream"
	"lapwing/stream/https"
	"lapwing/stream/kafka"
	"lapwing/stream/wire"
)

func TestMain(m *testing.M) {
	proctest.Main(m, start)
}

const sample = "../../examples/shop.pcap.gz"

// A site is a sensor's directory with a key and a configuration.
type site struct {
	dir, config string
}

func newSite(t *testing.T, publish string) site {
	t.Helper()
	s := site{dir: t.TempDir()}
	s.config = filepath.Join(s.dir, "sensor.yaml")
	key := filepath.Join(s.dir, "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("0123456789abcdef", 4)), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("identity: {key_file: %s}\nsensor: {name: edge}\npublish:\n  spool: {dir: %s}\n  %s\n", key, filepath.Join(s.dir, "spool"), publish)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// A keeper stores what a receiver hands it, in memory.
type keeper struct {
	mu    sync.Mutex
	calls map[string]int
	total int
	beats map[string]event.Heartbeat
}

func (k *keeper) Publish(_ context.Context, b stream.Batch, done func(error)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.calls == nil {
		k.calls, k.beats = map[string]int{}, map[string]event.Heartbeat{}
	}
	for _, c := range b.Calls {
		k.calls[c.Path]++
		k.total++
	}
	for _, h := range b.Heartbeats {
		k.beats[h.Source] = h
	}
	if done != nil {
		done(nil)
	}
	return nil
}

func (k *keeper) Close(context.Context) error { return nil }

// callsIn is how many calls the sensor reads from a file.
func callsIn(t *testing.T, name string) int {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--read", name}, &out, os.Stderr); err != nil {
		t.Fatal(err)
	}
	return bytes.Count(out.Bytes(), []byte("\n"))
}

func TestFilesOverHTTPS(t *testing.T) {
	k := &keeper{}
	receiver := &https.Receiver{Pub: k, Token: "right"}
	server := httptest.NewServer(receiver.Handler())
	defer server.Close()
	s := newSite(t, fmt.Sprintf("https: {url: %s, token: right}", server.URL))
	want := callsIn(t, sample)
	r := proctest.Run(t, nil, "--config", s.config, "--read", sample)
	line := fmt.Sprintf("lapwing-sensor: %d calls published + 0 from before = %d delivered + 0 waiting in the spool + 0 dropped + 0 rejected + 0 damaged", want, want)
	if r.Code != 0 || !strings.Contains(r.Stderr, line) {
		t.Fatalf("exit %d:\n%s\nwant %s", r.Code, r.Stderr, line)
	}
	if st := receiver.Stats(); k.total != want || st.Lost != 0 || st.Dropped != 0 {
		t.Errorf("%d calls of %d arrived: %+v", k.total, want, st)
	}
	if h := k.beats["edge/files"]; !h.Retired || h.LowNS == 0 {
		t.Errorf("the files have not ended for the receiver: %+v", h)
	}
}

func TestBadInput(t *testing.T) {
	denied := httptest.NewServer((&https.Receiver{Pub: &keeper{}, Token: "right"}).Handler())
	defer denied.Close()
	log := filepath.Join(t.TempDir(), "access.log")
	for name, test := range map[string]struct {
		publish string
		args    []string
		code    int
		say     string
	}{
		"two ways":    {"{https: {url: https://x.example}, kafka: {brokers: [\"x:1\"]}}", nil, 1, "calls go one way"},
		"plain http":  {"https: {url: http://x.example}", nil, 1, "use https"},
		"no address":  {"https: {url: x.example}", nil, 1, "https://lapwing.example:8473"},
		"partitions":  {"kafka: {brokers: [\"127.0.0.1:1\"], partitions: 12}", nil, 1, "must divide 256"},
		"broker":      {"kafka: {brokers: [kafka]}", nil, 1, "kafka-1:9092"},
		"sasl":        {"kafka: {brokers: [\"127.0.0.1:1\"], sasl: {user: a}}", nil, 1, "sasl.mechanism is missing"},
		"output too":  {"https: {url: https://x.example}", []string{"--output", "f"}, 2, "calls go one way"},
		"no source":   {"https: {url: https://x.example}", []string{}, 2, "nothing to watch"},
		"unknown key": {"htps: {}", nil, 1, "did you mean \"https\""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, test.publish)
			if strings.HasPrefix(test.publish, "{") {
				text, err := os.ReadFile(s.config)
				if err != nil {
					t.Fatal(err)
				}
				head, _, _ := strings.Cut(string(text), "publish:")
				if err := os.WriteFile(s.config, []byte(head+"publish: "+test.publish+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			args := append([]string{"--config", s.config}, test.args...)
			if test.args == nil {
				args = append(args, "--log", log)
			}
			if r := proctest.Run(t, nil, args...); r.Code != test.code || !strings.Contains(r.Stderr, test.say) {
				t.Errorf("exit %d, want %d and %q:\n%s", r.Code, test.code, test.say, r.Stderr)
			}
		})
	}
}

// flaky answers some requests with an error, and stores some without an answer.
func flaky(next http.Handler) http.Handler {
	var mu sync.Mutex
	n := 0
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n++
		turn := n % 7
		mu.Unlock()
		switch turn {
		case 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 5:
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // stored, and the answer is lost
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// A writer of an access log that knows what it wrote.
type growing struct {
	t    *testing.T
	file *os.File
	n    int
}

func grow(t *testing.T, name string) *growing {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &growing{t: t, file: f}
}

func (g *growing) lines(n int) {
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "192.0.2.%d - - [22/Nov/2026:02:00:%02d +0000] \"GET /line/%d HTTP/1.1\" 200 12 \"-\" \"t\"\n", g.n%200, g.n/1000%60, g.n)
		g.n++
	}
	if _, err := g.file.WriteString(b.String()); err != nil {
		g.t.Fatal(err)
	}
}

// killed runs a sensor over a growing log, kills it again and again, and lets
// it end in order at last. deliveries says how often each path arrived.
func killed(t *testing.T, s site, kills int, deliveries func() map[string]int) {
	t.Helper()
	name := filepath.Join(s.dir, "access.log")
	log := grow(t, name)
	rnd := rand.New(rand.NewPCG(1, 2))
	start := func() (stop func(kill bool), stderr *bytes.Buffer) {
		cmd, err := proctest.Command(nil, []string{"--config", s.config, "--log", name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		stderr = &bytes.Buffer{}
		cmd.Stderr = stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return func(kill bool) {
			signal := os.Interrupt
			if kill {
				signal = os.Kill
			}
			_ = cmd.Process.Signal(signal) // it may have ended
			_ = cmd.Wait()                 // killed, which is no news
		}, stderr
	}
	for range kills {
		log.lines(150)
		stop, _ := start()
		for range 1 + rnd.IntN(6) {
			time.Sleep(time.Duration(rnd.IntN(60)) * time.Millisecond)
			log.lines(50)
		}
		stop(true)
	}
	stop, stderr := start()
	limit := time.Now().Add(60 * time.Second)
	for len(deliveries()) < log.n && time.Now().Before(limit) {
		time.Sleep(20 * time.Millisecond)
	}
	stop(false)
	got := deliveries()
	for n := range log.n {
		if times := got[fmt.Sprint("/line/", n)]; times != 1 {
			t.Fatalf("line %d of %d arrived %d times; %s", n, log.n, times, stderr)
		}
	}
	if !strings.Contains(stderr.String(), "+ 0 waiting in the spool + 0 dropped + 0 rejected + 0 damaged") {
		t.Errorf("the sensor does not account for everything:\n%s", stderr)
	}
}

// Killed at any moment, before a receiver that fails and forgets to answer:
// each line arrives once.
func TestKilledOverHTTPS(t *testing.T) {
	k := &keeper{}
	receiver := &https.Receiver{Pub: k}
	server := httptest.NewUnstartedServer(flaky(receiver.Handler()))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	defer server.Close()
	s := newSite(t, fmt.Sprintf("https: {url: %s}", server.URL))
	killed(t, s, 12, func() map[string]int {
		k.mu.Lock()
		defer k.mu.Unlock()
		out := make(map[string]int, len(k.calls))
		for path, n := range k.calls {
			out[path] = n
		}
		return out
	})
	if st := receiver.Stats(); st.Lost != 0 || st.Dropped != 0 || st.Refused != 0 {
		t.Errorf("%+v", st)
	}
}

// The same before Kafka: repetitions are dropped by their numbers, as every
// consumer does, and no number is missing.
func TestKilledBeforeKafka(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	killedBeforeKafka(t, cluster.ListenAddrs(), "lapwing")
}

func killedBeforeKafka(t *testing.T, brokers []string, prefix string) {
	t.Helper()
	list, err := json.Marshal(brokers)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, fmt.Sprintf("kafka: {brokers: %s, prefix: %s, partitions: 4, replication: 1}", list, prefix))
	client, err := kafka.New(kafka.Config{Brokers: brokers, Prefix: prefix, Partitions: 4, Replication: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var lost uint64
	killed(t, s, 8, func() map[string]int {
		out := map[string]int{}
		type mark struct{ boot, next uint64 }
		marks := map[int]mark{}
		lost = 0
		err := client.ReadAll(t.Context(), client.Topics().Calls, func(m kafka.Message) error {
			rec, err := wire.Decode(m.Value)
			if err != nil {
				return err
			}
			at := marks[m.Partition]
			if rec.Boot < at.boot {
				return nil
			}
			if rec.Boot > at.boot {
				at = mark{rec.Boot, 1}
			}
			if rec.First < at.next {
				return nil // a repetition
			}
			lost += rec.First - at.next
			marks[m.Partition] = mark{rec.Boot, rec.Next()}
			for _, c := range rec.Calls {
				out[c.Path]++
			}
			return nil
		})
		if err != nil {
			t.Log(err) // before the topic is there
		}
		return out
	})
	if lost != 0 {
		t.Errorf("%d numbers are missing", lost)
	}
}
