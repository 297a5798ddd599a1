package deploytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The fields of compose's specification that stand in the file.
var composeFields = map[string]string{
	"top":     "name services volumes x-lapwing",
	"service": "image build pull_policy restart read_only cap_drop cap_add security_opt stop_grace_period environment volumes user network_mode healthcheck entrypoint command depends_on deploy ports ulimits tmpfs",
	"health":  "test interval timeout retries start_period disable",
}

func compose(t *testing.T) (services map[string]any, top map[string]any) {
	t.Helper()
	top = documents(t, filepath.Join(root, "compose", "compose.yaml"))[0]
	services, _ = top["services"].(map[string]any)
	return services, top
}

func TestComposeFitsTogether(t *testing.T) {
	services, top := compose(t)
	allowed := func(where, kind string, n node) {
		for _, k := range keysOf(n) {
			if !slices.Contains(strings.Fields(composeFields[kind]), k) {
				t.Errorf("%s: unknown field %s", where, k)
			}
		}
	}
	allowed("compose.yaml", "top", top)
	for _, name := range []string{"setup", "kafka", "clickhouse", "sensor", "detector", "archiver", "alerter", "prometheus", "grafana"} {
		if services[name] == nil {
			t.Errorf("no service %s", name)
		}
	}
	for name, s := range services {
		allowed(name, "service", s)
		allowed(name+" healthcheck", "health", at(s, "healthcheck"))
		pinned(t, name, text(s, "image"))
		for _, other := range keysOf(at(s, "depends_on")) {
			condition := text(s, "depends_on", other, "condition")
			switch {
			case services[other] == nil:
				t.Errorf("%s waits for %s, which is no service", name, other)
			case condition == "service_healthy" && at(services[other], "healthcheck", "test") == nil:
				t.Errorf("%s waits for the health of %s, which has no check", name, other)
			case condition != "service_healthy" && condition != "service_completed_successfully":
				t.Errorf("%s waits for %s until %q", name, other, condition)
			}
		}
		for _, v := range texts(s, "volumes") {
			from, _, _ := strings.Cut(v, ":")
			if strings.HasPrefix(from, ".") {
				if _, err := os.Stat(filepath.Join(root, "compose", from)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			} else if _, ok := at(top, "volumes").(map[string]any)[from]; !ok {
				t.Errorf("%s: volume %s is not declared", name, from)
			}
		}
		// What is reached from outside is reached from this machine alone.
		for _, p := range texts(s, "ports") {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s listens to everybody at %s", name, p)
			}
		}
		for _, k := range keysOf(at(s, "environment")) {
			if strings.Contains(k, "PASSWORD") && !strings.HasSuffix(k, "_FILE") {
				t.Errorf("%s: %s holds a password", name, k)
			}
		}
		if strings.HasPrefix(text(s, "image"), "lapwing") {
			if !slices.Equal(texts(s, "cap_drop"), []string{"ALL"}) || text(s, "read_only") != "true" || len(texts(s, "security_opt")) != 1 {
				t.Errorf("%s holds more rights than it needs", name)
			}
		}
	}
	for _, role := range []string{"sensor", "detector", "archiver", "alerter"} {
		args := texts(services[role], "command")
		if len(args) != 5 || args[0] != "run" || args[1] != "--target" || args[2] != role || args[3] != "--config" {
			t.Errorf("%s runs %q", role, args)
			continue
		}
		mounted := slices.ContainsFunc(texts(services[role], "volumes"), func(v string) bool { return strings.HasSuffix(v, ":"+args[4]+":ro") })
		if !mounted {
			t.Errorf("nothing puts %s into %s", args[4], role)
		}
	}
	if got := text(services["detector"], "deploy", "replicas"); got != "2" {
		t.Errorf("%s detectors: one is to stand by", got)
	}
	scraped := texts(documents(t, filepath.Join(root, "compose", "prometheus.yaml"))[0], "scrape_configs", 0, "dns_sd_configs", 0, "names")
	for _, name := range scraped {
		if services[name] == nil {
			t.Errorf("Prometheus scrapes %s, which is no service", name)
		}
	}
}

// The script that makes the secrets is run, without the changes of owner that
// need its capability: twice, and the second time changes nothing.
func TestComposeSetupMakesSecretsOnce(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	services, _ := compose(t)
	dir := t.TempDir()
	script := strings.ReplaceAll(texts(services["setup"], "command")[0], "$$", "$")
	script = "chown() { :; }\n" + strings.ReplaceAll(script, "/run/lapwing", dir)
	entry := texts(services["setup"], "entrypoint")
	read := func() map[string]string {
		if out, err := exec.Command(bash, append(entry[1:], script)...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		out := map[string]string{}
		found, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range found {
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			out[e.Name()] = string(data)
		}
		return out
	}
	first := read()
	config := documents(t, filepath.Join(root, "compose", "lapwing.yaml"))[0]
	for _, file := range append(secretFiles(config), "grafana-password") {
		if len(first[file]) != 64 {
			t.Errorf("%s holds %d characters", file, len(first[file]))
		}
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode().Perm()&0o037 != 0 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
	if len(first) != 3 || first["key"] == first["clickhouse-password"] {
		t.Errorf("secrets: %d", len(first))
	}
	for name, value := range read() {
		if first[name] != value {
			t.Errorf("a second run changed %s", name)
		}
	}
}
