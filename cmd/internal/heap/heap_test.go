package heap

import (
	"runtime"
	"testing"
)

func TestFloorDelaysTheCollector(t *testing.T) {
	collections := func() uint32 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var last []byte
		for range 4 << 10 {
			last = make([]byte, 16<<10)
		}
		runtime.KeepAlive(last)
		runtime.ReadMemStats(&after)
		return after.NumGC - before.NumGC
	}
	without := collections()
	release := Floor(256 << 20)
	with := collections()
	release()
	if with >= without {
		t.Errorf("64 MB of garbage: %d collections with a floor of 256 MB, %d without", with, without)
	}
}
