package https

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/klauspost/compress/zstd"
)

var errTooLarge = fmt.Errorf("a record of more than %d bytes", maxRecord)

// readBody reads and unpacks a body within its bounds.
func readBody(w http.ResponseWriter, req *http.Request) (body []byte, status int, err error) {
	packed, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxPacked))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, http.StatusUnprocessableEntity, fmt.Errorf("a body of more than %d bytes", maxPacked)
	}
	if err != nil {
		return nil, http.StatusBadRequest, fmt.Errorf("reading the body: %w", err)
	}
	var in io.Reader
	switch coding := req.Header.Get("Content-Encoding"); coding {
	case "", "identity":
		return packed, 0, nil
	case "gzip":
		if in, err = gzip.NewReader(bytes.NewReader(packed)); err != nil {
			return nil, http.StatusBadRequest, fmt.Errorf("gzip: %w", err)
		}
	case "zstd":
		d, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxRecord), zstd.WithDecoderMaxWindow(maxRecord), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, http.StatusBadRequest, fmt.Errorf("zstd: %w", err)
		}
		defer d.Close()
		in = d
	default:
		return nil, http.StatusUnsupportedMediaType, fmt.Errorf("content coding %.40q is not supported: gzip, zstd or none", coding)
	}
	body, err = io.ReadAll(io.LimitReader(in, maxRecord+1))
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) || len(body) > maxRecord:
		return nil, http.StatusUnprocessableEntity, errTooLarge
	case err != nil:
		return nil, http.StatusBadRequest, fmt.Errorf("unpacking the body: %w", err)
	}
	return body, 0, nil
}
