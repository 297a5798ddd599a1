package input

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"lapwing/capture"
)

func pcap(times ...uint32) []byte {
	o := binary.LittleEndian
	b := o.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0)
	for _, t := range times {
		for _, v := range []uint32{t, 0, 4, 60} {
			b = o.AppendUint32(b, v)
		}
		b = append(b, "data"...)
	}
	return b
}

func gz(parts ...string) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		w := gzip.NewWriter(&b)
		io.WriteString(w, p)
		w.Close()
	}
	return b.Bytes()
}

func zst(t testing.TB, s string) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll([]byte(s), nil)
}

func TestKinds(t *testing.T) {
	ng := string([]byte{0x0a, 0x0d, 0x0d, 0x0a}) + strings.Repeat("\x00", 30)
	for _, tt := range []struct {
		name, content string
		want          string // kind, or the error
	}{
		{"pcap", string(pcap(1)), "pcap"},
		{"pcapng", ng, "pcapng"},
		{"gz pcap", string(gz(string(pcap(1)))), "pcap"},
		{"zst pcap", string(zst(t, string(pcap(1)))), "pcap"},
		{"zst with skippable frame", "\x52\x2a\x4d\x18\x04\x00\x00\x00abcd" + string(zst(t, "line\n")), "text"},
		{"log", `10.0.0.1 - - [x] "GET / HTTP/1.1" 200` + "\n", "text"},
		{"latin-1", "GET /caf\xe9 200\n", "text"},
		{"stray control bytes", strings.Repeat("a fine line of a log\n", 20) + "\x01\x02\n", "text"},
		{"one letter", "x", "text"},
		{"bom", "\xef\xbb\xbftext", "text"},
		{"har", "{\n \"log\": {\n  \"version\": \"1.2\"}}", "har"},
		{"har with bom and comment first", "\xef\xbb\xbf {\"_c\":[1,{\"log\":2}],\"x\":{\"log\":{}},\"log\":{\"entries\":[", "har"},
		{"gz har", string(gz(`{"log":{"creator":{}}}`)), "har"},
		{"docker json", `{"log":"GET / 200\n","stream":"stdout"}` + "\n", "text"},
		{"nested log fields", `{"log":{"level":"info"},"x":1}` + "\n" + `{"log":{"version":"1.2"}}`, "text"},
		{"log is a list", `{"log":[{"version":1}]}`, "text"},
		{"empty log", `{"log":{},"version":1}`, "text"},
		{"other json", `{"a":1}` + "\n" + `{"log":{"version":1}}`, "text"},
		{"cut json", `{"log":`, "text"},
		{"brace only", "{", "text"},
		{"spaces only", "  \n \n", "text"},
		{"empty", "", "FILE: is empty"},
		{"bom only", "\xef\xbb\xbf", "FILE: is empty"},
		{"empty gz", string(gz("")), "FILE: is empty"},
		{"bzip2", "BZh91AY&SY\x00\x01", "FILE: not a capture, log or HAR (starts with 42 5a 68 39 31 41 59 26: bzip2)"},
		{"utf-16", "\xff\xfeG\x00E\x00", "FILE: not a capture, log or HAR (starts with ff fe 47 00 45 00: text in UTF-16, convert it to UTF-8)"},
		{"zeros", "\x00\x00", "FILE: not a capture, log or HAR (starts with 00 00)"},
		{"bad gzip header", "\x1f\x8b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "FILE: gzip data are damaged after 0 bytes of content: gzip: invalid header"},
		{"cut gzip header", "\x1f\x8b\x08", "FILE: gzip data are cut off after 0 bytes of content: unexpected EOF"},
	} {
		in, err := New(strings.NewReader(tt.content), "FILE")
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = in.Kind.String()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir:                          dir + ": is a directory",
		filepath.Join(dir, "nobody"): filepath.Join(dir, "nobody") + ": no such file or directory",
	} {
		if _, err := Open(path); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestOpenPackets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.txt") // the name says nothing
	if err := os.WriteFile(path, gz(string(pcap(1, 2)), string(pcap(3)[24:])), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	src, err := in.Packets()
	if err != nil {
		t.Fatal(err)
	}
	if got := drain(t, src); got != "1 2 3 EOF" {
		t.Error(got)
	}
	if read, size := in.Progress(); read != size || size == 0 {
		t.Errorf("read %d of %d", read, size)
	}
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Reader.ReadByte(); !errors.Is(err, io.EOF) && !errors.Is(err, capture.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
}

func TestPacketsOfText(t *testing.T) {
	in, err := New(strings.NewReader("line"), "a.log")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Packets(); err == nil || err.Error() != "a.log: holds text, not packets" {
		t.Error(err)
	}
}

// A compressed file that is cut off gives every packet that it holds whole.
func TestCutOffCompressed(t *testing.T) {
	var times []uint32
	for i := range uint32(20000) {
		times = append(times, i*2654435761)
	}
	content := string(pcap(times...))
	for name, packed := range map[string][]byte{"gzip": gz(content), "zstd": zst(t, content)} {
		in, err := New(bytes.NewReader(packed[:len(packed)-9]), "f")
		if err != nil {
			t.Fatal(name, err)
		}
		src, err := in.Packets()
		if err != nil {
			t.Fatal(name, err)
		}
		var p capture.Packet
		n := 0
		for err = src.Next(&p); err == nil; err = src.Next(&p) {
			n++
		}
		if n == 0 || !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "f: byte ") {
			t.Errorf("%s: %d packets, %v", name, n, err)
		}
	}
}

// Close must end a Next that waits for a pipe.
func TestCloseWakes(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Write(pcap(1))
	in, err := newInput("stdin", newRaw(r, false)) // as standard input is opened
	if err != nil {
		t.Fatal(err)
	}
	src, err := in.Packets()
	if err != nil {
		t.Fatal(err)
	}
	var p capture.Packet
	if err := src.Next(&p); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- src.Next(new(capture.Packet)) }()
	src.Close()
	if err := <-done; !errors.Is(err, capture.ErrClosed) {
		t.Error(err)
	}
}
