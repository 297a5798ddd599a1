package live

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"lapwing/capture"
	"lapwing/capture/filter"
)

// device is what Open learns of an interface.
type device struct {
	name     string
	index    int
	link     uint32 // LINKTYPE_ of the packets handed on
	cooked   bool   // without link header: the kernel strips whatever there is
	loopback bool
}

// Open starts capture on an interface and returns its rings, as many as
// configured. All share one filter; each must be read and closed.
func Open(cfg Config) ([]*Ring, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	dev, err := findDevice(cfg.Interface)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	program, err := filter.Compile(cfg.Filter, dev.link)
	if err != nil {
		return nil, fmt.Errorf("capture on %s: %w", dev.name, err)
	}
	var rings []*Ring
	group := 0
	for i := range cfg.Rings {
		r, err := openRing(cfg, dev)
		if err == nil {
			rings = append(rings, r)
			if cfg.Rings > 1 {
				group, err = r.join(group, i == 0)
			}
		}
		if err != nil {
			closeAll(rings)
			return nil, fmt.Errorf("capture on %s: %w", dev.name, err)
		}
	}
	// Only now may packets come: while rings were missing, those there would
	// have seen the connections of others.
	for _, r := range rings {
		if err := attach(r.fd, program.Kernel()); err != nil {
			closeAll(rings)
			return nil, fmt.Errorf("capture on %s: attach filter: %w", dev.name, err)
		}
	}
	return rings, nil
}

func closeAll(rings []*Ring) {
	for _, r := range rings {
		r.Close()
	}
}

func findDevice(name string) (device, error) {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		var names []string
		all, listErr := net.Interfaces()
		if listErr != nil {
			return device{}, fmt.Errorf("interface %s: %w", name, err)
		}
		for _, i := range all {
			names = append(names, i.Name)
		}
		slices.Sort(names)
		return device{}, fmt.Errorf("there is no interface %q here; there are: %s", name, strings.Join(names, ", "))
	}
	d := device{name: name, index: ifi.Index, link: capture.LinkEthernet}
	arphrd, err := hardwareType(name)
	if err != nil {
		return d, fmt.Errorf("interface %s: %w", name, err)
	}
	switch arphrd {
	case unix.ARPHRD_ETHER:
	case unix.ARPHRD_LOOPBACK:
		d.loopback = true
	case unix.ARPHRD_NONE, unix.ARPHRD_RAWIP, unix.ARPHRD_PPP, unix.ARPHRD_TUNNEL, unix.ARPHRD_TUNNEL6,
		unix.ARPHRD_SIT, unix.ARPHRD_IPGRE, unix.ARPHRD_IP6GRE:
		d.link, d.cooked = capture.LinkRaw, true
	default:
		return d, fmt.Errorf("interface %s has hardware type %d; only Ethernet, loopback and IP tunnels can be read", name, arphrd)
	}
	return d, nil
}

// hardwareType asks for the ARPHRD_ value of an interface.
func hardwareType(name string) (uint16, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, ifr); err != nil {
		return 0, err
	}
	return ifr.Uint16(), nil
}

// openRing makes a socket with its ring, bound to the device but with a filter
// that refuses everything.
func openRing(cfg Config, dev device) (r *Ring, err error) {
	typ := unix.SOCK_RAW
	if dev.cooked {
		typ = unix.SOCK_DGRAM
	}
	// Protocol 0: nothing is received before bind.
	fd, err := unix.Socket(unix.AF_PACKET, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, privilege(err)
	}
	r = &Ring{device: dev, fd: fd, wake: -1, blockBytes: cfg.BlockBytes, blocks: cfg.Blocks, poll: cfg.Poll}
	defer func() {
		if err != nil {
			r.release()
		}
	}()
	if r.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("make eventfd: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, fmt.Errorf("this kernel has no TPACKET_V3: %w", err)
	}
	// Room before each frame to put a VLAN tag back in.
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_RESERVE, vlanTagBytes); err != nil {
		return nil, fmt.Errorf("reserve room for VLAN tags: %w", err)
	}
	const frameBytes = 2048 // of no meaning to TPACKET_V3, but it must divide the block
	req := &unix.TpacketReq3{
		Block_size: uint32(cfg.BlockBytes), Block_nr: uint32(cfg.Blocks),
		Frame_size: frameBytes, Frame_nr: uint32(cfg.BlockBytes / frameBytes * cfg.Blocks),
		Retire_blk_tov: uint32(cfg.BlockTimeout / time.Millisecond),
	}
	ringBytes := cfg.BlockBytes * cfg.Blocks
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, req); err != nil {
		return nil, fmt.Errorf("ring of %d MiB: %w", ringBytes>>20, err)
	}
	if r.mem, err = unix.Mmap(fd, 0, ringBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("map ring of %d MiB: %w", ringBytes>>20, err)
	}
	refuse, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{}})
	if err != nil {
		return nil, err
	}
	if err := attach(fd, refuse); err != nil {
		return nil, fmt.Errorf("attach filter: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: hostToNet(unix.ETH_P_ALL), Ifindex: dev.index}); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	if cfg.Promiscuous {
		m := &unix.PacketMreq{Ifindex: int32(dev.index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, m); err != nil {
			return nil, fmt.Errorf("promiscuous mode: %w", err)
		}
	}
	return r, nil
}

// join puts the ring into a fanout group by flow hash; the first ring makes it,
// under a number that the kernel knows to be free.
func (r *Ring) join(group int, first bool) (int, error) {
	arg := group | unix.PACKET_FANOUT_HASH<<16
	if first {
		arg = (unix.PACKET_FANOUT_HASH | unix.PACKET_FANOUT_FLAG_UNIQUEID) << 16
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_FANOUT, arg); err != nil {
		return 0, fmt.Errorf("share packets between rings: %w", err)
	}
	if !first {
		return group, nil
	}
	got, err := unix.GetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		return 0, fmt.Errorf("share packets between rings: %w", err)
	}
	return got & 0xffff, nil
}

func attach(fd int, program []bpf.RawInstruction) error {
	code := make([]unix.SockFilter, len(program))
	for i, in := range program {
		code[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
}

// privilege explains the one refusal that everybody meets.
func privilege(err error) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("open packet socket: %w", err)
	}
	return fmt.Errorf("needs CAP_NET_RAW: run as root, or once 'setcap cap_net_raw+ep' on the program, "+
		"or add the capability NET_RAW to the container or AmbientCapabilities=CAP_NET_RAW to the systemd unit: %w", err)
}

func hostToNet(v uint16) uint16 { return v<<8 | v>>8 }
