package live

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lapwing/capture"
)

func open(t *testing.T, cfg Config) []*Ring {
	t.Helper()
	if cfg.Blocks == 0 {
		cfg.BlockBytes, cfg.Blocks = 128<<10, 64
	}
	if cfg.BlockTimeout == 0 {
		cfg.BlockTimeout = 5 * time.Millisecond
	}
	rings, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeRings(t, rings) })
	return rings
}

func closeRings(t *testing.T, rings []*Ring) {
	for _, r := range rings {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := r.Next(new(capture.Packet)); err != capture.ErrClosed {
			t.Errorf("after Close: %v", err)
		}
		if r.mem != nil || r.fd != -1 {
			t.Error("ring is not released")
		}
	}
}

// receive reads n packets and fails the test when none comes for long.
func receive(t *testing.T, r *Ring, n int) []capture.Packet {
	t.Helper()
	var got []capture.Packet
	for idle := 0; len(got) < n; {
		var p capture.Packet
		err := r.Next(&p)
		if err == capture.ErrIdle && idle < 100 {
			idle++
			continue
		}
		if err != nil {
			t.Fatalf("after %d of %d packets: %v", len(got), n, err)
		}
		p.Data = bytes.Clone(p.Data)
		got = append(got, p)
	}
	return got
}

// drained reads until the ring is idle, then checks the account to the packet.
func drained(t *testing.T, r *Ring) (packets int) {
	t.Helper()
	var p capture.Packet
	for idle := 0; idle < 2; {
		switch err := r.Next(&p); err {
		case nil:
			packets++
		case capture.ErrIdle:
			idle++
		default:
			t.Fatal(err)
		}
	}
	s := r.Stats()
	if s.KernelPackets != s.KernelDrops+s.Received() {
		t.Errorf("account does not add up: %+v", s)
	}
	return packets
}

func TestCapture(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		r := open(t, Config{Interface: "va", Filter: "udp port 4242 or (vlan and udp port 4242)", Promiscuous: true})[0]
		s := newSender(t, "vb")
		before := time.Now().UnixNano()
		frames := [][]byte{
			udp("plain", 1, 4242),
			udp("tagged", 1, 4242, [2]uint16{0x8100, 0xa005}),
			udp("service tag", 1, 4242, [2]uint16{0x88a8, 7}),
			udp(strings.Repeat("long", 300), 1, 4242),
		}
		refused := udp("another port", 1, 4243)
		for _, f := range frames {
			s.send(t, f)
			s.send(t, refused)
		}
		for i, p := range receive(t, r, len(frames)) {
			if !bytes.Equal(p.Data, frames[i]) {
				t.Errorf("frame %d:\n got % x\nsent % x", i, p.Data, frames[i])
			}
			if p.LinkType != capture.LinkEthernet || p.WireLength != len(frames[i]) || p.TimeNS < before-1e9 || p.TimeNS > time.Now().UnixNano()+1e9 {
				t.Errorf("frame %d: %d, %d, %d", i, p.LinkType, p.WireLength, p.TimeNS)
			}
		}
		if n := drained(t, r); n != 0 {
			t.Errorf("%d more packets", n)
		}
	})
}

func TestQinQ(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		r := open(t, Config{Interface: "va", Filter: "vlan 7 and vlan 8 and udp port 4242"})[0]
		s := newSender(t, "vb")
		s.send(t, udp("other tag", 1, 4242, [2]uint16{0x88a8, 6}, [2]uint16{0x8100, 8}))
		s.send(t, udp("no tag", 1, 4242))
		want := udp("qinq", 1, 4242, [2]uint16{0x88a8, 7}, [2]uint16{0x8100, 8})
		s.send(t, want)
		if p := receive(t, r, 1)[0]; !bytes.Equal(p.Data, want) {
			t.Errorf("got % x", p.Data)
		}
		if n := drained(t, r); n != 0 {
			t.Errorf("%d more packets", n)
		}
	})
}

