package evaluate

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/internal/sample"
	"lapwing/parse"
	"lapwing/parse/pseudonym"
	"lapwing/simulate"
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

// attacked is a small made-up world with three attacks in it.
var attacked = simulate.Options{
	Seed: 3, App: "shop", Users: 60, Length: 6 * time.Hour,
	Scenarios: []simulate.Choice{{ID: "A01", Level: "L1"}, {ID: "A15", Level: "L1"}, {ID: "A29", Level: "L1"}},
}

// made are the calls of that world under a key.
func made(keys *pseudonym.Keyring) ([]*event.Call, error) {
	w, err := simulate.New(attacked)
	if err != nil {
		return nil, err
	}
	v, err := newViewer(Packets, keys)
	if err != nil {
		return nil, err
	}
	var calls []*event.Call
	err = w.Run(context.Background(), func(x *simulate.Exchange) error {
		if len(calls) < 30_000 { // keeps the tests short, whatever the simulator does
			calls = append(calls, v.call(x))
		}
		return nil
	})
	slices.SortStableFunc(calls, ended)
	return calls, err
}

var madeOnce = sync.OnceValues(func() ([]*event.Call, error) { return made(pseudonym.Offline()) })

// streams are the calls that the metamorphic tests change.
func streams(t *testing.T) map[string][]*event.Call {
	t.Helper()
	list := map[string][]*event.Call{}
	var err error
	if list["recording"], err = recorded(); err != nil {
		t.Fatal(err)
	}
	if list["world"], err = madeOnce(); err != nil {
		t.Fatal(err)
	}
	return list
}

// Under another deployment key all pseudonyms and all hashes are others; what
// is told stays.
func TestAnotherKeyChangesNamesOnly(t *testing.T) {
	key := make([]byte, pseudonym.KeyBytes)
	key[0] = 77
	keys, err := pseudonym.New(key)
	if err != nil {
		t.Fatal(err)
	}
	calls, err := madeOnce()
	if err != nil {
		t.Fatal(err)
	}
	other, err := made(keys)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "another key", gist(final(told2(t, standard.Config{}, other))), gist(final(told2(t, standard.Config{}, calls))))
}
