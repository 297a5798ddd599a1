package simulate

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
)

// A Network is a range of addresses and whom it belongs to, as an address
// database would tell.
type Network struct {
	Prefix  netip.Prefix
	ASN     uint32
	Org     string
	Country string
	Class   string // residential, mobile, office, vpn, hosting
}

type netClass uint8

const (
	residential netClass = iota
	mobile
	office
	vpn
	hosting
	netClasses
)

var classNames = [netClasses]string{"residential", "mobile", "office", "vpn", "hosting"}

// A provider hands out addresses: one of a thousand or so networks at large,
// of which a world knows a handful.
type provider struct {
	asn     uint32
	name    string
	country string
	class   netClass
	v4      netip.Addr // first address of a /12
	v6      netip.Addr // first address of a /32
	spread  permutation
	next    uint64 // addresses given out by ticket, from the far end
	hasV6   bool
	shared  []*egress // mobile and VPN: the addresses that many leave by
}

// An egress is where packets enter the internet: an address, and the ports that
// its translator counts through.
type egress struct {
	addr  netip.Addr
	ports uint32
	class netClass
	from  *provider
}

// port takes the next source port.
func (e *egress) port() uint16 {
	e.ports++
	return uint16(1024 + e.ports*7%64_512)
}

const providerBits = 20 // a /12 each

type networks struct {
	seed      uint64
	providers []*provider
	byClass   [netClasses][]*provider
	offices   []*egress
	officeOf  map[int32]int32 // account → office
	v6Share   float64
}

var providerNames = [netClasses][]string{
	residential: {"Norrtel Broadband", "Kabelwerk", "Fibra Sur", "Ligne Claire", "Harbour Fibre", "Polder Net", "Atlantico Casa", "Citycable"},
	mobile:      {"Skywave Mobile", "Funknetz", "Movida", "Onde Mobile", "Meridian Cellular"},
	office:      {"Business Access", "Metro Ethernet"},
	vpn:         {"Quiet Tunnel", "Harbor VPN"},
	hosting:     {"Cloudbarn", "Rackhaus", "Serverdal", "Nimbus Compute", "Boxhost"},
}

// newNetworks draws the providers of a world and how densely phones share
// addresses.
func newNetworks(seed uint64, people int) *networks {
	r := newRandom(seed, "networks", 0)
	n := &networks{seed: r.Uint64(), officeOf: map[int32]int32{}, v6Share: between(r, .3, .5)}
	// First octets that providers really announce; which one is whose is made up.
	octets := r.Perm(len(unicast))
	for class := range netClasses {
		for _, name := range providerNames[class] {
			i := len(n.providers)
			var v6 [16]byte
			v6[0], v6[1] = 0x2a, byte(r.IntN(16))
			v6[2], v6[3] = byte(r.IntN(256)), byte(i)
			p := &provider{asn: uint32(3_000 + r.IntN(60_000)), name: name, country: pick(r, countries), class: class,
				v4: netip.AddrFrom4([4]byte{unicast[octets[i]], byte(r.IntN(16)) << 4, 0, 0}), v6: netip.AddrFrom16(v6),
				spread: permute(1<<providerBits, r.Uint64()), hasV6: class != office && chance(r, .7)}
			n.providers = append(n.providers, p)
			n.byClass[class] = append(n.byClass[class], p)
		}
	}
	perAddress := logBetween(r, 100, 5000)
	for _, p := range n.byClass[mobile] {
		count := max(4, int(float64(people)*.5/float64(len(n.byClass[mobile]))/perAddress))
		first := uint64(r.IntN(1<<providerBits - count - 1))
		for i := range count {
			p.shared = append(p.shared, &egress{addr: p.offset(first + uint64(i)), ports: r.Uint32(), class: mobile, from: p})
		}
	}
	for _, p := range n.byClass[vpn] {
		for range 40 {
			p.shared = append(p.shared, &egress{addr: p.v4At(p.take()), ports: r.Uint32(), class: vpn, from: p})
		}
	}
	n.staffOffices(r, people)
	return n
}

// unicast are first octets of ranges in use for access networks and hosting.
var unicast = []byte{5, 24, 31, 37, 45, 46, 50, 62, 66, 67, 71, 73, 77, 78, 79, 80, 81, 82, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 104, 109, 130, 151, 176, 178, 185, 188, 193, 195, 212, 213, 217}

