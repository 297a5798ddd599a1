package main

import (
	"testing"

	"lapwing/cmd/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m, run) }
