package input

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"lapwing/capture"
)

// maxWindow is what zstd itself agrees to unpack without being told more.
const maxWindow = 128 << 20

// unpack returns the content of r, unpacked if it is compressed.
func (in *Input) unpack(r *bufio.Reader) (*bufio.Reader, error) {
	content, err := Unpack(r)
	if err != nil || content == io.Reader(r) {
		return r, err
	}
	return bufio.NewReaderSize(content, sniffBytes), nil
}

// Unpack returns the content of r, unpacked if it begins as gzip or zstd. Of
// data that are cut off or damaged, what can be read is returned, then an error
// that says after how many bytes of content that happened.
func Unpack(r *bufio.Reader) (io.Reader, error) {
	head, _ := r.Peek(4)
	switch {
	case len(head) >= 2 && head[0] == 0x1f && head[1] == 0x8b:
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, damaged("gzip", 0, err)
		}
		return &unpacked{r: z, format: "gzip"}, nil
	case len(head) == 4 && (string(head) == "\x28\xb5\x2f\xfd" || head[0]&0xf0 == 0x50 && string(head[1:]) == "\x2a\x4d\x18"):
		// One goroutine less to end: unpacking runs in the reader's own.
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, damaged("zstd", 0, err)
		}
		return &unpacked{r: z, format: "zstd"}, nil
	}
	return r, nil
}

// unpacked counts the content and names what went wrong with it.
type unpacked struct {
	r      io.Reader
	format string
	count  int64
}

func (u *unpacked) Read(b []byte) (int, error) {
	n, err := u.r.Read(b)
	u.count += int64(n)
	if err != nil && err != io.EOF && !errors.Is(err, capture.ErrClosed) {
		err = damaged(u.format, u.count, err)
	}
	return n, err
}

func damaged(format string, after int64, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		return fmt.Errorf("%s data are cut off after %d bytes of content: %w", format, after, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%s data are damaged after %d bytes of content: %w", format, after, err)
}
