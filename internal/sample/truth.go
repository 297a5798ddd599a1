package sample

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"
)

// exchanged is one request with its answer.
type exchanged struct {
	at, done     time.Duration
	label        string
	client       netip.Addr
	method, path string
	status       int
}

// tally is the generator's own record of what it put on the wire.
type tally struct {
	all     []exchanged
	clients map[netip.Addr]bool
	labels  map[string][]exchanged
}

func (t *tally) start() {
	t.clients, t.labels = map[netip.Addr]bool{}, map[string][]exchanged{}
}

func (t *tally) add(e exchanged) {
	t.all = append(t.all, e)
	t.clients[e.client] = true
	t.labels[e.label] = append(t.labels[e.label], e)
}

// Truth says what a recording holds. Times are event time.
type Truth struct {
	Capture     string         `json:"capture"`
	SHA256      string         `json:"packets_sha256"` // over PacketBytes of every packet
	Seed        uint64         `json:"seed"`
	Start       time.Time      `json:"start"`
	End         time.Time      `json:"end"` // of the last packet
	Packets     int            `json:"packets"`
	Connections int            `json:"connections"`
	Calls       int            `json:"calls"`
	Clients     int            `json:"clients"`
	Statuses    map[string]int `json:"calls_by_status_class"`
	Attacks     []Attack       `json:"attacks"`
	Benign      []Benign       `json:"benign"`
	Spec        SpecTruth      `json:"spec"`
}

// Attack is one planted attack: who did what to which endpoint, and when.
type Attack struct {
	Name     string         `json:"name"`
	Detector string         `json:"detector"` // the name this kind of attack goes by
	Also     []string       `json:"also"`     // other names it may rightly be given
	Entity   Entity         `json:"entity"`
	Clients  []string       `json:"clients"`
	Endpoint Endpoint       `json:"endpoint"`
	Others   []Endpoint     `json:"other_endpoints,omitempty"` // called as part of it
	Counts   map[string]int `json:"counts"`
	Start    time.Time      `json:"start"` // first request of the attack itself
	End      time.Time      `json:"end"`   // last answer
	Outcome  string         `json:"outcome"`
}

// Entity is whom or what the attack is told by.
type Entity struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

// Endpoint is an operation of the API.
type Endpoint struct {
	Host   string `json:"host"`
	Method string `json:"method"`
	Route  string `json:"route"`
}

// Benign is somebody busy who is no attacker.
type Benign struct {
	Name   string `json:"name"`
	Client string `json:"client"`
	Calls  int    `json:"calls"`
}

// SpecTruth says where the traffic and the OpenAPI document differ.
type SpecTruth struct {
	Undocumented []Endpoint `json:"undocumented"`
	NeverCalled  []Endpoint `json:"never_called"`
	Deprecated   []Endpoint `json:"deprecated"` // never called either
}

func (w *world) truth(o Options, packets []Packet) Truth {
	t := &w.tally
	out := Truth{
		Capture: "shop.pcap.gz", Seed: o.Seed, Start: Start, Packets: len(packets), SHA256: hex.EncodeToString(Sum(packets)),
		Connections: w.wire.opened, Calls: len(t.all), Clients: len(t.clients), Statuses: map[string]int{},
	}
	if len(packets) > 0 {
		out.End = packets[len(packets)-1].Time
	}
	office := 0
	for _, e := range t.all {
		out.Statuses[string(rune('0'+e.status/100))+"xx"]++
		if e.client == netip.MustParseAddr("10.20.0.5") {
			office++
		}
	}
	out.Attacks = w.planted()
	out.Benign = []Benign{
		{"office of thirty people behind one address", "10.20.0.5", office},
		{"uptime monitor", "203.0.113.250", len(t.labels["monitor"])},
		{"partner that synchronises the product list", "198.51.100.200", len(t.labels["partner"])},
	}
	out.Spec = SpecTruth{
		Undocumented: []Endpoint{{Host, "GET", "/internal/export"}},
		NeverCalled:  []Endpoint{{Host, "POST", "/v1/orders/{orderId}/cancel"}, {Host, "DELETE", "/v1/me"}},
		Deprecated:   []Endpoint{{Host, "GET", "/v1/products/{productId}/ratings"}},
	}
	return out
}

