package live

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inNamespace runs f on a thread with a network of its own: lo, and the pair
// va and vb. The namespace dies with the thread.
func inNamespace(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	var setup error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if setup = makeNetwork(); setup == nil {
			f(t)
		}
	}()
	<-done
	if setup == nil {
		return
	}
	cannotTest(t, fmt.Errorf("network namespace: %w", setup))
}

// cannotTest ends a test for want of something: where live capture must be
// tested that is a failure, elsewhere the test is skipped.
func cannotTest(t *testing.T, why error) {
	t.Helper()
	if os.Getenv("LAPWING_REQUIRE_NET") == "1" {
		t.Fatal("live capture must be tested: ", why)
	}
	t.Skip("no live capture here: ", why)
}

func makeNetwork() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	for _, args := range []string{
		"link set lo up",
		"link add va type veth peer name vb",
		"link set va addrgenmode none", // no traffic but ours
		"link set vb addrgenmode none",
		"link set va up",
		"link set vb up",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", args, err, out)
		}
	}
	return nil
}

// A sender writes frames to an interface.
type sender struct {
	fd    int
	index int
}

func newSender(t *testing.T, name string) *sender {
	t.Helper()
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &sender{fd, ifi.Index}
}

func (s *sender) send(t *testing.T, frame []byte) {
	t.Helper()
	for {
		err := unix.Sendto(s.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: s.index, Protocol: hostToNet(binary.BigEndian.Uint16(frame[12:])), Halen: 6})
		if errors.Is(err, unix.ENOBUFS) {
			runtime.Gosched()
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
}

// udp builds a frame of IPv4 and UDP with payload behind the given tags, each
// an EtherType and a number.
func udp(payload string, sport, dport uint16, tags ...[2]uint16) []byte {
	be := binary.BigEndian
	b := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}
	for _, tag := range tags {
		b = be.AppendUint16(b, tag[0])
		b = be.AppendUint16(b, tag[1])
	}
	b = append(b, 8, 0, 0x45, 0)
	b = be.AppendUint16(b, uint16(28+len(payload)))
	b = append(b, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2)
	b = be.AppendUint16(b, sport)
	b = be.AppendUint16(b, dport)
	b = be.AppendUint16(b, uint16(8+len(payload)))
	b = append(b, 0, 0)
	return append(b, payload...)
}
