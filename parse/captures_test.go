package parse

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"lapwing/event"
	"lapwing/parse/tcp/tcptest"
)

var update = flag.Bool("update", false, "write golden files anew")

// A goldenCall is what parsing decides of a call; what the builder makes of
// its content has tests of its own.
type goldenCall struct {
	Capture   string   `json:"capture"`
	Protocol  string   `json:"protocol"`
	Method    string   `json:"method,omitempty"`
	Host      string   `json:"host,omitempty"`
	Path      string   `json:"path,omitempty"`
	Status    int      `json:"status"`
	Request   int64    `json:"request_bytes"`
	Response  int64    `json:"response_bytes"`
	GapBytes  int64    `json:"gap_bytes,omitempty"`
	HalfCall  string   `json:"half_call,omitempty"`
	Flags     []string `json:"flags,omitempty"`
	ID        event.ID `json:"id"`
	LastingMS float64  `json:"duration_ms"`
}

// framing are the flags that parsing decides.
const framing = event.FlagMidstream | event.FlagOverlapDiffers | event.FlagObsFold | event.FlagBareLF | event.FlagSpaceBeforeColon | event.FlagBadHeader |
	event.FlagContentLengthAndTE | event.FlagDuplicateLength | event.FlagBadLength | event.FlagDuplicateHost | event.FlagMissingHost | event.FlagUnknownTE |
	event.FlagBadChunk | event.FlagChunkExtension | event.FlagTrailers | event.FlagAbsoluteForm | event.FlagBadVersion | event.FlagBadTarget | event.FlagPipelined |
	event.FlagUpgrade | event.FlagInformational | event.FlagCloseDelimited | event.FlagReset | event.FlagEarlyResponse | event.FlagHeadTruncated | event.FlagAmbiguous

func TestCaptures(t *testing.T) {
	files, err := filepath.Glob("testdata/captures/*.pcap")
	if err != nil || len(files) == 0 {
		t.Fatal("no captures", err)
	}
	var got bytes.Buffer
	for _, file := range files {
		frames, err := tcptest.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		p, err := New(Config{}, func(c *event.Call) {
			calls++
			g := goldenCall{Capture: filepath.Base(file), Protocol: c.Protocol, Method: c.Method, Host: c.Host, Path: c.Path, Status: c.Status, Request: c.RequestBytes, Response: c.ResponseBytes,
				GapBytes: c.Gap.Request + c.Gap.Response, Flags: (c.Flags & framing).Names(), ID: c.ID, LastingMS: float64(c.Duration) / 1e6}
			if c.Gap.NoRequest {
				g.HalfCall = "response"
			}
			if c.Gap.NoResponse {
				g.HalfCall = "request"
			}
			line, err := json.Marshal(g)
			if err != nil {
				t.Fatal(err)
			}
			got.Write(append(line, '\n'))
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range frames {
			p.Packet(f.LinkType, f.Data, f.WireLen, f.AtNS)
		}
		p.Close()
		checkStats(t, p.Stats(), calls)
	}
	const golden = "testdata/captures/calls.ndjson"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	w, g := bytes.Split(want, []byte("\n")), bytes.Split(got.Bytes(), []byte("\n"))
	if len(w) != len(g) {
		t.Errorf("%d lines, want %d", len(g), len(w))
	}
	for i := range min(len(w), len(g)) {
		if !bytes.Equal(w[i], g[i]) {
			t.Errorf("line %d:\n got %s\nwant %s", i+1, g[i], w[i])
		}
	}
}
