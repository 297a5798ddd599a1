package filter

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"lapwing/capture"
)

func tcp(src string, sport uint16, dst string, dport uint16) frame {
	return frame{src: src, sport: sport, dst: dst, dport: dport, proto: 6}
}

func with(f frame, change func(*frame)) frame { change(&f); return f }

// named frames for the table below.
var (
	web    = tcp("10.0.0.1", 5000, "10.0.0.2", 80)
	reply  = tcp("10.0.0.2", 80, "10.0.0.1", 5000)
	web6   = tcp("2001:db8::1", 5000, "2001:db8::2", 80)
	frames = map[string]frame{
		"web": web, "reply": reply, "web6": web6,
		"dns":     with(web, func(f *frame) { f.proto, f.dport = 17, 53 }),
		"options": with(web, func(f *frame) { f.options = 3 }),
		"first":   with(web, func(f *frame) { f.fragment = 0x2000 }),
		"later":   with(web, func(f *frame) { f.fragment = 0x0010 }),
		"frag6":   with(web6, func(f *frame) { f.fragHdr = true }),
		"vlan5":   with(web, func(f *frame) { f.tpid, f.tags = 0x8100, []uint16{5} }),
		"qinq":    with(web, func(f *frame) { f.tpid, f.tags = 0x88a8, []uint16{5, 6} }),
		"arp":     {src: "10.0.0.1", dst: "10.0.0.2", arp: 0x806},
		"far":     tcp("192.168.1.9", 443, "192.168.1.8", 8085),
	}
)

const all = "web reply web6 dns options first later frag6 vlan5 qinq arp far"

func except(names string) string {
	var out []string
	for _, n := range strings.Fields(all) {
		if !strings.Contains(" "+names+" ", " "+n+" ") {
			out = append(out, n)
		}
	}
	return strings.Join(out, " ")
}

