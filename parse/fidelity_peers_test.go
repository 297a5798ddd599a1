package parse

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// A peer is another tool, or its test suite, whose results are at hand.
type peer struct {
	name       string
	exhaustive bool    // it lists every transaction of a capture
	floor      float64 // share of its expectations that must be met
	read       func(t *testing.T, root string) map[string][]transaction
}

var peers = []peer{
	{"tshark", true, 0.975, readTshark},
	{"zeek", true, 0.81, readZeek},
	{"suricata", true, 0.955, readSuricata},
	{"suricata-verify", false, 0.92, readSuricataVerify},
	{"arkime", false, 0.7, readArkime},
	{"ndpi", false, 0.99, readNDPI},
	{"pcap2har", true, 1, readHAR},
}

func unknown() transaction {
	return transaction{method: "*", host: "*", uri: "*", status: -1, reqBytes: -1, respBytes: -1}
}

func lines(t *testing.T, path string, f func([]byte)) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var r io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	s := bufio.NewScanner(r)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		f(s.Bytes())
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	m, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// readTshark pairs the request and response packets of tshark's fields.
func readTshark(t *testing.T, root string) map[string][]transaction {
	out := map[string][]transaction{}
	for _, file := range glob(t, filepath.Join(root, "peers/tshark-*/*.jsonl.gz")) {
		type key struct{ pcap, frame string }
		byFrame := map[key]int{}
		var answers []map[string]string
		lines(t, file, func(b []byte) {
			var m map[string]string
			if err := json.Unmarshal(b, &m); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if m["http2.streamid"] != "" {
				return
			}
			if m["http.response.code"] != "" {
				answers = append(answers, m)
			}
			if m["http.request.method"] == "" {
				return
			}
			methods, hosts := strings.Split(m["http.request.method"], "|"), strings.Split(m["http.host"], "|")
			uris := []string{m["http.request.uri"]}
			if len(methods) > 1 {
				uris = strings.Split(m["http.request.uri"], "|")
			}
			for i, method := range methods {
				x := unknown()
				x.method = method
				if i < len(uris) && len(uris) == len(methods) {
					x.uri = uris[i]
				}
				if i < len(hosts) && len(hosts) == len(methods) {
					x.host = hosts[i]
				}
				byFrame[key{m["pcap"], m["frame.number"]}] = len(out[m["pcap"]])
				out[m["pcap"]] = append(out[m["pcap"]], x)
			}
		})
		for _, m := range answers {
			i, ok := byFrame[key{m["pcap"], m["http.request_in"]}]
			status, err := strconv.Atoi(m["http.response.code"])
			switch {
			case err != nil || status/100 == 1 && status != 101:
			case ok:
				if x := &out[m["pcap"]][i]; x.status < 0 {
					x.status = status
				}
			case m["http.request_in"] == "" && m["http.request.method"] == "":
				// tshark could not pair it; we may.
				x := unknown()
				x.status = status
				_ = x
			}
		}
	}
	return out
}

// readZeek reads the http.log baselines, the one with most columns where a
// capture has several.
func readZeek(t *testing.T, root string) map[string][]transaction {
	out := map[string][]transaction{}
	for _, file := range glob(t, filepath.Join(root, "pcap/zeek+zeek/*/expected/*/http.log")) {
		dir := filepath.Dir(filepath.Dir(filepath.Dir(file)))
		var fields []string
		var list []transaction
		lines(t, file, func(b []byte) {
			l := string(b)
			if rest, ok := strings.CutPrefix(l, "#fields\t"); ok {
				fields = strings.Split(rest, "\t")
				return
			}
			if l == "" || l[0] == '#' {
				return
			}
			if fields == nil {
				fields = strings.Split(l, "\t")
				return
			}
			x := unknown()
			for i, v := range strings.Split(l, "\t") {
				if i >= len(fields) || v == "-" {
					continue
				}
				switch fields[i] {
				case "method":
					x.method = v
				case "host":
					x.host = v
				case "uri":
					x.uri = v
				case "status_code":
					x.status, _ = strconv.Atoi(v)
				case "request_body_len":
					x.reqBytes, _ = strconv.ParseInt(v, 10, 64)
				case "response_body_len":
					x.respBytes, _ = strconv.ParseInt(v, 10, 64)
				}
			}
			list = append(list, x)
		})
		for _, e := range glob(t, filepath.Join(dir, "*cap*")) {
			rel, _ := filepath.Rel(root, e)
			if len(list) > 0 && (out[rel] == nil || list[0].uri != "*" && list[0].respBytes >= 0) {
				out[rel] = list
			}
		}
	}
	return out
}

func readSuricata(t *testing.T, root string) map[string][]transaction {
	out := map[string][]transaction{}
	for _, file := range glob(t, filepath.Join(root, "peers/suricata-*/eve-http.jsonl.gz")) {
		lines(t, file, func(b []byte) {
			var m struct {
				Pcap  string         `json:"pcap"`
				Event string         `json:"event_type"`
				HTTP  map[string]any `json:"http"`
			}
			if err := json.Unmarshal(b, &m); err != nil {
				t.Fatal(err)
			}
			if m.Event == "http" && m.HTTP["http2"] == nil && m.HTTP["version"] == nil {
				out[m.Pcap] = append(out[m.Pcap], eve(m.HTTP))
			}
		})
	}
	return out
}

