package pcapfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/pcapgo"

	"lapwing/capture"
)

// TestCorpus reads every capture below $LAPWING_CORPUS beside gopacket's
// reader: where that one gives a packet, ours gives the same.
func TestCorpus(t *testing.T) {
	root := os.Getenv("LAPWING_CORPUS")
	if root == "" {
		t.Skip("LAPWING_CORPUS names no directory of captures")
	}
	files, packets := 0, 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		file, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if is, ng := Is(file); is {
			files++
			packets += compare(t, path, file, ng)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatalf("no capture below %s", root)
	}
	t.Logf("%d packets of %d files", packets, files)
}

type peer interface {
	ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
}

func openPeer(file []byte, ng bool) (peer, error) {
	if ng {
		// Sections of the other byte order and mixed link types are valid.
		return pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	}
	return pcapgo.NewReader(bytes.NewReader(file))
}

func compare(t *testing.T, path string, file []byte, ng bool) int {
	ours, err := New(bytes.NewReader(file), path)
	if err != nil {
		t.Error(err)
		return 0
	}
	theirs, err := openPeer(file, ng)
	if err != nil {
		t.Logf("%s: gopacket: %v", path, err)
	}
	var p capture.Packet
	for n := 0; ; n++ {
		ourErr := ours.Next(&p)
		if ourErr != nil && !errors.Is(ourErr, io.EOF) {
			t.Logf("after %d packets: %v", n, ourErr)
		}
		if theirs != nil {
			data, info, err := theirs.ReadPacketData()
			switch {
			case err != nil:
				if !errors.Is(err, io.EOF) {
					t.Logf("%s: gopacket after %d packets: %v", path, n, err)
				}
				theirs = nil
			case ourErr != nil:
				t.Errorf("%s: packet %d of gopacket is missing: %v", path, n, ourErr)
			case !bytes.Equal(data, p.Data):
				t.Errorf("%s: packet %d: data differ", path, n)
			case info.Timestamp.UnixNano() != p.TimeNS && !info.Timestamp.IsZero():
				t.Errorf("%s: packet %d: time %d, gopacket %d", path, n, p.TimeNS, info.Timestamp.UnixNano())
			case max(info.Length, info.CaptureLength) != p.WireLength:
				t.Errorf("%s: packet %d: wire length %d, gopacket %d", path, n, p.WireLength, info.Length)
			}
		}
		if ourErr != nil {
			return n
		}
	}
}
