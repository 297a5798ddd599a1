package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lapwing/cmd/internal/proctest"
	"lapwing/parse/tcp/tcptest"
)

var eventTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// shopPcap is a classic capture of n calls, one connection each, and the
// offset of every record.
func shopPcap(n int) (data []byte, records []int) {
	var b bytes.Buffer
	le := binary.LittleEndian
	head := make([]byte, 24)
	le.PutUint32(head, 0xa1b2c3d4)
	le.PutUint16(head[4:], 2)
	le.PutUint16(head[6:], 4)
	le.PutUint32(head[16:], 65535)
	le.PutUint32(head[20:], 1)
	b.Write(head)
	at := eventTime
	packet := func(s tcptest.Seg) {
		frame := tcptest.Ethernet(s.IP())
		records = append(records, b.Len())
		rec := make([]byte, 16)
		le.PutUint32(rec, uint32(at.Unix()))
		le.PutUint32(rec[4:], uint32(at.Nanosecond()/1000))
		le.PutUint32(rec[8:], uint32(len(frame)))
		le.PutUint32(rec[12:], uint32(len(frame)))
		b.Write(rec)
		b.Write(frame)
		at = at.Add(time.Millisecond)
	}
	for i := range n {
		req := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: shop.test\r\n\r\n", lineID(i))
		resp := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		c, s, q, r := uint32(1000), uint32(5000), uint32(len(req)), uint32(len(resp))
		packet(tcptest.Seg{Client: i, FromClient: true, SYN: true, NoAck: true, Seq: c})
		packet(tcptest.Seg{Client: i, SYN: true, Seq: s, Ack: c + 1})
		packet(tcptest.Seg{Client: i, FromClient: true, Seq: c + 1, Ack: s + 1, Data: req})
		packet(tcptest.Seg{Client: i, Seq: s + 1, Ack: c + 1 + q, Data: resp})
		packet(tcptest.Seg{Client: i, FromClient: true, FIN: true, Seq: c + 1 + q, Ack: s + 1 + r})
		packet(tcptest.Seg{Client: i, FIN: true, Seq: s + 1 + r, Ack: c + 2 + q})
	}
	return b.Bytes(), records
}

func accessLog(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		b.WriteString(combined(eventTime.Add(time.Duration(i)*time.Second), fmt.Sprintf("10.1.0.%d", i%50+1), "GET", lineID(i), 200))
	}
	return b.Bytes()
}

// guessingLog holds forty wrong passwords in a row.
func guessingLog() []byte {
	b := accessLog(200)
	for i := range 40 {
		b = append(b, combined(eventTime.Add(time.Duration(200+i)*time.Second), attacker, "POST", "/login", 401)...)
	}
	return b
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b) // into memory
	w.Close()
	return out.Bytes()
}

type badCase struct {
	name  string
	files map[string][]byte // written to a directory of the case; {dir} in args
	args  []string
	code  int
	says  []string // on stderr
	calls int      // with the command calls: how many are printed; -1: not looked at
}