func TestMatch(t *testing.T) {
	for expr, want := range map[string]string{
		"":                                  all,
		"  ":                                all,
		"ip":                                "web reply dns options first later far",
		"ip6":                               "web6 frag6",
		"arp":                               "arp",
		"tcp":                               "web reply web6 options first later frag6 far",
		"udp":                               "dns",
		"not tcp":                           "dns vlan5 qinq arp",
		"! tcp && !udp":                     "vlan5 qinq arp",
		"host 10.0.0.1":                     "web reply dns options first later arp",
		"ip host 10.0.0.1":                  "web reply dns options first later",
		"src host 10.0.0.2":                 "reply",
		"src 10.0.0.2":                      "reply",
		"dst 10.0.0.2":                      "web dns options first later arp",
		"src or dst host 10.0.0.2":          "web reply dns options first later arp",
		"src and dst net 10/8":              "web reply dns options first later arp",
		"host 2001:db8::2":                  "web6 frag6",
		"dst net 2001:db8::/32":             "web6 frag6",
		"net 192.168":                       "far",
		"net 192.168.0.0/16":                "far",
		"net 0.0.0.0/0":                     "web reply dns options first later arp far",
		"port 80":                           "web reply web6 options first",
		"src port 80":                       "reply",
		"dst port 80":                       "web web6 options first",
		"src and dst port 80":               "",
		"tcp port 53":                       "",
		"udp port 53":                       "dns",
		"portrange 8080-8090":               "far",
		"portrange 8090-8080":               "far",
		"tcp src portrange 440-450":         "far",
		"vlan":                              "vlan5 qinq",
		"vlan 5":                            "vlan5 qinq",
		"vlan 6":                            "",
		"vlan 5 and tcp port 80":            "vlan5",
		"vlan and vlan 6 and tcp port 80":   "qinq",
		"tcp port 80 or vlan 5 and tcp":     "vlan5", // from left to right, and vlan moves what is to its right
		"port 80 or 53":                     "web reply web6 dns options first",
		"port (80 or 53)":                   "web reply web6 dns options first",
		"tcp port 80 or 53":                 "web reply web6 options first",
		"port 80 and not 5000":              "",
		"host 10.0.0.1 and 10.0.0.2":        "web reply dns options first later arp",
		"host 2001:db8::1 or 192.168.1.9":   "web6 frag6 far",
		"not (port 80 or udp)":              except("web reply web6 options first dns"),
		"not host 10.0.0.1 and not port 80": "frag6 vlan5 qinq far",
		"icmp or icmp6 or sctp or rarp":     "",
	} {
		p, err := Compile(expr, capture.LinkEthernet)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		var got []string
		for _, name := range strings.Fields(all) {
			if p.Match(frames[name].build(ethernet)) {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s:\n got %s\nwant %s", expr, strings.Join(got, " "), want)
		}
	}
}

func TestOtherLinkTypes(t *testing.T) {
	for link, build := range map[uint32]func(uint16) []byte{capture.LinkLinuxSLL: cooked1, capture.LinkSLL2: cooked2, capture.LinkRaw: rawIP} {
		p, err := Compile("tcp dst port 80 and (net 10.0.0.0/24 or ip6)", link)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{"web": true, "options": true, "web6": true, "reply": false, "later": false, "dns": false, "far": false} {
			if p.Match(frames[name].build(build)) != want {
				t.Errorf("link %d: %s: %v", link, name, !want)
			}
		}
		if _, err := Compile("vlan", link); err == nil {
			t.Errorf("link %d: vlan is accepted", link)
		}
	}
	if _, err := Compile("tcp", 147); err == nil || err.Error() != "filter: link type 147 is not supported" {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	for expr, want := range map[string]string{
		"tpc":                                   `column 1: "tpc" is no condition of this grammar`,
		"tcp port":                              "column 9: port needs a value",
		"tcp port http":                         `column 10: "http" is no port number (0 to 65535)`,
		"port 65536":                            `column 6: "65536" is no port number (0 to 65535)`,
		"port -1":                               `column 6: "-1" is no port number (0 to 65535)`,
		"portrange 80":                          `column 11: "80" is no range of ports such as 8000-8080`,
		"host example.com":                      `column 6: "example.com" is no IP address; names are not resolved`,
		"host fe80::1%eth0":                     `column 13: unexpected "%"`,
		"net 10.0.0.1/8":                        `column 5: "10.0.0.1/8" has bits set beyond its length; the network is 10.0.0.0/8`,
		"net 10/33":                             `column 5: "10/33" is no network such as 10.0.0.0/8`,
		"net 1.2.3.4.5":                         `column 5: "1.2.3.4.5" is no network such as 10.0.0.0/8`,
		"tcp host 10.0.0.1":                     `column 1: "tcp" cannot qualify "host"`,
		"ip port 80":                            `column 1: "ip" cannot qualify "port"`,
		"ip6 host 10.0.0.1":                     `column 10: "10.0.0.1" is no address of ip6`,
		"ip host ::1":                           `column 9: "::1" is no address of ip`,
		"80":                                    `column 1: say what "80" is: host, net or port`,
		"tcp and 80":                            `column 9: say what "80" is: host, net or port`,
		"vlan 4096":                             `column 6: "4096" is no VLAN number (0 to 4095)`,
		"(tcp":                                  "column 1: this parenthesis is not closed",
		"tcp)":                                  "column 4: this closing parenthesis has no opening one",
		"tcp udp":                               `column 5: "udp" cannot follow here; join conditions by and, or`,
		"(tcp udp)":                             `column 6: "udp" cannot follow here; join conditions by and, or`,
		"tcp and":                               "column 8: a condition is missing at the end",
		"tcp & udp":                             `column 5: unexpected "&"`,
		"not":                                   "column 4: a condition is missing at the end",
		"len > 5":                               `column 5: unexpected ">"`,
		strings.Repeat("(", 200):                "column 101: nested more than 100 deep",
		strings.Repeat("not ", 200):             "column 401: nested more than 100 deep",
		strings.Repeat(" ", 20000):              "column 16385: expression is longer than 16 KiB",
		"port 1" + strings.Repeat(" or 1", 900): "column 1: expression compiles to 25230 instructions, the kernel takes 4096",
	} {
		_, err := Compile(expr, capture.LinkEthernet)
		var e *Error
		if !errors.As(err, &e) || err.Error() != "filter: "+want {
			if len(expr) > 30 {
				expr = expr[:30]
			}
			t.Errorf("%s: %v\nwant %s", expr, err, want)
		}
	}
}

// Jumps that reach further than 8 bits take another way and mean the same.
func TestLongPrograms(t *testing.T) {
	var hosts []string
	for i := range 100 {
		hosts = append(hosts, fmt.Sprintf("10.9.%d.1", i))
	}
	expr := "ip host 10.0.0.1 or " + strings.Join(hosts, " or ")
	p, err := Compile("tcp and ("+expr+")", capture.LinkEthernet)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if !p.Match(tcp(fmt.Sprintf("10.9.%d.1", i), 1, "10.3.0.1", 1).build(ethernet)) {
			t.Fatal("host", i)
		}
	}
	if !p.Match(frames["web"].build(ethernet)) || p.Match(frames["dns"].build(ethernet)) || p.Match(frames["far"].build(ethernet)) {
		t.Error("wrong match")
	}
}

func TestKernelProgram(t *testing.T) {
	for expr, usesTag := range map[string]bool{"tcp port 80": false, "vlan 5 and tcp port 80": true} {
		p, err := Compile(expr, capture.LinkEthernet)
		if err != nil {
			t.Fatal(err)
		}
		raw := p.Kernel()
		insns, ok := bpf.Disassemble(raw)
		if !ok {
			t.Fatal("unknown instructions")
		}
		uses, snap := false, false
		for _, in := range insns {
			if x, ok := in.(bpf.LoadExtension); ok && x.Num == bpf.ExtVLANTagPresent {
				uses = true
			}
			if in == (bpf.RetConstant{Val: SnapLength}) {
				snap = true
			}
		}
		if uses != usesTag || !snap {
			t.Errorf("%s: tag %v, snap %v", expr, uses, snap)
		}
		raw[0].Op = 0xffff
		if p.Kernel()[0].Op == 0xffff {
			t.Error("Kernel hands out its own copy")
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{"", "tcp port 80 or 443", "not (src or dst net 10/8 and vlan 5)", "host fe80::1 && ! portrange 1-2", "port (1 or 2", "dst and src"} {
		f.Add(s, []byte{1, 2, 3})
	}
	f.Fuzz(func(t *testing.T, expr string, data []byte) {
		for _, link := range []uint32{capture.LinkEthernet, capture.LinkRaw} {
			p, err := Compile(expr, link)
			if err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Column < 1 || e.Column > len(expr)+1 {
					t.Fatalf("%q: %v", expr, err)
				}
				continue
			}
			n, err := Compile("not ("+expr+")", link)
			if err != nil {
				continue // the empty expression, or one that is too long
			}
			if p.Match(data) && n.Match(data) {
				t.Fatalf("%q and its contrary match % x", expr, data)
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	p, err := Compile("tcp port 80 or 443 or 8080", capture.LinkEthernet)
	if err != nil {
		b.Fatal(err)
	}
	data := frames["far"].build(ethernet)
	b.ReportAllocs()
	for b.Loop() {
		p.Match(data)
	}
}