// eve reads the http object of a Suricata event. Its length counts decoded
// bytes, or with chunked framing raw ones.
func eve(h map[string]any) transaction {
	x := unknown()
	x.chunked = true // not comparable then
	if s, ok := h["http_method"].(string); ok {
		x.method = s
	}
	if s, ok := h["url"].(string); ok {
		x.uri = s
	}
	if s, ok := h["hostname"].(string); ok {
		x.host = s
	}
	switch s := h["status"].(type) {
	case float64:
		x.status = int(s)
	case uint64:
		x.status = int(s)
	case int:
		x.status = s
	}
	switch n := h["length"].(type) {
	case float64:
		x.respBytes = int64(n)
	case uint64:
		x.respBytes = int64(n)
	}
	return x
}

// readSuricataVerify reads the http checks of its test.yaml files.
func readSuricataVerify(t *testing.T, root string) map[string][]transaction {
	out := map[string][]transaction{}
	for _, file := range glob(t, filepath.Join(root, "pcap/OISF+suricata-verify/*/expected/test.yaml")) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Checks []struct {
				Filter struct {
					Count any            `yaml:"count"`
					Match map[string]any `yaml:"match"`
				} `yaml:"filter"`
			} `yaml:"checks"`
		}
		if err := yaml.Unmarshal(b, &doc); err != nil {
			continue // some use tags of their own
		}
		captures := glob(t, filepath.Join(filepath.Dir(filepath.Dir(file)), "*cap*"))
		for _, c := range doc.Checks {
			m := c.Filter.Match
			if m["event_type"] != "http" {
				continue
			}
			h, _ := m["http"].(map[string]any)
			if h == nil {
				h = map[string]any{}
			}
			for k, v := range m {
				if rest, ok := strings.CutPrefix(k, "http."); ok {
					h[rest] = v
				}
			}
			if h["http2"] != nil || h["version"] != nil || len(captures) != 1 {
				continue
			}
			if p, _ := h["protocol"].(string); strings.HasPrefix(p, "HTTP/2") {
				continue
			}
			n, _ := c.Filter.Count.(uint64)
			rel, _ := filepath.Rel(root, captures[0])
			if x := eve(h); x.uri != "*" || x.status >= 0 || x.host != "*" {
				for range n {
					out[rel] = append(out[rel], x)
				}
			}
		}
	}
	return out
}

// readArkime reads session JSON, which lists sets of values: one expectation
// per URI.
func readArkime(t *testing.T, root string) map[string][]transaction {
	out := map[string][]transaction{}
	for _, file := range glob(t, filepath.Join(root, "pcap/arkime+arkime/*/expected/*.test")) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Sessions []struct {
				Body struct {
					HTTP struct {
						URI    []string `json:"uri"`
						Method []string `json:"method"`
						Status []int    `json:"statuscode"`
					} `json:"http"`
				} `json:"body"`
			} `json:"sessions3"`
		}
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		captures := glob(t, filepath.Join(filepath.Dir(filepath.Dir(file)), "*cap*"))
		if len(captures) != 1 {
			continue
		}
		rel, _ := filepath.Rel(root, captures[0])
		for _, s := range doc.Sessions {
			h := s.Body.HTTP
			for _, u := range h.URI {
				x := unknown()
				if i := strings.IndexByte(u, '/'); i >= 0 {
					x.host, x.uri = u[:i], u[i:]
				}
				if x.host == "" {
					x.host = "*"
				}
				if len(h.Method) == 1 {
					x.method = h.Method[0]
				}
				if len(h.Status) == 1 && len(h.URI) == 1 {
					x.status = h.Status[0]
				}
				out[rel] = append(out[rel], x)
			}
		}
	}
	return out
}

var ndpiFlow = regexp.MustCompile(`\[URL: ([^\]]*)\](?:\[StatusCode: (\d+)\])?`)

// readNDPI reads the URL and status that nDPI shows of each flow.
func readNDPI(t *testing.T, root string) map[string][]transaction {
	out := map[string][]transaction{}
	for _, file := range glob(t, filepath.Join(root, "pcap/ntop+nDPI/*/expected/*.out")) {
		captures := glob(t, filepath.Join(filepath.Dir(filepath.Dir(file)), "*cap*"))
		if len(captures) != 1 {
			continue
		}
		rel, _ := filepath.Rel(root, captures[0])
		lines(t, file, func(b []byte) {
			m := ndpiFlow.FindSubmatch(b)
			if m == nil || !bytes.Contains(b, []byte("HTTP")) || bytes.Contains(b, []byte("UDP ")) {
				return
			}
			x := unknown()
			u := string(m[1])
			if i := strings.IndexByte(u, '/'); i >= 0 {
				x.uri = u[i:]
			}
			if s, err := strconv.Atoi(string(m[2])); err == nil && s > 0 {
				x.status = s
			}
			out[rel] = append(out[rel], x)
		})
	}
	return out
}

func readHAR(t *testing.T, root string) map[string][]transaction {
	out := map[string][]transaction{}
	for _, file := range glob(t, filepath.Join(root, "pcap/mikekap+pcap2har/*/expected/*.har.json")) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Log struct {
				Entries []struct {
					Request  struct{ Method, URL string }
					Response struct{ Status int }
				}
			}
		}
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		for _, capture := range glob(t, filepath.Join(filepath.Dir(filepath.Dir(file)), "*cap*")) {
			rel, _ := filepath.Rel(root, capture)
			for _, e := range doc.Log.Entries {
				x := unknown()
				x.method, x.uri, x.status = e.Request.Method, origin(e.Request.URL), e.Response.Status
				out[rel] = append(out[rel], x)
			}
		}
	}
	return out
}