func badCases() []badCase {
	pcap, records := shopPcap(20)
	log := accessLog(50)
	long := slices.Concat(log, bytes.Repeat([]byte("x"), 2<<20), []byte("\n"), accessLog(3))
	cutRecord := pcap[:records[60]+20] // in the head of a frame: ten calls precede it
	cutHeader := pcap[:records[60]+7]
	hugeRecord := slices.Clone(pcap[:records[60]+16])
	binary.LittleEndian.PutUint32(hugeRecord[records[60]+8:], 0x7fffffff)
	packed := gzipped(slices.Concat(log, bytes.Repeat(log, 20)))
	garbage := make([]byte, 5000)
	for i := range garbage {
		garbage[i] = byte(i * i >> 3)
	}
	return []badCase{
		{"pcap cut in a record", map[string][]byte{"a.pcap": cutRecord}, []string{"calls", "-o", "json", "{dir}/a.pcap"}, exitFailed, []string{"a.pcap", fmt.Sprint(records[60])}, 10},
		{"pcap cut in a record header", map[string][]byte{"a.pcap": cutHeader}, []string{"calls", "-o", "json", "{dir}/a.pcap"}, exitFailed, []string{"a.pcap", fmt.Sprint(records[60])}, 10},
		{"pcap with an impossible length", map[string][]byte{"a.pcap": hugeRecord}, []string{"calls", "-o", "json", "{dir}/a.pcap"}, exitFailed, []string{"a.pcap", fmt.Sprint(records[60])}, 10},
		{"gzip cut", map[string][]byte{"a.log.gz": packed[:len(packed)-40]}, []string{"calls", "-o", "json", "{dir}/a.log.gz"}, exitFailed, []string{"a.log.gz"}, -1},
		{"gzip of a cut pcap", map[string][]byte{"a.pcap.gz": gzipped(cutRecord)}, []string{"calls", "-o", "json", "{dir}/a.pcap.gz"}, exitFailed, []string{"a.pcap.gz", fmt.Sprint(records[60])}, 10},
		{"one bad file does not hide a good one", map[string][]byte{"bad.pcap": cutRecord, "good.log": log}, []string{"calls", "-o", "json", "{dir}/bad.pcap", "{dir}/good.log"}, exitFailed, []string{"bad.pcap"}, 60},
		{"garbage", map[string][]byte{"a.bin": garbage}, []string{"calls", "-o", "json", "{dir}/a.bin"}, exitFailed, []string{"a.bin", "not a capture, log or HAR"}, 0},
		{"garbage beside a good one", map[string][]byte{"a.bin": garbage, "good.log": log}, []string{"calls", "-o", "json", "{dir}/a.bin", "{dir}/good.log"}, exitFailed, []string{"a.bin"}, 50},
		{"empty file", map[string][]byte{"a.log": {}}, []string{"calls", "-o", "json", "{dir}/a.log"}, exitFailed, []string{"a.log", "empty"}, 0},
		{"a line of 2 MiB", map[string][]byte{"a.log": long}, []string{"calls", "-o", "json", "{dir}/a.log"}, exitDone, []string{"a.log", "1 lines not understood", "1 MiB"}, 53},
		{"wrong format", map[string][]byte{"a.log": log}, []string{"calls", "-o", "json", "--format", "json", "{dir}/a.log"}, exitFailed, []string{"a.log:1:", "50 of 50", "--format"}, 0},
		{"unknown format", map[string][]byte{"a.log": log}, []string{"calls", "-o", "json", "--format", "nonsense", "{dir}/a.log"}, exitFailed, []string{"nonsense"}, 0},
		{"no such file", nil, []string{"calls", "-o", "json", "{dir}/none.log"}, exitFailed, []string{"none.log", "no such file"}, 0},
		{"directory", nil, []string{"calls", "-o", "json", "{dir}"}, exitFailed, []string{"is a directory"}, 0},
		{"no input", nil, []string{"calls"}, exitUsage, []string{"lapwing calls --help"}, 0},
		{"unknown flag", nil, []string{"calls", "--nope", "x"}, exitUsage, []string{"--nope", "--help"}, 0},
		{"unknown output", map[string][]byte{"a.log": log}, []string{"calls", "-o", "xml", "{dir}/a.log"}, exitUsage, []string{"xml", "table, json, csv"}, 0},
		{"analyze in csv", map[string][]byte{"a.log": log}, []string{"analyze", "-o", "csv", "{dir}/a.log"}, exitUsage, []string{"csv", "table, json"}, 0},
		{"bad proxies", map[string][]byte{"a.log": log}, []string{"analyze", "--trusted-proxies", "10.0.0.0/99", "{dir}/a.log"}, exitUsage, []string{"10.0.0.0/99"}, 0},
		{"bad severity", map[string][]byte{"a.log": log}, []string{"analyze", "--fail-on", "grave", "{dir}/a.log"}, exitUsage, []string{"grave", "critical"}, 0},
		{"missing spec", map[string][]byte{"a.log": log}, []string{"analyze", "--spec", "{dir}/none.yaml", "{dir}/a.log"}, exitFailed, []string{"none.yaml"}, 0},
		{"spec that is none", map[string][]byte{"a.log": log, "s.yaml": []byte("a: [1\n")}, []string{"analyze", "--spec", "{dir}/s.yaml", "{dir}/a.log"}, exitFailed, []string{"s.yaml"}, 0},
		{"calls file in no directory", map[string][]byte{"a.log": log}, []string{"analyze", "--calls", "{dir}/none/c.ndjson", "{dir}/a.log"}, exitFailed, []string{"none"}, 0},
		{"bad key", map[string][]byte{"c.yaml": []byte("store:\n  retension: 3d\n")}, []string{"config", "check", "{dir}/c.yaml"}, exitFailed, []string{"c.yaml:2:3", "retension", "retention"}, 0},
		{"bad value", map[string][]byte{"c.yaml": []byte("sensor:\n  ring_size: 1KiB\n")}, []string{"config", "check", "{dir}/c.yaml"}, exitFailed, []string{"sensor.ring_size"}, 0},
		{"no such configuration", nil, []string{"config", "check", "{dir}/c.yaml"}, exitFailed, []string{"c.yaml"}, 0},
		{"config without a verb", nil, []string{"config"}, exitUsage, []string{"config check"}, 0},
		{"bad key of run", map[string][]byte{"c.yaml": []byte("sensors: {}\n")}, []string{"run", "--config", "{dir}/c.yaml", "--data", "{dir}/data"}, exitFailed, []string{"c.yaml:1:1", "sensors", "sensor"}, 0},
		{"no such interface", nil, []string{"run", "--interface", "nope0", "--data", "{dir}/data"}, exitFailed, []string{"nope0"}, 0},
		{"bad filter", nil, []string{"run", "--interface", "lo", "--filter", "tcp prot 80", "--data", "{dir}/data"}, exitFailed, []string{"filter", "prot"}, 0},
		{"run with an argument", nil, []string{"run", "x.log"}, exitUsage, []string{"x.log"}, 0},
		{"target without Kafka", nil, []string{"run", "--target", "sensor"}, exitUsage, []string{"--target", "stream.kafka.brokers"}, 0},
		{"unknown target", nil, []string{"run", "--target", "sensr"}, exitUsage, []string{"sensr", "sensor, detector, archiver, alerter"}, 0},
		{"console", nil, []string{"run", "--target", "console"}, exitUsage, []string{"no console in this version"}, 0},
		{"data below a file", map[string][]byte{"f": {1}}, []string{"run", "--data", "{dir}/f/data"}, exitFailed, []string{"f"}, 0},
	}
}