// What goes out is seen as well: a sensor beside a service sees both ways.
func TestBothDirections(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		r := open(t, Config{Interface: "va", Filter: "udp"})[0]
		newSender(t, "va").send(t, udp("out", 1, 2))
		newSender(t, "vb").send(t, udp("in", 2, 1))
		got := receive(t, r, 2)
		if !bytes.HasSuffix(got[0].Data, []byte("out")) || !bytes.HasSuffix(got[1].Data, []byte("in")) {
			t.Errorf("%q, %q", got[0].Data, got[1].Data)
		}
	})
}

// On loopback every packet passes twice and is handed on once.
func TestLoopback(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		r := open(t, Config{Interface: "lo", Filter: "udp dst port 4242"})[0]
		conn, err := net.Dial("udp", "127.0.0.1:4242")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for i := range 10 {
			fmt.Fprintf(conn, "packet %d", i) // refused by ICMP at times; sent all the same
		}
		sent := 0
		for _, p := range receive(t, r, 1) {
			if !bytes.HasSuffix(p.Data, []byte("packet 0")) {
				t.Errorf("%q", p.Data)
			}
			sent++
		}
		sent += drained(t, r)
		if s := r.Stats(); s.Filtered != uint64(sent) || s.Packets != uint64(sent) || sent < 5 {
			t.Errorf("%d packets, %+v", sent, s)
		}
	})
}

// A tunnel device has no link header.
func TestTunnelDevice(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		for _, args := range []string{"tuntap add tn mode tun", "addr add 10.9.0.1/24 dev tn", "link set tn up"} {
			if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
				cannotTest(t, fmt.Errorf("ip %s: %w: %s", args, err, out))
			}
		}
		tun, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			cannotTest(t, err)
		}
		defer unix.Close(tun)
		ifr, _ := unix.NewIfreq("tn")
		ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(tun, unix.TUNSETIFF, ifr); err != nil {
			t.Fatal(err)
		}
		r := open(t, Config{Interface: "tn", Filter: "udp port 4242"})[0]
		conn, err := net.Dial("udp", "10.9.0.2:4242")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "hello")
		p := receive(t, r, 1)[0]
		if p.LinkType != capture.LinkRaw || p.Data[0] != 0x45 || !bytes.HasSuffix(p.Data, []byte("hello")) || len(p.Data) != 33 {
			t.Errorf("%d: % x", p.LinkType, p.Data)
		}
	})
}

// Rings share packets: each goes to one ring, both directions of a flow to the
// same, and none before all rings are there.
func TestFanout(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		rings := open(t, Config{Interface: "va", Rings: 3, Filter: "udp", Poll: 100 * time.Millisecond, BlockTimeout: 50 * time.Millisecond})
		s := newSender(t, "vb")
		const flows, each = 64, 10
		for i := range flows * each {
			port := uint16(1000 + i%flows)
			if i/flows%2 == 0 {
				s.send(t, udp("there", port, 4242))
			} else {
				s.send(t, reversed("back", port, 4242))
			}
		}
		home := map[string]int{}
		total, used := 0, 0
		for i, r := range rings {
			before := total
			var p capture.Packet
			for idle := 0; idle < 3; {
				if err := r.Next(&p); err != nil {
					idle++
					continue
				}
				total++
				ports := []string{string(p.Data[34:36]), string(p.Data[36:38])}
				slices.Sort(ports)
				flow := ports[0] + ports[1]
				if old, ok := home[flow]; ok && old != i {
					t.Fatalf("flow %x is in rings %d and %d", flow, old, i)
				}
				home[flow] = i
			}
			if total > before {
				used++
			}
		}
		if total != flows*each || used < 2 {
			t.Errorf("%d packets of %d in %d rings", total, flows*each, used)
			for _, r := range rings {
				t.Logf("%+v", r.Stats())
			}
		}
	})
}

