// Package filter compiles capture filters to classic BPF.
//
// The grammar is a stated part of tcpdump's, with tcpdump's meaning:
//
//	expr      = term { ("and" | "&&" | "or" | "||") (term | id) }    equal precedence, from left to right
//	term      = ("not" | "!") term | "(" expr ")" | primitive
//	primitive = [proto] [dir] "host" id          id: an IPv4 or IPv6 address
//	          | [proto] [dir] "net" id           id: a CIDR prefix, or 10, 10.1, 10.1.2
//	          | [proto] [dir] "port" id          id: a number; proto: tcp, udp, sctp
//	          | [proto] [dir] "portrange" id     id: a-b
//	          | dir id                           short for dir host id
//	          | "ip" | "ip6" | "arp" | "rarp" | "tcp" | "udp" | "sctp" | "icmp" | "icmp6"
//	          | "vlan" [number]
//	dir       = "src" | "dst" | "src or dst" | "src and dst"
//
// An id after "and" or "or" keeps the qualifiers of the primitive before it:
// "tcp port 80 or 443"; a list may stand in parentheses: "port (80 or 443)".
// Names are not resolved: the meaning of a filter must not depend on a server.
//
// What surprises people, as in tcpdump: "host" and "net" match ARP too unless
// "ip" stands before; "port" never matches the later fragments of an IPv4
// packet and looks only directly behind an IPv6 header; each "vlan" moves all
// offsets to its right by one tag, for the rest of the expression; and a packet
// too short for a test is not matched, not even by "not".
//
// A Program is immutable and safe for concurrent use.
package filter

import (
	"fmt"

	"golang.org/x/net/bpf"

	"lapwing/capture"
)

// SnapLength is how many bytes of a matching packet a live source keeps: every
// byte of any packet without segmentation offload beyond 64 KiB.
const SnapLength = 65535

const (
	maxExpression   = 16 << 10 // bytes; a list of some 500 addresses
	maxNesting      = 100      // parentheses and nots; parsing recurses
	maxInstructions = 4096     // BPF_MAXINSNS of Linux
)

// An Error says what is wrong with an expression and where.
type Error struct {
	Column int // byte in the expression, from 1
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("filter: column %d: %s", e.Column, e.Reason) }

// A Program is a compiled filter.
type Program struct {
	vm     *bpf.VM
	plain  []bpf.Instruction // tags are in the packet: captures, and this process
	kernel []bpf.RawInstruction
}

// Compile compiles expr for packets of a LINKTYPE_ value: Ethernet, Linux
// cooked v1 and v2, or raw IP. The empty expression matches everything. Errors
// are *Error, but for an unsupported link type.
func Compile(expr string, linkType uint32) (*Program, error) {
	l, ok := layoutOf(linkType)
	if !ok {
		return nil, fmt.Errorf("filter: link type %d is not supported", linkType)
	}
	root, vlans, err := parse(expr, l)
	if err != nil {
		return nil, err
	}
	plain, err := assemble(root.lower(l, false))
	if err != nil {
		return nil, err
	}
	p := &Program{plain: plain}
	if p.vm, err = bpf.NewVM(plain); err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	live := plain
	if vlans > 0 {
		// Linux takes the outer tag out of the packet before any filter sees
		// it and keeps it beside, so both cases need their own tests.
		stripped := test{load: []bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtVLANTagPresent}}, op: bpf.JumpNotEqual}
		live, err = assemble(or{and{stripped, root.lower(l, true)}, and{not{stripped}, root.lower(l, false)}})
		if err != nil {
			return nil, err
		}
	}
	if p.kernel, err = bpf.Assemble(live); err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	return p, nil
}

// Match reports whether a packet, from its link header on, passes.
func (p *Program) Match(data []byte) bool {
	n, err := p.vm.Run(data)
	return err == nil && n > 0
}

// Kernel returns the program to attach to a Linux packet socket. It returns
// SnapLength for a match, and finds VLAN tags wherever Linux left them.
func (p *Program) Kernel() []bpf.RawInstruction {
	return append([]bpf.RawInstruction(nil), p.kernel...)
}

// A layout says where a link type keeps what filters ask for.
type layout struct {
	typeAt  uint32 // offset of the EtherType
	network uint32 // offset of the network header
	raw     bool   // no EtherType: the IP version tells
	tagged  bool   // may carry VLAN tags
}

func layoutOf(linkType uint32) (layout, bool) {
	switch linkType {
	case capture.LinkEthernet:
		return layout{typeAt: 12, network: 14, tagged: true}, true
	case capture.LinkLinuxSLL:
		return layout{typeAt: 14, network: 16}, true
	case capture.LinkSLL2:
		return layout{typeAt: 0, network: 20}, true
	case capture.LinkRaw, capture.LinkIPv4, capture.LinkIPv6:
		return layout{raw: true}, true
	}
	return layout{}, false
}
