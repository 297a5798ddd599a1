package deploytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// binaries builds both programs, once for the test.
func binaries(t *testing.T) (dir string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds both programs")
	}
	dir = t.TempDir()
	for name, cgo := range map[string]string{"lapwing": "1", "lapwing-sensor": "0"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, name), "lapwing/cmd/"+name)
		build.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	return dir
}

var (
	// fileKey is a line that names a file: password_file: /run/lapwing/kafka-password
	fileKey = regexp.MustCompile(`(?m)^\s*(?:- )?(\w+)_file: (\S+)$`)
	unitDir = regexp.MustCompile(`^/run/credentials/([^/]+)/secrets_`)
)

// prepared copies a configuration to where its files are: each file that it
// names is made, with the kind of content that its key asks for.
func prepared(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key := keyPair(t)
	content := map[string][]byte{
		"ca": certificate, "cert": certificate, "client_ca": certificate, "key": key,
		"url": []byte("https://hooks.example.com/services/T0/B0/x"), "token": []byte(strings.Repeat("t", 40)),
		"password": []byte("p4ssword"), "secret": []byte("0123456789abcdef0123456789abcdef"),
	}
	out := fileKey.ReplaceAllStringFunc(string(data), func(line string) string {
		m := fileKey.FindStringSubmatch(line)
		value, ok := content[m[1]]
		if !ok {
			t.Errorf("%s: no idea what %s_file holds", path, m[1])
		}
		name := filepath.Base(m[2])
		if m[1] == "key" && (name == "key" || strings.HasSuffix(name, "_key")) { // the deployment key, not that of a certificate
			value = []byte(strings.Repeat("0f", 32))
		}
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, value, 0o600); err != nil {
			t.Fatal(err)
		}
		return strings.Replace(line, m[2], at, 1)
	})
	out = strings.ReplaceAll(out, "/var/lib/", dir+"/")
	examples, err := filepath.Abs(filepath.Join(root, "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	out = strings.ReplaceAll(out, "/etc/lapwing/shop.openapi.yaml", filepath.Join(examples, "shop.openapi.yaml"))
	at := filepath.Join(dir, filepath.Base(path))
	if err := os.WriteFile(at, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

func keyPair(t *testing.T) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// configurations are all files that Lapwing itself reads, those of sensors apart.
func configurations(t *testing.T) (daemon, sensor []string) {
	t.Helper()
	all := append(files(t, "kubernetes", ".yaml"), files(t, "systemd/config", ".yaml")...)
	all = append(all, filepath.Join(root, "compose", "lapwing.yaml"))
	for _, path := range all {
		base := filepath.Base(path)
		switch {
		case filepath.Base(filepath.Dir(path)) != "config" && base != "lapwing.yaml":
		case strings.HasPrefix(base, "sensor"):
			sensor = append(sensor, path)
		default:
			daemon = append(daemon, path)
		}
	}
	if len(daemon) < 8 || len(sensor) < 4 {
		t.Fatalf("configurations: %q, %q", daemon, sensor)
	}
	return daemon, sensor
}

func TestConfigurationsLoad(t *testing.T) {
	bin := binaries(t)
	daemon, sensor := configurations(t)
	for _, path := range daemon {
		at := prepared(t, path)
		if out, err := exec.Command(filepath.Join(bin, "lapwing"), "config", "check", at).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
	}
	for _, path := range sensor {
		at := prepared(t, path)
		check := exec.Command(filepath.Join(bin, "lapwing-sensor"), "--config", at, "--check")
		check.Env = append(os.Environ(), "LAPWING_IDENTITY__KEY_FILE="+deploymentKey(t))
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
	}
	// The check finds what is wrong, so that its silence above means something.
	broken := filepath.Join(t.TempDir(), "lapwing.yaml")
	if err := os.WriteFile(broken, []byte("stream:\n  kafka:\n    broker: [a:1]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if exec.Command(filepath.Join(bin, "lapwing"), "config", "check", broken).Run() == nil {
		t.Error("an unknown key passes")
	}
}

func deploymentKey(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What must be equal in all processes of one deployment is equal in its files.
func TestConfigurationsAgree(t *testing.T) {
	for _, group := range [][]string{
		{"kubernetes/base/config/detector.yaml", "kubernetes/base/config/archiver.yaml", "kubernetes/base/config/alerter.yaml", "kubernetes/sensor/config/sensor.yaml", "kubernetes/sidecar/config/sensor.yaml"},
		{"systemd/config/detector.yaml", "systemd/config/archiver.yaml", "systemd/config/alerter.yaml", "systemd/config/sensor-kafka.yaml"},
	} {
		var brokers, partitions string
		for _, file := range group {
			c := documents(t, filepath.Join(root, file))[0]
			kafka := at(c, "stream", "kafka")
			if kafka == nil {
				kafka = at(c, "publish", "kafka")
			}
			b, p := strings.Join(texts(kafka, "brokers"), ","), text(kafka, "partitions")
			if b == "" || brokers != "" && (b != brokers || p != partitions) {
				t.Errorf("%s: brokers %s with %s partitions, others have %s with %s", file, b, p, brokers, partitions)
			}
			brokers, partitions = b, p
		}
	}
}

// A credential that a configuration names belongs to the unit that reads it.
func TestCredentialsBelongToTheirUnits(t *testing.T) {
	unitOf := map[string]string{"one-host.yaml": "lapwing.service", "sensor-kafka.yaml": "lapwing-sensor.service", "sensor-https.yaml": "lapwing-sensor.service",
		"detector.yaml": "lapwing@detector.service", "archiver.yaml": "lapwing@archiver.service", "alerter.yaml": "lapwing@alerter.service"}
	seen := 0
	for _, path := range files(t, "systemd/config", ".yaml") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fileKey.FindAllStringSubmatch(string(data), -1) {
			unit := unitDir.FindStringSubmatch(m[2])
			if unit == nil {
				if !slices.Contains([]string{"ca", "cert"}, m[1]) {
					t.Errorf("%s: %s is a secret, and no credential of a unit", path, m[2])
				}
				continue
			}
			seen++
			if unit[1] != unitOf[filepath.Base(path)] {
				t.Errorf("%s reads a credential of %s", path, unit[1])
			}
		}
	}
	if seen < 8 {
		t.Errorf("%d credentials found", seen)
	}
}
