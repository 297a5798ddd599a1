package evaluate

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"

	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/simulate"
)

// Measured is what detection costs on this machine.
type Measured struct {
	Machine       string  `json:"machine"`
	Calls         int     `json:"calls"`
	LoginShare    float64 `json:"login_share"` // of the calls
	IDShare       float64 `json:"id_share"`
	Actors        int     `json:"actors"`
	CallsPerS     float64 `json:"calls_per_s"` // of one core, from decoded calls to alerts
	BytesPerActor float64 `json:"bytes_per_actor"`
	HeapBytes     int64   `json:"heap_bytes"` // that detection holds at the end
}

// errEnough ends a world early.
var errEnough = errors.New("enough calls")

// Measure detects over the first calls of a world without attack, decoded
// beforehand, on one goroutine and with nothing else running: it takes time
// and memory of detection alone. It holds calls in memory, about 2 KiB each.
func (r *Runner) Measure(ctx context.Context, o simulate.Options, calls int) (*Measured, error) {
	keys := r.keys()
	world, err := r.Make(o)
	if err != nil {
		return nil, err
	}
	v, err := newViewer(r.View, keys)
	if err != nil {
		return nil, err
	}
	list := make([]*event.Call, 0, calls)
	err = world.Run(ctx, func(x *simulate.Exchange) error {
		list = append(list, v.call(x))
		if len(list) >= calls {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	m := &Measured{Machine: fmt.Sprintf("%s/%s, %s", runtime.GOOS, runtime.GOARCH, runtime.Version()), Calls: len(list)}
	actors := map[event.Actor]struct{}{}
	var logins, ids int
	for _, c := range list {
		actors[c.Actor] = struct{}{}
		if c.Flags.Has(event.FlagSecretPresented) {
			logins++
		}
		for i := range c.IDs {
			if !c.IDs[i].Response {
				ids++
				break
			}
		}
	}
	m.Actors = len(actors)
	m.LoginShare, m.IDShare = ratio(float64(logins), float64(len(list))), ratio(float64(ids), float64(len(list)))
	before := heap()
	d, err := standard.New(r.config(keys, nil), func(event.Alert) {})
	if err != nil {
		return nil, err
	}
	began := processorTime()
	for i, c := range list {
		d.Observe(c)
		if i%512 == 0 { // as batches come from a sensor
			d.Advance(c.Time.UnixNano())
		}
	}
	took := processorTime() - began
	m.HeapBytes = heap() - before
	m.CallsPerS = ratio(float64(len(list)), took.Seconds())
	m.BytesPerActor = ratio(float64(m.HeapBytes), float64(len(actors)))
	runtime.KeepAlive(d)
	runtime.KeepAlive(list)
	return m, nil
}

// processorTime is what the process has used of all cores: the machine may be
// busy with something else.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers of the first set free
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
