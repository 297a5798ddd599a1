package body

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"lapwing/event"
)

func pack(t testing.TB, coding string, in []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zlib":
		w = zlib.NewWriter(&b)
	case "raw":
		w, _ = flate.NewWriter(&b, 6)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, _ = zstd.NewWriter(&b)
	}
	if _, err := w.Write(in); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var codings = map[string]string{"gzip": "gzip", "zlib": "deflate", "raw": "deflate", "br": "br", "zstd": "zstd"}

func TestInflate(t *testing.T) {
	want := []byte(strings.Repeat(`{"id":1,"name":"x"},`, 2000))
	var f Inflater
	for range 2 { // decoders are used again
		for maker, name := range codings {
			in := pack(t, maker, want)
			got, flags := f.Inflate([]byte(name), in, true, 1<<20)
			if !bytes.Equal(got, want) || flags != 0 {
				t.Errorf("%s: %d bytes, flags %v", maker, len(got), flags.Names())
			}
			got, flags = f.Inflate([]byte(name), in, true, 1000)
			if !bytes.Equal(got, want[:1000]) || flags != event.FlagDecodeLimit {
				t.Errorf("%s at its limit: %d bytes, flags %v", maker, len(got), flags.Names())
			}
			if got, flags = f.Inflate([]byte(name), in[:len(in)-3], false, 1<<20); flags != 0 || !bytes.HasPrefix(want, got) {
				t.Errorf("%s cut: %d bytes, flags %v", maker, len(got), flags.Names())
			}
			if _, flags = f.Inflate([]byte(name), in[:len(in)-3], true, 1<<20); flags != event.FlagDecodeError {
				t.Errorf("%s broken: flags %v", maker, flags.Names())
			}
			if _, flags = f.Inflate([]byte(name), []byte("\xff\xfe no such coding"), true, 1<<20); flags != event.FlagDecodeError {
				t.Errorf("%s garbage: flags %v", maker, flags.Names())
			}
		}
	}
	twice := pack(t, "gzip", pack(t, "br", want))
	if got, flags := f.Inflate([]byte("br , X-Gzip"), twice, true, 1<<20); !bytes.Equal(got, want) || flags != 0 {
		t.Errorf("two layers: %d bytes, %v", len(got), flags.Names())
	}
	if got, flags := f.Inflate([]byte("br, gzip, gzip"), pack(t, "gzip", twice), true, 1<<20); got != nil || flags != event.FlagDecodeLimit {
		t.Errorf("three layers: %d bytes, %v", len(got), flags.Names())
	}
	if got, flags := f.Inflate([]byte("compress"), want, true, 1<<20); got != nil || flags != event.FlagUnknownCoding {
		t.Errorf("unknown: %d bytes, %v", len(got), flags.Names())
	}
	if got, flags := f.Inflate([]byte("identity"), want, true, 1<<20); !bytes.Equal(got, want) || flags != 0 {
		t.Errorf("identity: %d bytes, %v", len(got), flags.Names())
	}
}

func TestBombStopsAtItsLimit(t *testing.T) {
	bomb := pack(t, "gzip", make([]byte, 64<<20))
	var f Inflater
	got, flags := f.Inflate([]byte("gzip"), bomb, true, 1<<20)
	if len(got) != 1<<20 || flags != event.FlagDecodeLimit {
		t.Errorf("%d bytes, %v", len(got), flags.Names())
	}
	got, flags = f.Inflate([]byte("gzip, gzip"), pack(t, "gzip", bomb), true, 1<<16)
	if len(got) > 1<<16 || !flags.Has(event.FlagDecodeLimit) && len(got) == 1<<16 {
		t.Errorf("two layers: %d bytes, %v", len(got), flags.Names())
	}
}

func FuzzInflate(f *testing.F) {
	noise := make([]byte, 200)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for maker, name := range codings {
		f.Add(name, pack(f, maker, []byte("seed")), true)
		f.Add(name, noise, false)
	}
	var shared Inflater
	f.Fuzz(func(t *testing.T, coding string, in []byte, complete bool) {
		var fresh Inflater
		want, wantFlags := fresh.Inflate([]byte(coding), in, complete, 1<<14)
		got, flags := shared.Inflate([]byte(coding), in, complete, 1<<14)
		if !bytes.Equal(got, want) || flags != wantFlags {
			t.Fatal("a used decoder gives another result")
		}
		if len(got) > 1<<14 && len(got) > len(in) {
			t.Fatalf("%d bytes", len(got))
		}
	})
}

func BenchmarkGunzip(b *testing.B) {
	want := []byte(strings.Repeat(`{"id":1,"name":"x"},`, 2000))
	in := pack(b, "gzip", want)
	var f Inflater
	b.SetBytes(int64(len(want)))
	b.ReportAllocs()
	for b.Loop() {
		f.Inflate([]byte("gzip"), in, true, 1<<20)
	}
}
