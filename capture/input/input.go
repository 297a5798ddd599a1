// Package input opens what a person names on a command line: captures, logs
// and HAR files, plain or compressed, from disk or standard input.
//
// The kind is told by content, never by the file's name. gzip (any number of
// members) and zstd are unpacked on the way; of a compressed file that is cut
// off, what can be read is delivered, then an error that says so. Nothing is
// read twice, so pipes work. Memory is a few fixed buffers; a zstd window above
// 128 MiB is refused.
//
// Merge joins packet sources by time so that their order never matters.
package input

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"lapwing/capture/pcapfile"
)

// Kind is what an input holds.
type Kind uint8

const (
	KindText   Kind = iota // lines
	KindPcap               // packets
	KindPcapng             // packets
	KindHAR                // one JSON document, HTTP Archive 1.2
)

func (k Kind) String() string {
	switch k {
	case KindText:
		return "text"
	case KindPcap:
		return "pcap"
	case KindPcapng:
		return "pcapng"
	case KindHAR:
		return "har"
	}
	return "invalid"
}

// An Input is an open file or pipe whose kind is known. It belongs to one
// goroutine, but Close and Progress may be called from any.
type Input struct {
	Name   string        // the path as given; "stdin" for "-"
	Kind   Kind          //
	Reader *bufio.Reader // from the first byte of the content, unpacked, without a byte-order mark

	raw   *rawReader
	begin int64 // offset of the first byte of Reader in the content
}

// sniffBytes is how much of the content is looked at to tell its kind.
const sniffBytes = 64 << 10

// Open opens path, or standard input if path is "-", and tells its kind. The
// error is a sentence that begins with the name.
func Open(path string) (*Input, error) {
	if path == "-" {
		return newInput("stdin", newRaw(os.Stdin, false))
	}
	f, err := os.Open(path)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return newInput(path, newRaw(f, true))
}

// New tells the kind of what r holds. name is used in errors. If r is an
// io.Closer, Close closes it.
func New(r io.Reader, name string) (*Input, error) {
	return newInput(name, &rawReader{r: r})
}

func newInput(name string, raw *rawReader) (*Input, error) {
	in := &Input{Name: name, raw: raw}
	if err := in.open(); err != nil {
		in.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return in, nil
}

func (in *Input) open() error {
	if in.raw.isDir {
		return errors.New("is a directory")
	}
	content, err := in.unpack(bufio.NewReaderSize(in.raw, sniffBytes))
	if err != nil {
		return err
	}
	in.Reader = content
	head, err := content.Peek(4)
	if len(head) == 0 {
		if err != io.EOF {
			return err
		}
		return errors.New("is empty")
	}
	if isCapture, ng := pcapfile.Is(head); isCapture {
		in.Kind = KindPcap
		if ng {
			in.Kind = KindPcapng
		}
		return nil
	}
	if string(head[:min(3, len(head))]) == "\xef\xbb\xbf" {
		in.begin = 3
		content.Discard(3)
		if _, err := content.Peek(1); err == io.EOF {
			return errors.New("is empty")
		}
	}
	in.Kind, err = tell(content)
	return err
}

// Packets returns a reader of the packets of a capture. Closing either closes
// both.
func (in *Input) Packets() (*pcapfile.Reader, error) {
	if in.Kind != KindPcap && in.Kind != KindPcapng {
		return nil, fmt.Errorf("%s: holds %s, not packets", in.Name, in.Kind)
	}
	return pcapfile.New(struct {
		io.Reader
		io.Closer
	}{in.Reader, in}, in.Name)
}

// Lines returns a reader of the lines of a text.
func (in *Input) Lines() *Lines { return newLines(in.Reader, in.Name, in.begin) }

// Progress returns the bytes read of the file and its size, both before
// unpacking. The size is 0 if it is not known beforehand.
func (in *Input) Progress() (read, size int64) { return in.raw.count.Load(), in.raw.size }

// Close releases the input. A read that is under way ends with an error.
func (in *Input) Close() error {
	err := in.raw.Close()
	if err != nil {
		return fmt.Errorf("close %s: %w", in.Name, err)
	}
	return nil
}
