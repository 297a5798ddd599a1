package evaluate

import (
	"slices"
	"sync"
	"testing"

	"lapwing/event"
	"lapwing/internal/sample"
	"lapwing/parse"
)

// recorded are the calls of the bundled recording, with its four attacks.
var recorded = sync.OnceValues(func() ([]*event.Call, error) {
	r, err := sample.Make(sample.Options{})
	if err != nil {
		return nil, err
	}
	var calls []*event.Call
	p, err := parse.New(parse.Config{Sensor: "eval"}, func(c *event.Call) { calls = append(calls, c) })
	if err != nil {
		return nil, err
	}
	for _, packet := range r.Packets {
		p.Packet(1, packet.Data, len(packet.Data), packet.Time.UnixNano())
	}
	p.Close()
	slices.SortStableFunc(calls, ended)
	return calls, nil
})

// streams are the calls that the metamorphic tests change.
func streams(t *testing.T) map[string][]*event.Call {
	t.Helper()
	calls, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]*event.Call{"recording": calls}
}