// planted describes the attacks from the record of what was sent.
func (w *world) planted() []Attack {
	const details, export = "/v1/products/{productId}", "/internal/export"
	l := w.tally.labels
	stuffing := only(l[labelStuffing], "/v1/login")
	walk := only(l[labelWalk], "/v1/orders/")
	walker := w.shop.accounts[active-20]
	if len(walk) > 0 {
		walk = walk[1:] // the first one is the own order
	}
	scrape, items := l[labelScrape], only(l[labelScrape], "/v1/products/")
	dump := l[labelExport]
	out := []Attack{
		attack("credential stuffing", "credential_stuffing", []string{"account_takeover", "user_enumeration"}, Entity{"client", stufferIP}, []string{stufferIP},
			Endpoint{Host, "POST", "/v1/login"}, stuffing, map[string]int{"accounts": tried, "failures": with(stuffing, 401), "successes": with(stuffing, 200)}),
		attack("reading other customers' orders", "bola", []string{"object_enumeration"}, Entity{"user", walker.ID}, []string{walkerIP},
			Endpoint{Host, "GET", "/v1/orders/{orderId}"}, walk, map[string]int{"foreign_objects": with(walk, 200), "not_found": with(walk, 404)}),
		attack("scraping the catalogue", "scraping", []string{"object_enumeration"}, Entity{"client", scraperIP}, []string{scraperIP},
			Endpoint{Host, "GET", details}, scrape, map[string]int{"objects": with(items, 200), "lists": len(scrape) - len(items)}),
		attack("undocumented endpoint", "shadow_endpoint", []string{"data_exposure"}, Entity{"endpoint", "GET " + Host + export}, []string{exporterIP, exporter2IP},
			Endpoint{Host, "GET", export}, dump, map[string]int{"clients": 2, "answered": with(dump, 200)}),
	}
	out[0].Others = []Endpoint{{Host, "GET", "/v1/me"}}
	out[2].Others = []Endpoint{{Host, "GET", "/v1/products"}}
	return out
}

func attack(name, detector string, also []string, who Entity, clients []string, where Endpoint, calls []exchanged, counts map[string]int) Attack {
	a := Attack{Name: name, Detector: detector, Also: also, Entity: who, Clients: clients, Endpoint: where, Counts: counts, Outcome: "succeeded"}
	counts["calls"] = len(calls)
	if len(calls) > 0 {
		a.Start = Start.Add(calls[0].at).Truncate(time.Millisecond)
		a.End = Start.Add(calls[len(calls)-1].done).Truncate(time.Millisecond)
	}
	return a
}

// only keeps the calls whose path begins so.
func only(calls []exchanged, prefix string) []exchanged {
	var out []exchanged
	for _, e := range calls {
		if strings.HasPrefix(e.path, prefix) && e.method != "OPTIONS" {
			out = append(out, e)
		}
	}
	return out
}

func with(calls []exchanged, status int) int {
	n := 0
	for _, e := range calls {
		if e.status == status {
			n++
		}
	}
	return n
}

// Sum is the SHA-256 over time, length and bytes of every packet: it does not
// depend on how the file is compressed.
func Sum(packets []Packet) []byte {
	h := sha256.New()
	var head [12]byte
	for _, p := range packets {
		binary.BigEndian.PutUint64(head[:8], uint64(p.Time.UnixNano()))
		binary.BigEndian.PutUint32(head[8:], uint32(len(p.Data)))
		h.Write(head[:])
		h.Write(p.Data)
	}
	return h.Sum(nil)
}