func reversed(payload string, port, service uint16) []byte {
	b := udp(payload, service, port)
	src := bytes.Clone(b[26:30])
	copy(b[26:30], b[30:34])
	copy(b[30:34], src)
	return b
}

// A reader that is too slow loses packets, and every one of them is counted.
func TestDropsAreCounted(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		r := open(t, Config{Interface: "va", Filter: "udp", Blocks: 2, BlockBytes: 128 << 10})[0]
		s := newSender(t, "vb")
		const sent = 2000
		for i := range sent {
			s.send(t, udp(strings.Repeat("x", 1000), uint16(i), 1))
		}
		got := drained(t, r)
		st := r.Stats()
		if st.KernelPackets != sent || st.KernelDrops == 0 || uint64(got)+st.KernelDrops != sent || st.Freezes == 0 {
			t.Errorf("%d sent, %d read: %+v", sent, got, st)
		}
		for i := range 3 { // a full ring recovers
			s.send(t, udp("after", uint16(i), 1))
		}
		receive(t, r, 3)
	})
}

func TestCloseWakes(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		for range 20 {
			rings, err := Open(Config{Interface: "va", Filter: "tcp", Blocks: 2, Poll: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			var readers sync.WaitGroup
			readers.Go(func() {
				if err := rings[0].Next(new(capture.Packet)); err != capture.ErrClosed {
					t.Error(err)
				}
			})
			if err := rings[0].Close(); err != nil {
				t.Error(err)
			}
			readers.Wait()
			closeRings(t, rings)
		}
	})
}

// What was handed out stays readable after Close, until the next call.
func TestCloseKeepsPacket(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		r := open(t, Config{Interface: "va", Filter: "udp"})[0]
		want := udp("still here", 1, 2)
		newSender(t, "vb").send(t, want)
		var p capture.Packet
		for err := r.Next(&p); err != nil; err = r.Next(&p) {
			if err != capture.ErrIdle {
				t.Fatal(err)
			}
		}
		r.Close()
		if !bytes.Equal(p.Data, want) {
			t.Error("packet changed")
		}
	})
}

func TestInterfaceDown(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		r := open(t, Config{Interface: "va", Filter: "udp"})[0]
		for _, state := range []string{"down", "up"} {
			if out, err := exec.Command("ip", "link", "set", "va", state).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		err := r.Next(new(capture.Packet))
		if !errors.Is(err, unix.ENETDOWN) || err.Error() != "interface va went down: network is down" {
			t.Fatal(err)
		}
		// The kernel takes its time to send on a link that has just come up.
		s := newSender(t, "vb")
		for err = capture.ErrIdle; err == capture.ErrIdle; err = r.Next(new(capture.Packet)) {
			s.send(t, udp("up again", 1, 2))
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestOpenErrors(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		for _, tt := range []struct {
			cfg  Config
			want string
		}{
			{Config{}, "capture: no interface is named"},
			{Config{Interface: "eth7"}, `capture: there is no interface "eth7" here; there are: lo, va, vb`},
			{Config{Interface: "va", Filter: "tcp prt 80"}, `capture on va: filter: column 5: "prt" cannot follow here; join conditions by and, or`},
			{Config{Interface: "va", BlockBytes: 1000}, "capture: block of 1000 bytes: must be a power of two from 131072 to 67108864"},
			{Config{Interface: "va", Rings: -1}, "capture: -1 rings: must be 1 to 64"},
			{Config{Interface: "va", Blocks: 1}, "capture: 1 blocks of 262144 bytes: must be 2 to 4096"},
		} {
			if _, err := Open(tt.cfg); err == nil || err.Error() != tt.want {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
		}
	})
}

func TestPrivilegeError(t *testing.T) {
	err := privilege(unix.EPERM)
	if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "CAP_NET_RAW") || !strings.Contains(err.Error(), "setcap") {
		t.Error(err)
	}
}
