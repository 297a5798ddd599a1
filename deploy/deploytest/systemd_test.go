package deploytest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unit reads a unit file: section and key to values, in order.
func unit(t *testing.T, path string) map[string][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][]string{}
	section := ""
	for in := bufio.NewScanner(f); in.Scan(); {
		line := strings.TrimSpace(in.Text())
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok || section == "" {
				t.Fatalf("%s: %q", path, line)
			}
			out[section+"."+key] = append(out[section+"."+key], value)
		}
	}
	return out
}

func TestUnitsAreHardened(t *testing.T) {
	always := map[string]string{
		"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
		"ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "ProtectKernelLogs": "yes", "ProtectControlGroups": "yes",
		"ProtectClock": "yes", "RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes", "DynamicUser": "yes",
		"SystemCallArchitectures": "native", "StateDirectoryMode": "0700", "LimitCORE": "0", "UMask": "0077",
	}
	// Who may have which capability, and speak which kind of socket.
	capability := map[string]string{"lapwing.service": "CAP_NET_RAW", "lapwing-sensor.service": "CAP_NET_RAW", "lapwing@.service": ""}
	paths := files(t, "systemd", ".service")
	if len(paths) != len(capability) {
		t.Errorf("%d units, %d are known here", len(paths), len(capability))
	}
	for _, path := range paths {
		name := filepath.Base(path)
		u := unit(t, path)
		for key, want := range always {
			if got := u["Service."+key]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: %s is %q, want %s", name, key, got, want)
			}
		}
		for _, key := range []string{"AmbientCapabilities", "CapabilityBoundingSet"} {
			if got := u["Service."+key]; len(got) != 1 || got[0] != capability[name] {
				t.Errorf("%s: %s is %q, want %q", name, key, got, capability[name])
			}
		}
		families := strings.Fields(strings.Join(u["Service.RestrictAddressFamilies"], " "))
		if got := slices.Contains(families, "AF_PACKET"); got != (capability[name] != "") {
			t.Errorf("%s: address families %q", name, families)
		}
		if len(u["Service.StateDirectory"]) != 1 || len(u["Install.WantedBy"]) != 1 || len(u["Service.MemoryMax"]) != 1 {
			t.Errorf("%s lacks a state directory, a bound on memory or an install section", name)
		}
		// No secret in a unit: those are loaded from files, or named by file.
		for key, values := range u {
			for _, v := range values {
				if strings.HasPrefix(key, "Service.Environment") && !strings.Contains(v, "_FILE=") && !strings.Contains(v, "_DATA=") && !strings.HasPrefix(v, "GOMEMLIMIT=") {
					t.Errorf("%s: %s=%s", name, key, v)
				}
			}
		}
		program := strings.Fields(u["Service.ExecStart"][0])
		if base := filepath.Base(program[0]); base != "lapwing" && base != "lapwing-sensor" {
			t.Errorf("%s starts %s", name, base)
		}
	}
}

// systemd reads them as well. It wants the programs to be there: /bin/true is.
func TestUnitsVerify(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	dir := t.TempDir()
	args := []string{"verify"}
	for _, path := range files(t, "systemd", ".service") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := strings.ReplaceAll(string(data), "/usr/local/bin/lapwing-sensor", "/bin/true")
		s = strings.ReplaceAll(s, "/usr/local/bin/lapwing", "/bin/true")
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, filepath.Join(dir, strings.Replace(filepath.Base(path), "@.", "@detector.", 1)))
	}
	if out, err := exec.Command(analyze, args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
