package parse

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lapwing/event"
	"lapwing/parse/exchange"
	"lapwing/parse/tcp/tcptest"
)

// A transaction is what this parser or another tool says it saw. Unknown
// strings are "*", unknown numbers -1.
type transaction struct {
	method, host, uri   string
	status              int
	reqBytes, respBytes int64
	encoded             bool // ours: the response body has a content coding
	chunked             bool // ours: the response was chunked
	lost                int64
	flags               event.Flags
	used                bool
}

func (t transaction) String() string {
	return fmt.Sprintf("%s %s%s %d %d/%d %v", t.method, t.host, t.uri, t.status, t.reqBytes, t.respBytes, t.flags.Names())
}

// observed runs a capture through the parser.
func observed(t *testing.T, path string) []transaction {
	frames, err := tcptest.ReadFile(path)
	if err != nil && len(frames) == 0 {
		return nil
	}
	var out []transaction
	p, err := New(Config{}, func(*event.Call) {})
	if err != nil {
		t.Fatal(err)
	}
	p.observe = func(r *exchange.Raw) {
		x := transaction{method: string(r.Method), uri: string(r.Target), status: r.Status, reqBytes: r.RequestBody.WireBytes, respBytes: r.ResponseBody.WireBytes, lost: r.Gap.Response, flags: r.Flags}
		for _, f := range r.RequestHeaders {
			if strings.EqualFold(string(f.Name), "host") {
				x.host = strings.ToLower(string(f.Value))
			}
		}
		for _, f := range r.ResponseHeaders {
			if strings.EqualFold(string(f.Name), "content-encoding") {
				x.encoded = true
			}
			if strings.EqualFold(string(f.Name), "transfer-encoding") {
				x.chunked = true
			}
		}
		out = append(out, x)
	}
	for _, f := range frames {
		p.Packet(f.LinkType, f.Data, f.WireLen, f.AtNS)
	}
	p.Close()
	s := p.Stats()
	checkStats(t, s, len(out))
	return out
}

// A tally counts, for one source, how its expectations were met.
type tally struct {
	captures, expected, matched int
	classes                     map[string]int
	examples                    map[string][]string
}

func (y *tally) note(class, example string) {
	if y.classes == nil {
		y.classes, y.examples = map[string]int{}, map[string][]string{}
	}
	y.classes[class]++
	if len(y.examples[class]) < 400 {
		y.examples[class] = append(y.examples[class], example)
	}
}

func same(want, got string) bool { return want == "*" || want == got }

// origin removes what peers remove from a target, so that both are compared
// in origin form.
func origin(uri string) string {
	if i := strings.Index(uri, "://"); i > 0 && i < 8 {
		uri = uri[i+3:]
		if j := strings.IndexByte(uri, '/'); j >= 0 {
			return uri[j:]
		}
		return "/"
	}
	return uri
}

func hostOnly(h string) string {
	h = strings.ToLower(strings.TrimSpace(h))
	if i := strings.LastIndexByte(h, ':'); i > 0 && !strings.HasSuffix(h, "]") && strings.IndexByte(h, ':') == i {
		h = h[:i]
	}
	return h
}

// differences lists the fields in which want is not met by got.
func differences(want, got transaction) (d []string) {
	if !same(want.method, got.method) {
		d = append(d, "method")
	}
	if !same(want.uri, got.uri) && origin(want.uri) != origin(got.uri) {
		d = append(d, "uri")
	}
	if want.host != "*" && hostOnly(want.host) != hostOnly(got.host) {
		d = append(d, "host")
	}
	if want.status >= 0 && want.status != got.status {
		d = append(d, "status")
	}
	if want.reqBytes >= 0 && want.reqBytes != got.reqBytes {
		d = append(d, "request size")
	}
	if want.respBytes >= 0 && !got.encoded && !(want.chunked && got.chunked) && want.respBytes != got.respBytes && want.respBytes != got.respBytes+got.lost {
		d = append(d, "response size")
	}
	return d
}

// known counts the fields that an expectation states.
func (t transaction) known() (n int) {
	for _, k := range []bool{t.method != "*", t.host != "*", t.uri != "*", t.status >= 0, t.reqBytes >= 0, t.respBytes >= 0} {
		if k {
			n++
		}
	}
	return n
}