// staffOffices puts every twelfth person, about, into an office of 20 to 2,000.
func (n *networks) staffOffices(r *rand.Rand, people int) {
	for left, at := int(float64(people)*between(r, .08, .16)), 0; left > 0; {
		size := min(left, max(2, int(logBetween(r, 20, 2000))))
		p := pick(r, n.byClass[office])
		n.offices = append(n.offices, &egress{addr: p.v4At(p.take()), ports: r.Uint32(), class: office, from: p})
		for range size {
			n.officeOf[int32(hash2(n.seed, uint64(at))%uint64(people))] = int32(len(n.offices) - 1)
			at++
		}
		left -= size
	}
}

func (p *provider) offset(i uint64) netip.Addr {
	b := p.v4.As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(i&(1<<providerBits-1)))
	return netip.AddrFrom4(b)
}

// v4At returns the i-th address that the provider gives out: scattered.
func (p *provider) v4At(i uint64) netip.Addr {
	a := p.offset(p.spread.at(i & (1<<providerBits - 1)))
	if b := a.As4()[3]; b == 0 || b == 255 {
		a = a.Next()
	}
	return a
}

// v6At returns an address in the i-th /56, with a random interface identifier
// (RFC 8981).
func (p *provider) v6At(i, device uint64) netip.Addr {
	b := p.v6.As16()
	x := uint32(p.spread.at(i & (1<<providerBits - 1)))
	b[4], b[5], b[6], b[7] = byte(x>>12), byte(x>>4), byte(x<<4), byte(device&3)
	binary.BigEndian.PutUint64(b[8:], mix(device))
	return netip.AddrFrom16(b)
}

// take draws a ticket for an address that no person has: tickets count down
// from the far end, and the spread hides their order.
func (p *provider) take() uint64 {
	p.next++
	return 1<<providerBits - p.next
}

// home returns where a household's packets leave, at a time: some providers
// change addresses every day, most keep them for weeks.
func (n *networks) home(person int32, device uint64, nowNS int64) egress {
	household := uint64(person)
	if hashed(hash2(n.seed, household/2), .3) {
		household /= 2
	}
	h := hash3(n.seed, household, 2)
	p := n.byClass[residential][h%uint64(len(n.byClass[residential]))]
	day := uint64(nowNS / 86_400_000_000_000)
	lease := []uint64{1, 14, 30, 90}[h>>8%4]
	e := egress{class: residential, from: p, ports: uint32(mix(device + uint64(nowNS)))}
	if p.hasV6 && hashed(h, n.v6Share*1.4) {
		e.addr = p.v6At(household, hash2(device, day))
	} else {
		e.addr = p.v4At(household + (day+h>>16%lease)/lease*7919)
	}
	return e
}

// cell returns an address of a carrier; phones move on every while.
func (n *networks) cell(person int32, device uint64, r *rand.Rand) *egress {
	h := hash3(n.seed, uint64(person), 3)
	p := n.byClass[mobile][h%uint64(len(n.byClass[mobile]))]
	if p.hasV6 && hashed(h, n.v6Share) {
		return &egress{addr: p.v6At(uint64(person)+r.Uint64N(8)*1031, device), ports: r.Uint32(), class: mobile, from: p}
	}
	return pick(r, p.shared)
}

// rent returns a new address of a class: what agents of scenarios and machines
// get, from the same providers as everyone.
func (n *networks) rent(class netClass, r *rand.Rand) *egress {
	p := pick(r, n.byClass[class])
	if len(p.shared) > 0 {
		return pick(r, p.shared)
	}
	e := &egress{class: class, from: p, ports: r.Uint32()}
	if class == residential && p.hasV6 && chance(r, n.v6Share) {
		e.addr = p.v6At(p.take(), r.Uint64())
	} else {
		e.addr = p.v4At(p.take())
	}
	return e
}

// Networks returns the ranges of addresses in use, so that a test can bring a
// database of them.
func (w *World) Networks() []Network {
	var all []Network
	for _, p := range w.net.providers {
		v4, _ := p.v4.Prefix(12)
		v6, _ := p.v6.Prefix(32)
		for _, prefix := range []netip.Prefix{v4, v6} {
			all = append(all, Network{Prefix: prefix, ASN: p.asn, Org: p.name, Country: p.country, Class: classNames[p.class]})
		}
	}
	return all
}
