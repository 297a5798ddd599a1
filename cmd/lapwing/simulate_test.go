package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lapwing/cmd/internal/ingest"
	"lapwing/event"
	"lapwing/parse/pseudonym"
	"lapwing/simulate"
)

func simulated(t *testing.T, flags ...string) {
	t.Helper()
	root := newRoot()
	root.SetArgs(append([]string{"simulate"}, flags...))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("simulate %s: %v", strings.Join(flags, " "), err)
	}
}

func truthOf(t *testing.T, path string) simulate.Truth {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var truth simulate.Truth
	if err := json.Unmarshal(data, &truth); err != nil {
		t.Fatal(err)
	}
	return truth
}

// What simulate writes, everything else reads: as many calls as the truth has
// exchanges, whatever the form.
func TestSimulateIsReadBack(t *testing.T) {
	for _, name := range []string{"world.pcap", "world.pcap.gz", "world.log", "world.log.gz", "world.json"} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), name)
			simulated(t, "--seed", "3", "--users", "40", "--length", "90m", "--start", "2026-03-02T09:00:00Z", "-o", out)
			truth := truthOf(t, out+".truth.json")
			if truth.Exchanges == 0 {
				t.Fatal("nothing happened")
			}
			cfg := DefaultConfig()
			var calls int64
			rep, err := read(t.Context(), &cfg, pseudonym.Offline(), []string{out}, "auto", ingest.Sink{
				Call: func(*event.Call) { calls++ }, Watermark: func(int64) {},
			})
			if err != nil {
				t.Fatal(err)
			}
			if calls != truth.Exchanges {
				t.Errorf("%d calls read, %d exchanges made", calls, truth.Exchanges)
			}
			if n := rep.Parse.NoRequest + rep.Parse.NoResponse; n > 0 {
				t.Errorf("%d half calls", n)
			}
			for _, l := range rep.Logs {
				if l.Unparsed > 0 {
					t.Errorf("%d lines not understood: %q", l.Unparsed, l.Examples)
				}
			}
		})
	}
}

func TestSimulateIsDeterministic(t *testing.T) {
	dir := t.TempDir()
	make := func(name string, flags ...string) []byte {
		out := filepath.Join(dir, name)
		simulated(t, append([]string{"--users", "30", "--length", "40m", "--start", "2026-03-02T09:00:00Z", "-o", out, "--spec", out + ".spec"}, flags...)...)
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		truth, err := os.ReadFile(out + ".truth.json")
		if err != nil {
			t.Fatal(err)
		}
		spec, err := os.ReadFile(out + ".spec")
		if err != nil || !json.Valid(spec) {
			t.Fatalf("no specification: %v", err)
		}
		return bytes.Join([][]byte{data, truth, spec}, nil)
	}
	if !bytes.Equal(make("a.pcap", "--seed", "5"), make("b.pcap", "--seed", "5")) {
		t.Error("equal flags give other files")
	}
	if bytes.Equal(make("c.pcap", "--seed", "6"), make("d.pcap", "--seed", "5")) {
		t.Error("the seed changes nothing")
	}
}

func TestSimulateSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		flags string
		want  string
	}{
		{"", "--out FILE or --live"},
		{"-o a.pcap --live 127.0.0.1:0", "--out FILE or --live"},
		{"-o a.txt", "says no format"},
		{"-o a.pcap --log-style nginx", "no log style"},
		{"-o a.pcap --start yesterday", "--start"},
		{"-o a.pcap --scenario A99", "there is no A99"},
		{"-o a.pcap --scenario A01:L9", "has the levels"},
		{"-o a.pcap --scenario A01:L1:x", "want ID"},
		{"-o a.pcap --scenario B01:twin", "no harmless double"},
		{"-o a.pcap --app castle", "castle"},
		{"-o a.pcap --length -1h", "negative"},
		{"--live 0.0.0.0:0", "127.0.0.0/8"},
		{"--live 127.0.0.1:0 --speed 0", "--speed"},
	} {
		dir := t.TempDir()
		t.Chdir(dir)
		root := newRoot()
		root.SetArgs(append([]string{"simulate"}, strings.Fields(c.flags)...))
		err := root.ExecuteContext(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("simulate %s: %v, want an error with %q", c.flags, err, c.want)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("simulate %s leaves %s behind", c.flags, left[0].Name())
		}
	}
}
