package distributed

import (
	"strings"

	"lapwing/detect"
	"lapwing/detect/login"
	"lapwing/detect/state"
	"lapwing/event"
)

// For is the name of this stage, to which attempts are sent.
const For = "distributed"

// An Attempt is a fact, keyed by the account tried.
type Attempt struct {
	login.Attempt
	Owned bool // a single source answers for it already
}

// A Told is a fact for whoever judges programs one by one: a campaign on an
// endpoint is told, and what programs do there is part of it.
type Told struct{}

// PlaceKey is the key of an endpoint.
func PlaceKey(seed uint64, e event.EndpointRef) uint64 {
	return state.Join(state.Hash(seed, e.Host), state.Join(state.Hash(seed, e.Method), state.Hash(seed, e.Route)))
}

// kind is by what attempts at one endpoint are told apart.
type kind uint8

const (
	everything kind = iota
	program         // by fingerprint
	agent           // by the family of the User-Agent
	rare            // all programs that were hardly ever seen
	network         // by autonomous system
	class           // of networks
	kinds
)

// marks of an attempt.
type marks uint8

const (
	failed   marks = 1 << iota
	stranger       // nothing about it is familiar to the account
	nobody         // the account does not exist
	newcomer       // nobody ever came into the account
	counted        // counts for the series; else only for the story
)

// A tried attempt is on its way to its endpoint. It keeps no Call.
type tried struct {
	marks
	place   uint64
	values  [kinds]uint64 // 0: unknown
	account uint64
	client  uint64
	network uint64 // /24 or /48, or autonomous system
	weight  float32
	secret  int32 // length of the body without the name, 0 if not known

	endpoint    event.EndpointRef
	fingerprint string
	agent       string
	asn         uint32
	class       detect.NetworkClass
	name        string // of the account
	sample      event.CallSample
}

// settled says how an attempt stands after ten minutes.
type settled struct {
	marks
	values [kinds]uint64
	weight float32
}

func (s *Stage) tried(a *Attempt) tried {
	t := tried{
		place:   PlaceKey(s.cfg.Seed, a.Endpoint),
		account: a.Login.Account, client: a.Client, network: s.network(a), weight: 1, secret: a.SecretBytes(), endpoint: a.Endpoint,
		fingerprint: a.Fingerprint, agent: a.Agent, asn: a.Network.ASN, class: a.Network.Class, name: a.Login.Name, sample: a.Sample,
	}
	if a.Login.Confidence < 0.9 {
		t.weight = float32(a.Login.Confidence)
	}
	if a.Fingerprint != "" {
		t.values[program] = state.Hash(s.cfg.Seed, a.Fingerprint) | 1
	}
	if a.Agent != "" {
		t.values[agent] = state.Hash(s.cfg.Seed, family(a.Agent)) | 1
	}
	if t.asn != 0 {
		t.values[network] = uint64(t.asn)
	}
	t.values[class] = uint64(t.class)
	return t
}

// network is where an address belongs by the best that is known.
func (s *Stage) network(a *Attempt) uint64 {
	if a.Network.ASN != 0 {
		return state.Join(uint64(a.Network.ASN), 0x61736e)
	}
	bits := 48
	if a.Address.Unmap().Is4() {
		bits = 24
	}
	p, err := a.Address.Unmap().Prefix(bits)
	if err != nil {
		return 0
	}
	b := p.Addr().As16()
	return state.Join(state.Hash(s.cfg.Seed, string(b[:])), 0x6e6574)
}

// family is a User-Agent without its versions: Chrome 120 and 121 are of one.
func family(agent string) string {
	var b strings.Builder
	b.Grow(len(agent))
	for i := range len(agent) {
		if c := agent[i]; (c < '0' || c > '9') && c != '.' && c != '_' {
			b.WriteByte(c)
		}
	}
	return b.String()
}
