//go:build !linux

package live

import (
	"fmt"
	"runtime"

	"lapwing/capture"
)

// A Ring captures from one interface. It exists on Linux only.
type Ring struct{ capture.Source }

// Open fails: live capture needs Linux.
func Open(Config) ([]*Ring, error) {
	return nil, fmt.Errorf("live capture works on Linux only, this is %s: capture with tcpdump and read the file", runtime.GOOS)
}
