package deploytest

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
)

// An instruction of a container file, continuation lines joined.
type instruction struct{ name, args string }

func containerfile(t *testing.T, name string) []instruction {
	t.Helper()
	f, err := os.Open(filepath.Join(root, "docker", name+".Containerfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []instruction
	var open bool
	for in := bufio.NewScanner(f); in.Scan(); {
		line := strings.TrimSpace(in.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		more := strings.HasSuffix(line, `\`)
		line = strings.TrimSpace(strings.TrimSuffix(line, `\`))
		if open {
			out[len(out)-1].args += " " + line
		} else {
			verb, args, _ := strings.Cut(line, " ")
			out = append(out, instruction{verb, strings.TrimSpace(args)})
		}
		open = more
	}
	return out
}

// lastStage is what ends up in the image.
func lastStage(in []instruction) []instruction {
	from := 0
	for i, x := range in {
		if x.name == "FROM" {
			from = i
		}
	}
	return in[from:]
}

func find(in []instruction, name string) []string {
	var out []string
	for _, x := range in {
		if x.name == name {
			out = append(out, x.args)
		}
	}
	return out
}

func TestContainerfiles(t *testing.T) {
	module, err := os.ReadFile(filepath.Join(root, "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(module))[1]
	for name, cgo := range map[string]string{"lapwing": "CGO_ENABLED=1", "lapwing-sensor": "CGO_ENABLED=0"} {
		all := containerfile(t, name)
		verbs := map[string]bool{"FROM": true, "ARG": true, "WORKDIR": true, "COPY": true, "RUN": true, "LABEL": true, "USER": true,
			"ENV": true, "VOLUME": true, "EXPOSE": true, "STOPSIGNAL": true, "HEALTHCHECK": true, "ENTRYPOINT": true, "CMD": true}
		for _, x := range all {
			if !verbs[x.name] {
				t.Errorf("%s: unknown instruction %s", name, x.name)
			}
		}
		for _, from := range find(all, "FROM") {
			words := strings.Fields(from)
			if strings.HasPrefix(words[0], "--") {
				words = words[1:]
			}
			if words[0] != "scratch" {
				pinned(t, name, words[0])
			}
		}
		builder := find(all, "FROM")[0]
		if !strings.Contains(builder, "golang:"+version+"-") {
			t.Errorf("%s is built with %q, go.mod says %s", name, builder, version)
		}
		var build string
		for _, run := range find(all, "RUN") {
			if strings.Contains(run, "go build") {
				build = run
			}
		}
		for _, want := range []string{cgo, "-trimpath", "-buildvcs=false", "-mod=readonly", "-X main.version=", "./cmd/" + name} {
			if !strings.Contains(build, want) {
				t.Errorf("%s: the build has no %s: %s", name, want, build)
			}
		}
		if _, err := os.Stat(filepath.Join(root, "..", "cmd", name, "main.go")); err != nil {
			t.Error(err)
		}
		final := lastStage(all)
		if user := find(final, "USER"); len(user) != 1 || user[0] != "10001:10001" {
			t.Errorf("%s runs as %q", name, user)
		}
		var entry []string
		if e := find(final, "ENTRYPOINT"); len(e) != 1 || json.Unmarshal([]byte(e[0]), &entry) != nil || len(entry) != 1 {
			t.Fatalf("%s: entry point %q is no JSON list of one program", name, e)
		}
		if !strings.Contains(strings.Join(find(final, "COPY"), "\n"), " "+entry[0]) {
			t.Errorf("%s: nothing copies %s", name, entry[0])
		}
		if len(find(final, "RUN")) > 0 {
			t.Errorf("%s: the last stage runs something; layers are copied only, so that they are reproducible", name)
		}
	}
}

// The health check of the image is run as it stands there, but for the port.
func TestHealthcheckTellsAliveFromDead(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	check := find(lastStage(containerfile(t, "lapwing")), "HEALTHCHECK")
	if len(check) != 1 {
		t.Fatal(check)
	}
	_, command, ok := strings.Cut(check[0], "CMD ")
	var argv []string
	if !ok || json.Unmarshal([]byte(command), &argv) != nil || len(argv) != 3 {
		t.Fatalf("health check %q is no JSON list", check[0])
	}
	var status atomic.Int32
	status.Store(http.StatusOK)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/livez" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(int(status.Load()))
	}))
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	run := func() error {
		return exec.Command(bash, argv[1], strings.Replace(argv[2], "/8471", "/"+port, 1)).Run()
	}
	if err := run(); err != nil {
		t.Errorf("alive, and the check says %v", err)
	}
	status.Store(http.StatusServiceUnavailable)
	if run() == nil {
		t.Error("answers 503, and the check is content")
	}
	server.Close()
	if run() == nil {
		t.Error("nobody listens, and the check is content")
	}
}
