package accesslog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lapwing/parse/exchange"
)

var (
	// accessLogs and otherLogs name, by a part of their path, corpus files that
	// certainly are, or certainly are not, access logs.
	accessLogs = []string{"apache2-malformed", "nginx-http-", "traefik_", "haproxy", "kong", "caddy", "envoy-http", "elb.log", "netscaler", "w3c", "nginx_http-logs",
		"nginx-proxy-manager", "cloudfront", "s3.log", "ovh", "common", "apache-http-logs", "bots_detection", "fastly", "bunkerweb", "matomo-log-analytics/nginx_json"}
	otherLogs = []string{"apache-auth", "guacamole", "sogo-auth", "keycloak", "teleport", "modsecurity", "gitea", "nginx-limit-req", "Apache_2k", "authelia", "bitwarden", "pgsql"}
)

func anyOf(path string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(path, p) {
			return true
		}
	}
	return false
}

// TestCorpus reads every log below $LAPWING_CORPUS/logs and reports, file by
// file, what was detected. Files whose name says that they are access logs must
// be recognised and read; authentication and error logs must be refused.
func TestCorpus(t *testing.T) {
	root := os.Getenv("LAPWING_CORPUS")
	if root == "" {
		t.Skip("LAPWING_CORPUS is not set")
	}
	err := filepath.WalkDir(filepath.Join(root, "logs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".assert") || strings.HasSuffix(path, ".yaml") || strings.HasSuffix(path, ".csv") || strings.HasSuffix(path, ".bz2") {
			return err
		}
		lines := readLines(t, path)
		f, err := Detect(lines)
		if err != nil {
			if anyOf(path, accessLogs) && !anyOf(path, otherLogs) && !strings.HasSuffix(path, "nginx-http-auth") {
				t.Errorf("access log refused: %s: %v", path, err)
			}
			t.Logf("REFUSED %s: %.300v", path, err)
			return nil
		}
		if anyOf(path, otherLogs) {
			t.Errorf("%s was taken for an access log (%s)", path, f.Name())
		}
		parsed, failed, skipped := 0, 0, 0
		var raw exchange.Raw
		for _, l := range lines {
			switch err := f.Parse(l, &raw); err {
			case nil:
				parsed++
				if raw.Time.IsZero() {
					t.Errorf("%s: no time from %.200q", path, l)
				}
			case ErrNoCall:
				skipped++
			default:
				failed++
				if failed < 4 {
					t.Logf("   %v: %.160q", err, l)
				}
			}
		}
		t.Logf("%-20s parsed %d failed %d skipped %d  %s", f.Name(), parsed, failed, skipped, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func readLines(t *testing.T, path string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	var out [][]byte
	s := bufio.NewScanner(bytes.NewReader(data))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		out = append(out, bytes.Clone(s.Bytes()))
	}
	if err := s.Err(); err != nil {
		t.Logf("%s: %v", path, err)
	}
	return out
}
