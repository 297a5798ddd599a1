package body

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"lapwing/event"
)

const (
	// maxLayers bounds stacked content codings. Two are seen in the wild (a
	// proxy that compresses again); more is an attack.
	maxLayers = 2
	// maxWindow bounds the memory of one zstd decoder; RFC 9659 limits the
	// window of the HTTP content coding to 8 MiB.
	maxWindow = 8 << 20
)

// An Inflater removes content codings. It keeps one decoder of each kind and
// the output buffers; it is used by one goroutine.
type Inflater struct {
	out    [maxLayers][]byte
	source bytes.Reader
	gzip   *gzip.Reader
	zlib   io.ReadCloser
	flate  io.ReadCloser
	brotli *brotli.Reader
	zstd   *zstd.Decoder
}

var errCoding = errors.New("unknown content coding")

// Inflate undoes the codings of a Content-Encoding value (RFC 9110 §8.4: listed
// in the order applied) and returns at most limit bytes, together with
// FlagDecodeError, FlagDecodeLimit and FlagUnknownCoding where they apply. What
// was decoded before an error is returned. That the input stops early is an
// error only if complete is set. Time is bounded by the output: each decoder
// writes before it reads on without bound. The result is valid until the next
// call.
func (f *Inflater) Inflate(codings, data []byte, complete bool, limit int) ([]byte, event.Flags) {
	layer := 0
	for len(codings) > 0 {
		var coding []byte
		if i := bytes.LastIndexByte(codings, ','); i >= 0 {
			coding, codings = codings[i+1:], codings[:i]
		} else {
			coding, codings = codings, nil
		}
		coding = bytes.TrimSpace(coding)
		if len(coding) == 0 || bytes.EqualFold(coding, []byte("identity")) {
			continue
		}
		if len(data) == 0 {
			return nil, 0
		}
		if layer == maxLayers {
			return nil, event.FlagDecodeLimit
		}
		out, more, err := f.layer(layer, coding, data, limit)
		switch {
		case errors.Is(err, errCoding):
			return nil, event.FlagUnknownCoding
		case more:
			if len(bytes.TrimSpace(codings)) > 0 {
				complete = false // the next layer sees a cut input
			}
			return f.rest(codings, out, layer+1, limit, event.FlagDecodeLimit)
		case err != nil && (complete || !errors.Is(err, io.ErrUnexpectedEOF)):
			return out, event.FlagDecodeError
		}
		data = out
		layer++
	}
	return data, 0
}

// rest decodes a remaining layer of an output that was cut at its limit.
func (f *Inflater) rest(codings, data []byte, layer, limit int, flags event.Flags) ([]byte, event.Flags) {
	coding := bytes.TrimSpace(codings)
	if len(coding) == 0 || bytes.EqualFold(coding, []byte("identity")) {
		return data, flags
	}
	if layer >= maxLayers || bytes.IndexByte(coding, ',') >= 0 {
		return nil, flags
	}
	out, _, err := f.layer(layer, coding, data, limit)
	if errors.Is(err, errCoding) {
		return nil, flags | event.FlagUnknownCoding
	}
	return out, flags
}

func (f *Inflater) layer(layer int, coding, data []byte, limit int) (out []byte, more bool, err error) {
	r, err := f.reader(coding, data)
	if r == nil {
		return nil, false, err
	}
	if cap(f.out[layer]) < limit {
		f.out[layer] = make([]byte, limit)
	}
	buf := f.out[layer][:limit]
	n := 0
	for n < limit {
		m, err := r.Read(buf[n:])
		n += m
		if err == io.EOF {
			return buf[:n], false, nil
		}
		if err != nil {
			if f.zstd != nil && errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
				return buf[:n], true, nil
			}
			return buf[:n], false, err
		}
	}
	var one [1]byte
	m, _ := r.Read(one[:])
	return buf[:n], m > 0, nil
}

// reader returns a decoder over data; nil with errCoding if there is none for
// the coding, nil with another error if data does not begin as it must.
func (f *Inflater) reader(coding, data []byte) (io.Reader, error) {
	f.source.Reset(data)
	switch {
	case bytes.EqualFold(coding, []byte("gzip")), bytes.EqualFold(coding, []byte("x-gzip")):
		if f.gzip == nil {
			f.gzip = new(gzip.Reader)
		}
		if err := f.gzip.Reset(&f.source); err != nil {
			return nil, early(err)
		}
		return f.gzip, nil
	case bytes.EqualFold(coding, []byte("deflate")):
		return f.deflate(data)
	case bytes.EqualFold(coding, []byte("br")):
		if f.brotli == nil {
			f.brotli = brotli.NewReader(nil)
		}
		return f.brotli, early(f.brotli.Reset(&f.source))
	case bytes.EqualFold(coding, []byte("zstd")):
		if f.zstd == nil {
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
			if err != nil {
				return nil, errCoding
			}
			f.zstd = d
		}
		if err := f.zstd.Reset(&f.source); err != nil {
			return nil, early(err)
		}
		return f.zstd, nil
	}
	return nil, errCoding
}

// deflate is zlib by RFC 9110 §8.4.1.2, and raw DEFLATE from senders who
// misread it.
func (f *Inflater) deflate(data []byte) (io.Reader, error) {
	if len(data) >= 2 && data[0]&0x0f == 8 && (uint(data[0])<<8|uint(data[1]))%31 == 0 {
		if f.zlib == nil {
			z, err := zlib.NewReader(&f.source)
			if err != nil {
				return nil, early(err)
			}
			f.zlib = z
			return z, nil
		}
		if z, ok := f.zlib.(zlib.Resetter); ok {
			return f.zlib, z.Reset(&f.source, nil)
		}
	}
	if f.flate == nil {
		f.flate = flate.NewReader(&f.source)
		return f.flate, nil
	}
	if d, ok := f.flate.(flate.Resetter); ok {
		return f.flate, d.Reset(&f.source, nil)
	}
	return f.flate, nil
}

// early turns the end of the input inside a header into what it is.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