// Whatever is wrong is said in words that name the file and the place, with
// the documented exit code; what could be read is printed all the same.
func TestBadInput(t *testing.T) {
	for _, c := range badCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, data := range c.files {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var args []string
			for _, a := range c.args {
				args = append(args, strings.ReplaceAll(a, "{dir}", dir))
			}
			r := proctest.Run(t, nil, args...)
			if r.Code != c.code {
				t.Errorf("exit code %d, want %d", r.Code, c.code)
			}
			for _, want := range c.says {
				if !strings.Contains(r.Stderr, want) {
					t.Errorf("the message does not name %q", want)
				}
			}
			for _, never := range []string{"panic", "goroutine ", "runtime error"} {
				if strings.Contains(r.Stderr, never) {
					t.Errorf("the message holds %q", never)
				}
			}
			if c.args[0] == "calls" {
				n := ndjson(t, r.Stdout)
				if c.calls >= 0 && n != c.calls || c.calls < 0 && n == 0 {
					t.Errorf("%d calls are printed, want %d", n, c.calls)
				}
			} else if c.code != exitDone && r.Stdout != "" {
				t.Errorf("printed in spite of the error: %q", r.Stdout)
			}
			if t.Failed() {
				t.Logf("stderr:\n%s", r.Stderr)
			}
		})
	}
}

// ndjson counts the lines and fails if one is no JSON object.
func ndjson(t *testing.T, text string) int {
	t.Helper()
	n := 0
	for line := range strings.Lines(text) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil || !strings.HasSuffix(line, "\n") {
			t.Errorf("line %d is no JSON: %v: %.200q", n+1, err, line)
		}
		n++
	}
	return n
}

// analyze prints its alerts, and exits with 3, 1 or 0: found, failed, neither.
func TestAnalyzeExitCodes(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pcap, records := shopPcap(20)
	guessing, calm, cut := write("guessing.log", guessingLog()), write("calm.log", accessLog(200)), write("cut.pcap", pcap[:records[60]+20])
	for _, c := range []struct {
		args   []string
		code   int
		alerts bool
	}{
		{[]string{guessing}, exitDone, true},
		{[]string{"--fail-on", "medium", guessing}, exitFound, true},
		{[]string{"--fail-on", "critical", guessing}, exitDone, true},
		{[]string{"--fail-on", "info", calm}, exitDone, false},
		// What failed weighs more than what was found: the answer is not whole.
		{[]string{"--fail-on", "medium", guessing, cut}, exitFailed, true},
		{[]string{cut}, exitFailed, false},
	} {
		r := proctest.Run(t, nil, append([]string{"analyze", "-o", "json"}, c.args...)...)
		if r.Code != c.code {
			t.Errorf("%v: exit code %d, want %d\n%s", c.args, r.Code, c.code, r.Stderr)
		}
		if n := ndjson(t, r.Stdout); (n > 0) != c.alerts {
			t.Errorf("%v: %d alerts, want some: %v\n%s", c.args, n, c.alerts, r.Stdout)
		}
	}
	r := proctest.Run(t, bytes.NewReader(guessingLog()), "analyze", "-o", "json", "--fail-on", "medium", "-")
	if r.Code != exitFound || !strings.Contains(r.Stdout, "brute_force") {
		t.Errorf("from standard input: exit code %d, %s%s", r.Code, r.Stdout, r.Stderr)
	}
}