// compare matches what a peer expects of one capture with what was read.
func (y *tally) compare(capture string, want, got []transaction, exhaustive bool) {
	y.captures++
	got = slices.Clone(got)
	// What says most is matched first, lest a vaguer expectation takes its call.
	want = slices.Clone(want)
	slices.SortStableFunc(want, func(a, b transaction) int { return b.known() - a.known() })
	open := []transaction{}
	for _, w := range want {
		y.expected++
		i := slices.IndexFunc(got, func(g transaction) bool { return !g.used && len(differences(w, g)) == 0 })
		if i >= 0 {
			got[i].used = true
			y.matched++
		} else {
			open = append(open, w)
		}
	}
	for _, w := range open {
		best, fewest := -1, 3
		for i, g := range got {
			if d := differences(w, g); !g.used && len(d) < fewest {
				best, fewest = i, len(d)
			}
		}
		if best < 0 {
			y.note("missing", fmt.Sprintf("%s: %v", capture, w))
			continue
		}
		got[best].used = true
		d := differences(w, got[best])
		y.note("differs in "+strings.Join(d, ", "), fmt.Sprintf("%s: want %v\n        got %v", capture, w, got[best]))
	}
	if exhaustive {
		for _, g := range got {
			if !g.used {
				y.note("ours only", fmt.Sprintf("%s: %v", capture, g))
			}
		}
	}
}

// TestFidelity compares with what other tools make of the captures in the
// directory that LAPWING_CORPUS names, and prints a table. It fails if a
// peer's agreement falls below what docs/parse-fidelity.md states.
func TestFidelity(t *testing.T) {
	root := os.Getenv("LAPWING_CORPUS")
	if root == "" {
		t.Skip("LAPWING_CORPUS is not set")
	}
	ours := map[string][]transaction{}
	err := filepath.WalkDir(filepath.Join(root, "pcap"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/expected/") {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		ours[rel] = observed(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, x := range ours {
		total += len(x)
	}
	fmt.Printf("%d captures, %d calls\n", len(ours), total)
	for _, peer := range peers {
		want := peer.read(t, root)
		var y tally
		for _, capture := range sortedKeys(ours) {
			if w, ok := want[capture]; ok {
				y.compare(capture, w, ours[capture], peer.exhaustive)
			}
		}
		fmt.Printf("%-16s captures %4d  expected %5d  matched %5d (%.1f %%)\n", peer.name, y.captures, y.expected, y.matched, 100*float64(y.matched)/float64(max(y.expected, 1)))
		for _, c := range sortedKeys(y.classes) {
			fmt.Printf("    %5d %s\n", y.classes[c], c)
			if os.Getenv("LAPWING_FIDELITY_VERBOSE") != "" {
				for _, e := range y.examples[c] {
					fmt.Printf("      %s\n", e)
				}
			}
		}
		if y.expected == 0 {
			t.Errorf("%s: nothing to compare with", peer.name)
		}
		if share := float64(y.matched) / float64(max(y.expected, 1)); share < peer.floor {
			t.Errorf("%s: %.3f matched, want at least %.3f", peer.name, share, peer.floor)
		}
	}
}

// TestShow prints the calls of the one capture that LAPWING_SHOW names.
func TestShow(t *testing.T) {
	path := os.Getenv("LAPWING_SHOW")
	if path == "" {
		t.Skip("LAPWING_SHOW is not set")
	}
	for _, x := range observed(t, path) {
		fmt.Println(x)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestStreamCases plays the two-way conversations of libhtp's test suite
// (">>>" the client, "<<<" the server) through the parser. Their expected
// values are not at hand as data, so this checks that every request line in
// them that has a version becomes a call, and that nothing is lost or faults.
func TestStreamCases(t *testing.T) {
	root := os.Getenv("LAPWING_CORPUS")
	if root == "" {
		t.Skip("LAPWING_CORPUS is not set")
	}
	files, err := filepath.Glob(filepath.Join(root, "httpstream/OISF+libhtp/*.t"))
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	total := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		k := newTalk().open()
		side, turn := -1, strings.Builder{}
		say := func() {
			// The line feed before a marker belongs to the marker.
			text := strings.TrimSuffix(strings.TrimSuffix(turn.String(), "\n"), "\r")
			if side >= 0 && text != "" {
				k.say(side, text)
			}
			turn.Reset()
		}
		for line := range strings.Lines(string(b)) {
			switch strings.TrimRight(line, "\r\n") {
			case ">>>":
				say()
				side = 0
			case "<<<":
				say()
				side = 1
			default:
				turn.WriteString(line)
			}
		}
		say()
		calls, s := run(t, Config{}, k.end().frames)
		total += len(calls)
		if len(calls) == 0 {
			fmt.Printf("%-40s no call; coverage %+v\n", filepath.Base(file), s.Coverage)
		}
	}
	fmt.Printf("libhtp: %d conversations, %d calls\n", len(files), total)
}
