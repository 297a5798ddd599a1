package accesslog

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"lapwing/parse/exchange"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// render writes what was read of a line, zero values left out.
func render(raw *exchange.Raw, err error) string {
	if err != nil {
		return "  ! " + err.Error() + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %s", raw.Time.Format("2006-01-02T15:04:05.999999999Z07:00"))
	if raw.Duration != 0 {
		fmt.Fprintf(&b, " +%v", raw.Duration)
	}
	fmt.Fprintf(&b, " %v", raw.Peer)
	if raw.Server.IsValid() {
		fmt.Fprintf(&b, " server=%v", raw.Server)
	}
	for _, f := range []struct{ k, v string }{
		{"user", string(raw.User)}, {"host", string(raw.Host)}, {"scheme", raw.Scheme}, {"proto", raw.Protocol},
	} {
		if f.v != "" {
			fmt.Fprintf(&b, " %s=%q", f.k, f.v)
		}
	}
	fmt.Fprintf(&b, " %q %q %d in=%d out=%d", raw.Method, raw.Target, raw.Status, raw.RequestBody.WireBytes, raw.ResponseBody.WireBytes)
	for _, h := range raw.RequestHeaders {
		fmt.Fprintf(&b, " %s:%q", h.Name, h.Value)
	}
	for _, h := range raw.ResponseHeaders {
		fmt.Fprintf(&b, " <%s:%q", h.Name, h.Value)
	}
	if raw.Flags != 0 {
		fmt.Fprintf(&b, " %v", raw.Flags.Names())
	}
	return b.String() + "\n"
}

func TestGolden(t *testing.T) {
	for _, preset := range []string{"combined", "json", "haproxy", "envoy", "alb", "w3c"} {
		t.Run(preset, func(t *testing.T) {
			f, err := Compile(preset)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			for _, line := range readLines(t, filepath.Join("testdata", preset+".log")) {
				var raw exchange.Raw
				err := f.Parse(line, &raw)
				fmt.Fprintf(&got, "%s\n%s", line, render(&raw, err))
			}
			path := filepath.Join("testdata", preset+".golden")
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				g, w := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
				for i := range g {
					if i >= len(w) || g[i] != w[i] {
						t.Fatalf("line %d:\n got %s\nwant %s", i+1, g[i], append(w, "(end)")[min(i, len(w))])
					}
				}
				t.Fatal("golden file has more lines")
			}
		})
	}
}

