package filter

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/net/bpf"

	"lapwing/capture"
)

// TestAgainstTcpdump compares with tcpdump's own programs, packet by packet:
// random packets of all kinds, whole and cut off.
func TestAgainstTcpdump(t *testing.T) {
	if _, err := exec.LookPath("tcpdump"); err != nil {
		if os.Getenv("LAPWING_REQUIRE_NET") == "1" {
			t.Fatal("tcpdump is required: ", err)
		}
		t.Skip("tcpdump is not installed")
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	exprs := []string{
		"ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6",
		"host 10.0.0.1", "net 10", "net 10.0.0.0/24", "net 0.0.0.0/0", "net 2001:db8::/48", "src and dst net 10.0.0.0/8", "net 10.1.2.3", "ip6 net ::/0",
		"port 80", "portrange 8085-8080", "tcp port 80", "udp src port 5353", "sctp dst port 80", "src or dst port 0",
		"vlan", "vlan 5", "vlan 5 and vlan 6", "vlan and ip host 10.0.0.1 and tcp port 80", "vlan and port 80 or vlan and port 443",
		"port 80 or 443", "port 80 and not 443", "host 10.0.0.1 and 10.0.0.2 or 2001:db8::1", "port (80 or 443)", "tcp or udp and port 80",
		"not port 80", "not vlan", "not (tcp or arp)",
	}
	for range 120 {
		exprs = append(exprs, randomExpr(rnd, 3))
	}
	links := []struct {
		name  string
		value uint32
		build func(uint16) []byte
	}{{"EN10MB", capture.LinkEthernet, ethernet}, {"LINUX_SLL", capture.LinkLinuxSLL, cooked1}, {"LINUX_SLL2", capture.LinkSLL2, cooked2}, {"RAW", capture.LinkRaw, rawIP}}
	compared := 0
	for i, expr := range exprs {
		link := links[0]
		if i%4 == 3 && !bytes.Contains([]byte(expr), []byte("vlan")) {
			link = links[1+i/4%3]
		}
		theirs := tcpdumpVM(t, "-O", link.name, expr)
		optimised := tcpdumpVM(t, "-f", link.name, expr)
		ours, err := Compile(expr, link.value)
		if (err != nil) != (theirs == nil) {
			t.Errorf("%s: ours %v, tcpdump accepts it: %v", expr, err, theirs != nil)
			continue
		}
		if err != nil {
			continue
		}
		for range 400 {
			f := randomFrame(rnd)
			if link.value != capture.LinkEthernet {
				f.tags = nil
			}
			data := f.build(link.build)
			// The optimiser drops loads whose value does not matter, and with
			// them the rule that a packet too short for a load is not matched;
			// it also refuses expressions that match nothing.
			if optimised == nil {
				if ours.Match(data) {
					t.Errorf("%s matches, tcpdump says nothing can", expr)
				}
			} else if n, _ := optimised.Run(data); (n > 0) != ours.Match(data) {
				t.Errorf("%s, link %s: optimised tcpdump %v, frame %+v", expr, link.name, n > 0, f)
				break
			}
			if rnd.IntN(4) == 0 {
				data = data[:rnd.IntN(len(data))]
			}
			n, err := theirs.Run(data)
			if err != nil {
				t.Fatal(err)
			}
			compared++
			if (n > 0) != ours.Match(data) {
				t.Errorf("%s, link %s: tcpdump %v, frame %+v, % x", expr, link.name, n > 0, f, data)
				break
			}
		}
	}
	t.Logf("%d packets under %d filters", compared, len(exprs))
}

// tcpdumpVM runs what tcpdump compiles, or returns nil if it refuses.
func tcpdumpVM(t *testing.T, flag, link, expr string) *bpf.VM {
	t.Helper()
	out, err := exec.Command("tcpdump", flag, "-ddd", "-y", link, expr).Output()
	if err != nil {
		return nil
	}
	s := bufio.NewScanner(bytes.NewReader(out))
	s.Scan() // the number of instructions
	var raw []bpf.RawInstruction
	for s.Scan() {
		var in bpf.RawInstruction
		if _, err := fmt.Sscan(s.Text(), &in.Op, &in.Jt, &in.Jf, &in.K); err != nil {
			t.Fatalf("%s: %q: %v", expr, s.Text(), err)
		}
		raw = append(raw, in)
	}
	insns, ok := bpf.Disassemble(raw)
	if !ok {
		t.Fatalf("%s: tcpdump uses instructions that are not known", expr)
	}
	vm, err := bpf.NewVM(insns)
	if err != nil {
		t.Fatal(expr, err)
	}
	return vm
}

func randomExpr(rnd *rand.Rand, depth int) string {
	if depth > 0 && rnd.IntN(3) > 0 {
		a, b := randomExpr(rnd, depth-1), randomExpr(rnd, depth-1)
		switch rnd.IntN(6) {
		case 0:
			return "not " + a
		case 1:
			return "(" + a + ")"
		case 2, 3:
			return a + " and " + b
		default:
			return a + " or " + b
		}
	}
	dir := pick(rnd, "", "", "src ", "dst ", "src or dst ", "dst and src ")
	switch rnd.IntN(6) {
	case 0:
		return pick(rnd, "ip", "ip6", "tcp", "udp", "arp", "icmp", "vlan", "vlan 5")
	case 1:
		return pick(rnd, "", "", "ip ", "arp ") + dir + "host " + pick(rnd, "10.0.0.1", "10.0.0.2", "192.168.1.9")
	case 2:
		return pick(rnd, "", "ip6 ") + dir + pick(rnd, "host 2001:db8::1", "net 2001:db8::/64", "net fe80::/10")
	case 3:
		return dir + "net " + pick(rnd, "10.0.0.0/8", "10.0", "192.168.0.0/23", "10.0.0.2/31")
	case 4:
		return pick(rnd, "", "tcp ", "udp ") + dir + "port " + pick(rnd, "80", "443", "5353")
	}
	return pick(rnd, "", "tcp ", "udp ") + dir + "portrange " + pick(rnd, "80-443", "8080-8085", "1-0")
}
