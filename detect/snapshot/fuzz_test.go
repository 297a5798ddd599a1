package snapshot

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

// plain writes a world as it stands behind the compression and its checksum.
func plain(tb testing.TB, w *world) []byte {
	tb.Helper()
	ts, err := discover(w)
	if err != nil {
		tb.Fatal(err)
	}
	e := newEncoder(ts, nil)
	e.configuration(rootOf(ts, w))
	var b bytes.Buffer
	e.w = &b
	e.graph(rootOf(ts, w))
	if e.err != nil {
		tb.Fatal(e.err)
	}
	return b.Bytes()
}

func fromPlain(tb testing.TB, r io.Reader) (*world, error) {
	tb.Helper()
	w := newWorld(1)
	ts, err := discover(w)
	if err != nil {
		tb.Fatal(err)
	}
	e := newEncoder(ts, nil)
	e.configuration(rootOf(ts, w))
	d := newDecoder(ts, r, e.numbers, 8<<20)
	d.graph(rootOf(ts, w))
	if d.err == nil {
		d.restored()
	}
	return w, d.err
}

// FuzzLoad gives the reader bytes without compression and checksum: nothing
// but the decoder itself is between them and the graph.
func FuzzLoad(f *testing.F) {
	for seed := range uint64(3) {
		w := lived(seed)
		w.shapes[1].name, w.shapes[1].keys = "", nil
		f.Add(plain(f, w))
	}
	f.Fuzz(takesAnything)
}

// takesAnything reads a body. What is taken can be written, and comes back.
func takesAnything(t *testing.T, body []byte) {
	w, err := fromPlain(t, bytes.NewReader(body))
	if err != nil {
		if !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		return
	}
	first := plain(t, w)
	again, err := fromPlain(t, bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(plain(t, again), first) {
		t.Fatal("not the same again")
	}
}

// The same with changes made at random, which are a thousand times quicker.
func TestTakesAnything(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 4))
	w := lived(1)
	w.shapes[1].name, w.shapes[1].keys = "", nil
	body := plain(t, w)
	for range 4000 {
		bad := bytes.Clone(body)
		for range 1 + rng.IntN(5) {
			at := rng.IntN(len(bad))
			switch rng.IntN(4) {
			case 0:
				bad[at] = byte(rng.Uint32())
			case 1:
				bad[at] = 0xff
			case 2:
				bad = append(bad[:at], bad[min(len(bad), at+1+rng.IntN(9)):]...)
			default:
				bad = slices.Insert(bad, at, byte(rng.Uint32()), byte(rng.Uint32()))
			}
			if len(bad) == 0 {
				break
			}
		}
		takesAnything(t, bad)
	}
}