// Lines compiled from format strings must read as the presets read them.
func TestFormatStrings(t *testing.T) {
	for _, c := range []struct{ name, spec, line, want string }{
		{"nginx combined", `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`,
			`203.0.113.7 - two words [21/Nov/2026:20:53:09 +0000] "GET /a\x22b HTTP/1.1" 200 512 "-" "curl/8.5" "extra"`,
			`  2026-11-21T20:53:09Z 203.0.113.7:0 user="two words" proto="http/1.1" "GET" "/a\"b" 200 in=0 out=512 User-Agent:"curl/8.5"`},
		{"directive with forwarded and time", `log_format main '$remote_addr - $remote_user [$time_local] "$request" '
    '$status $body_bytes_sent "$http_x_forwarded_for" $request_time $upstream_response_time $host';`,
			`203.0.113.7 - - [21/Nov/2026:20:53:09 +0000] "GET /a HTTP/1.1" 200 512 "198.51.100.1, 10.0.0.1" 2.500 0.1, 2.4 shop.example`,
			`  2026-11-21T20:53:06.5Z +2.5s 203.0.113.7:0 host="shop.example" proto="http/1.1" "GET" "/a" 200 in=0 out=512 X-Forwarded-For:"198.51.100.1, 10.0.0.1"`},
		{"url in pieces", `$msec $remote_addr $request_method $scheme://$host$request_uri $status`,
			`1795294389.123 2001:db8::1 GET https://shop.example/a?b=1 404`,
			`  2026-11-21T20:53:09.123Z [2001:db8::1]:0 host="shop.example" scheme="https" "GET" "/a?b=1" 404 in=0 out=0`},
		{"uri and args", `$time_iso8601|$remote_addr|$request_method|$uri$is_args$args|$status`, `2026-11-21T21:53:09+01:00|192.0.2.1|PUT|/x?y=1|201`,
			`  2026-11-21T20:53:09Z 192.0.2.1:0 "PUT" "/x?y=1" 201 in=0 out=0`},
		{"apache vhost", `LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\" %D" vhost`,
			`shop.example:443 203.0.113.7 - ava [21/Nov/2026:20:53:09 +0000] "GET /a HTTP/1.1" 200 512 "-" "say \"hi\"" 1500`,
			`  2026-11-21T20:53:09Z +1.5ms 203.0.113.7:0 user="ava" host="shop.example" proto="http/1.1" "GET" "/a" 200 in=0 out=512 User-Agent:"say \"hi\""`},
		{"apache own time", `%h %l %u [%{%B - %d, %Y:%H:%M:%S}t] "%r" %>s %b`, `192.0.2.1 - - [February - 10, 2026:16:42:07] "GET / HTTP/1.0" 301 368`,
			`  2026-02-10T16:42:07Z 192.0.2.1:0 proto="http/1.0" "GET" "/" 301 in=0 out=368`},
		{"apache in parts", `%a %t %m %U%q %H %s %B %{ms}T %{Location}o`, `192.0.2.1 [21/Nov/2026:20:53:09 +0000] GET /a?b=c HTTP/1.1 302 0 7 /there`,
			`  2026-11-21T20:53:09Z +7ms 192.0.2.1:0 proto="http/1.1" "GET" "/a?b=c" 302 in=0 out=0 <Location:"/there"`},
		{"envoy own", `%START_TIME% %DOWNSTREAM_REMOTE_ADDRESS% %REQ(:METHOD)% %REQ(:AUTHORITY)% %REQ(:PATH)% %RESPONSE_CODE% %DURATION%`,
			`2026-11-21T20:53:09.000Z 192.0.2.1:99 GET shop.example /a 503 12`,
			`  2026-11-21T20:53:09Z +12ms 192.0.2.1:99 host="shop.example" "GET" "/a" 503 in=0 out=0`},
		{"json template", `log_format j escape=json '{"t":"$time_iso8601","c":"$remote_addr","r":"$request","s":$status,"n":{"d":$request_time}}';`,
			`{"t":"2026-11-21T20:53:09+00:00","c":"192.0.2.1","r":"GET /a HTTP/1.1","s":200,"n":{"d":0.5}}`,
			`  2026-11-21T20:53:08.5Z +500ms 192.0.2.1:0 proto="http/1.1" "GET" "/a" 200 in=0 out=0`},
		{"json mapping", `json:client=who.addr,target=p,time=at,status=st,duration_us=d,user_agent=br,user=login`,
			`{"who":{"addr":"192.0.2.1"},"p":"/a","at":1795294389000,"st":"200","d":1000000,"br":"x","login":"ava","status":500}`,
			`  2026-11-21T20:53:08Z +1s 192.0.2.1:0 user="ava" "" "/a" 200 in=0 out=0 User-Agent:"x"`},
		{"w3c fields", `#Fields: date time c-ip cs-method cs-uri-stem sc-status`, `2026-11-21 20:53:09 192.0.2.1 GET /a 200`,
			`  2026-11-21T20:53:09Z 192.0.2.1:0 "GET" "/a" 200 in=0 out=0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Compile(c.spec)
			if err != nil {
				t.Fatal(err)
			}
			var raw exchange.Raw
			err = f.Parse([]byte(c.line), &raw)
			if got := strings.TrimSuffix(render(&raw, err), "\n"); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestCompileFaults(t *testing.T) {
	for _, c := range []struct {
		spec string
		col  int
	}{
		{"", 1}, {"no_such_preset", 1}, {"$remote_addr$status [$time_local] $request", 13}, {"$remote_addr $status $request", 1},
		{"$time_local $status", 1}, {"%h %t %Z", 7}, {"%h %t %{x", 7}, {"%t %r %{%Q}t", 7}, {"json:colour=x", 6}, {"json:time=t,client", 13},
		{"${time_local", 1}, {`{"a":"$time_local"`, 19}, {"[%START_TIME", 2},
	} {
		_, err := Compile(c.spec)
		var e *SpecError
		if !errors.As(err, &e) {
			t.Errorf("%q: got %v, want a SpecError", c.spec, err)
		} else if e.Column != c.col {
			t.Errorf("%q: column %d, want %d (%v)", c.spec, e.Column, c.col, err)
		}
	}
	if err := JSON(map[string]string{"colour": "x"}).Parse([]byte("{}"), new(exchange.Raw)); !errors.Is(err, ErrUnparsed) || !strings.Contains(err.Error(), "colour") {
		t.Errorf("wrong mapping: %v", err)
	}
}

func TestFaultColumn(t *testing.T) {
	f, _ := Compile("combined")
	line := []byte(`203.0.113.15 - - [21/Nov/2026:20:53:18 +0000] "GET /no HTTP/1.1" 20x 9 "-" "x"`)
	var e *LineError
	if err := f.Parse(line, new(exchange.Raw)); !errors.As(err, &e) || e.Column != bytes.Index(line, []byte("20x"))+1 {
		t.Errorf("got %v", err)
	}
}

// The short cut must never read a line differently from the long way.
func TestFastAgreesWithSlow(t *testing.T) {
	lines := append(benchLines(500, false), readLines(t, "testdata/combined.log")...)
	taken := 0
	for _, l := range lines {
		taken += sameBothWays(t, l)
	}
	if taken < 500 {
		t.Errorf("the short cut took %d of %d lines: the benchmark's are all its own", taken, len(lines))
	}
}

func sameBothWays(t *testing.T, line []byte) int {
	t.Helper()
	a, b := &clf{}, &clf{}
	var fast, slow exchange.Raw
	if bytes.IndexByte(line, '\\') >= 0 || !a.fast(line, &fast) {
		return 0
	}
	if err := b.slow(line, &slow); err != nil {
		t.Fatalf("the short cut read what the long way refuses: %v: %q", err, line)
	}
	if got, want := render(&fast, nil), render(&slow, nil); got != want {
		t.Fatalf("%q:\nfast %s\nslow %s", line, got, want)
	}
	return 1
}

func TestDetect(t *testing.T) {
	for _, preset := range []string{"combined", "json", "haproxy", "envoy", "alb", "w3c"} {
		f, err := Detect(readLines(t, filepath.Join("testdata", preset+".log")))
		if err != nil {
			t.Errorf("%s: %v", preset, err)
		} else if f.Name() != preset {
			t.Errorf("%s: detected as %s", preset, f.Name())
		}
	}
	auth := [][]byte{[]byte("Nov 21 20:53:09 host sshd[1]: Failed password for root from 203.0.113.1 port 22 ssh2"), []byte(`{"level":"warn","msg":"login failed","ip":"203.0.113.1"}`)}
	if _, err := Detect(auth); !errors.Is(err, ErrUnparsed) || !strings.Contains(err.Error(), "Failed password") || !strings.Contains(err.Error(), "combined") {
		t.Errorf("an authentication log: %v", err)
	}
	if _, err := Detect(nil); err == nil {
		t.Error("an empty sample was detected")
	}
}

// A file in which two formats alternate loses no line.
func TestDetectMixed(t *testing.T) {
	sample := [][]byte{
		[]byte(`203.0.113.7 - - [21/Nov/2026:20:53:09 +0000] "GET /a HTTP/1.1" 200 512 "-" "curl/8.5"`),
		[]byte(`{"time":"2026-11-21T20:53:09Z","remote_addr":"203.0.113.7","request":"GET /b HTTP/1.1","status":200}`),
	}
	f, err := Detect(sample)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range sample {
		if err := f.Parse(l, new(exchange.Raw)); err != nil {
			t.Errorf("%s: %v", l, err)
		}
	}
}

func TestSeed(t *testing.T) {
	seen := map[[2]uint64]bool{}
	for file := range uint64(3) {
		for offset := range int64(1000) {
			var raw exchange.Raw
			Seed(&raw, file, offset)
			seen[[2]uint64{raw.IDHigh, raw.IDLow}] = true
		}
	}
	if len(seen) != 3000 {
		t.Errorf("%d seeds for 3000 lines", len(seen))
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	for _, preset := range []string{"combined", "json", "haproxy", "envoy", "alb"} {
		f, err := Compile(preset)
		if err != nil {
			t.Fatal(err)
		}
		line := readLines(t, filepath.Join("testdata", preset+".log"))[0]
		var raw exchange.Raw
		if n := testing.AllocsPerRun(100, func() {
			if err := f.Parse(line, &raw); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a line", preset, n)
		}
	}
}

// Scratch space and what is remembered of the last line must not show.
func TestParseIsPure(t *testing.T) {
	for _, preset := range []string{"combined", "json", "haproxy", "envoy", "alb"} {
		lines := readLines(t, filepath.Join("testdata", preset+".log"))
		shared, _ := Compile(preset)
		for range 2 {
			for _, l := range lines {
				fresh, _ := Compile(preset)
				var a, b exchange.Raw
				errA, errB := shared.Parse(l, &a), fresh.Parse(l, &b)
				if got, want := render(&a, errA), render(&b, errB); got != want {
					t.Fatalf("%s: %q:\nshared %s\nfresh %s", preset, l, got, want)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, p := range presets {
		if data, err := os.ReadFile(filepath.Join("testdata", p.name+".log")); err == nil {
			for l := range bytes.Lines(data) {
				f.Add(l)
			}
		}
	}
	formats := make([]Format, len(presets))
	for i, p := range presets {
		formats[i], _ = p.make()
	}
	own, err := Compile(`$remote_addr $scheme://$host$request_uri "$request" $status [$time_local] $http_x_forwarded_for`)
	if err != nil {
		f.Fatal(err)
	}
	formats = append(formats, own)
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		for _, format := range formats {
			var raw exchange.Raw
			err := format.Parse(line, &raw)
			if err != nil {
				if err != ErrNoCall && !errors.Is(err, ErrUnparsed) {
					t.Fatalf("%s: foreign error %v", format.Name(), err)
				}
				continue
			}
			if raw.Time.IsZero() || raw.Status < 0 || raw.Status > 999 || raw.Duration < 0 || raw.ResponseBody.WireBytes < 0 || raw.RequestBody.WireBytes < 0 {
				t.Fatalf("%s: impossible values: %s", format.Name(), render(&raw, nil))
			}
			first := render(&raw, nil)
			if err := format.Parse(line, &raw); err != nil || render(&raw, nil) != first {
				t.Fatalf("%s: second reading differs: %v", format.Name(), err)
			}
		}
		if !reflect.DeepEqual(before, line) {
			t.Fatal("Parse wrote into the line")
		}
		if len(trimLine(line)) > 0 {
			sameBothWays(t, trimLine(line))
		}
	})
}

func FuzzCompile(f *testing.F) {
	f.Add(`log_format a '$remote_addr [$time_local] "$request"';`, "x")
	f.Add(`LogFormat "%h %t \"%r\" %{%d}t" n`, "y")
	f.Add(envoyDefault, "[")
	f.Add(`{"a":"$time_local","b":"$request"}`, "{}")
	f.Add(`#Fields: date time cs-uri`, "a b c")
	f.Fuzz(func(t *testing.T, spec, line string) {
		format, err := Compile(spec)
		if err != nil {
			var e *SpecError
			if !errors.As(err, &e) || e.Column < 1 || e.Column > len(spec)+1 {
				t.Fatalf("%q: %v", spec, err)
			}
			return
		}
		_ = format.Parse([]byte(line), new(exchange.Raw))
	})
}
