package input

import (
	"bytes"
	"strings"
	"testing"

	"lapwing/capture"
)

func FuzzNew(f *testing.F) {
	for _, s := range []string{"", "a\nb", `{"log":{"version":"1.2"}}`, `{"a":[{"log":`, "\xef\xbb\xbf{", "\x28\xb5\x2f\xfd\x04\x00", string(pcap(1, 2)), string(gz("a\n", "b\n")), string(zst(f, "line\n"))} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		in, err := New(bytes.NewReader(file), "FILE")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "FILE: ") {
				t.Fatal(err)
			}
			return
		}
		switch in.Kind {
		case KindPcap, KindPcapng:
			src, err := in.Packets()
			for err == nil {
				err = src.Next(new(capture.Packet))
			}
		case KindText, KindHAR:
			lines := in.Lines()
			var l Line
			end := int64(-1)
			// Unpacked content may be far larger than the file.
			for range 1000 {
				err := lines.Next(&l)
				if err != nil {
					break
				}
				if l.Offset < end || l.End < l.Offset+int64(len(l.Data)) || bytes.IndexByte(l.Data, '\n') >= 0 {
					t.Fatalf("line %+v after %d", l, end)
				}
				end = l.End
			}
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
