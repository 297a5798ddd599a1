package main

import (
	"os"
	"testing"

	"lapwing/cmd/internal/proctest"
)

// TestMain lets the test binary be three programs: the tests, lapwing itself,
// and the client that makes traffic in a network namespace of its own.
func TestMain(m *testing.M) {
	if os.Getenv(loadMarker) != "" {
		os.Exit(makeLoad(os.Args[1:]))
	}
	proctest.Main(m, run)
}
