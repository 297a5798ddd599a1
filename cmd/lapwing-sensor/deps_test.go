package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The sensor runs beside every service and on mirror ports, with raw packets
// in its hands: it must stay small, and hold nothing worth stealing.
func TestDependencies(t *testing.T) {
	list := exec.Command("go", "list", "-deps", ".")
	list.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is built
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	forbidden := map[string]string{
		"lapwing/store":         "the sensor writes only to the stream",
		"lapwing/detect":        "detection runs elsewhere",
		"lapwing/alerting":      "a parser's fault must not reach the credentials of destinations",
		"lapwing/console":       "the sensor has no pages",
		"lapwing/stream/local":  "there is nobody to read it in the same process",
		"github.com/prometheus": "+4 MB for a page of text",
		"github.com/twmb":       "a broker and a client for tests",
		"github.com/duckdb":     "+45 MB, and cgo",
		"github.com/ClickHouse": "+4 MB in a process that runs beside every service",
		"github.com/getkin":     "specifications are detection's business",
		"github.com/spf13":      "flags need no framework here",
		"testing":               "no test helpers in a production binary",
	}
	seen := 0
	for dep := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		seen++
		for prefix, why := range forbidden {
			if dep == prefix || strings.HasPrefix(dep, prefix+"/") {
				t.Errorf("the sensor links %s: %s", dep, why)
			}
		}
	}
	if seen < 50 {
		t.Fatalf("go list named %d packages: the check saw nothing", seen)
	}
}
