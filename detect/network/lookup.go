package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lapwing/detect"
)

// maxFileBytes of one file. The largest commercial databases have some hundred megabytes.
const maxFileBytes = 1 << 30

// Config names the files. Any of the lists may be empty; of several files that
// know an address, the first counts.
type Config struct {
	ASN     []string // databases with autonomous systems
	Country []string // databases with countries
	Classes []string // tables (.csv, .yaml), or databases with kinds of networks
}

// Files lists all of them.
func (c *Config) Files() []string {
	var all []string
	for _, list := range [][]string{c.ASN, c.Country, c.Classes} {
		all = append(all, list...)
	}
	return all
}

// A Lookup knows networks. The nil Lookup knows none.
type Lookup struct {
	cfg   Config
	known atomic.Pointer[known]

	mu     sync.Mutex // protects what follows, and that one at a time reads files
	stamps []stamp

	unreadable, reloads, refused atomic.Int64
}

// known is what the files say. It is never changed.
type known struct {
	asn, country, kinds []*database
	table               table
}

// A stamp tells whether a file is still the one that was read.
type stamp struct {
	size    int64
	changed time.Time
	there   bool
}

// Stats are counters since Open.
type Stats struct {
	Entries    int   // of the tables of classes
	Unreadable int64 // records of databases that are damaged
	Reloads    int64 // times that files were read again
	Refused    int64 // times that changed files could not be read
}

// Open reads all files. The error names those that cannot be read.
func Open(cfg Config) (*Lookup, error) {
	if len(cfg.Files()) == 0 {
		return nil, nil
	}
	l := &Lookup{cfg: cfg}
	l.stamps = l.look()
	k, err := l.read()
	if err != nil {
		return nil, err
	}
	l.known.Store(k)
	return l, nil
}

// Check reads the files again if one of them has changed. On an error what was
// known stays in force; the same fault is told once.
func (l *Lookup) Check() (changed bool, err error) {
	if l == nil {
		return false, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.look()
	same := true
	for i := range now {
		same = same && now[i].size == l.stamps[i].size && now[i].there == l.stamps[i].there && now[i].changed.Equal(l.stamps[i].changed)
	}
	if same {
		return false, nil
	}
	l.stamps = now
	k, err := l.read()
	if err != nil {
		l.refused.Add(1)
		return true, errors.Join(errors.New("the network facts in force stay as they were"), err)
	}
	l.reloads.Add(1)
	l.known.Store(k)
	return true, nil
}

func (l *Lookup) look() []stamp {
	var list []stamp
	for _, name := range l.cfg.Files() {
		var s stamp
		if info, err := os.Stat(name); err == nil {
			s = stamp{info.Size(), info.ModTime(), true}
		}
		list = append(list, s)
	}
	return list
}

func (l *Lookup) read() (*known, error) {
	k := &known{table: newTable()}
	var errs []error
	databases := func(names []string) (list []*database) {
		for _, name := range names {
			d, err := openDatabase(name, &l.unreadable)
			if err != nil {
				errs = append(errs, fmt.Errorf("network facts: %s: %w", name, err))
				continue
			}
			list = append(list, d)
		}
		return list
	}
	k.asn, k.country = databases(l.cfg.ASN), databases(l.cfg.Country)
	for _, name := range l.cfg.Classes {
		if strings.HasSuffix(name, ".mmdb") {
			k.kinds = append(k.kinds, databases([]string{name})...)
			continue
		}
		data, err := readFile(name)
		if err == nil {
			err = k.table.parse(name, data)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("network facts: %w", err))
		}
	}
	return k, errors.Join(errs...)
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", name, info.Size(), maxFileBytes)
	}
	return os.ReadFile(name)
}

// of puts together what all files say. The user's own table wins over what a
// database says of a network's kind, and of its entries the longest prefix,
// then the autonomous system.
func (k *known) of(a netip.Addr) (n detect.Network) {
	a = a.Unmap().WithZone("")
	for _, d := range k.asn {
		if n.ASN = d.asn(a); n.ASN != 0 {
			break
		}
	}
	for _, d := range k.country {
		if n.Country = d.country(a); n.Country != [2]byte{} {
			break
		}
	}
	if class, ok := k.table.of(a, n.ASN); ok {
		n.Class = class
		return n
	}
	for _, list := range [][]*database{k.kinds, k.country, k.asn} {
		for _, d := range list {
			if n.Class = d.class(a); n.Class != detect.NetworkUnknown {
				return n
			}
		}
	}
	return n
}

// Of says where an address belongs.
func (l *Lookup) Of(a netip.Addr) detect.Network {
	if l == nil || !a.IsValid() {
		return detect.Network{}
	}
	return l.known.Load().of(a)
}

// places of the memory of an engine: most calls of a second come from few addresses.
const places = 8192

type remembered struct {
	addr    netip.Addr
	network detect.Network
}

// ForEngine returns Of with a memory of the latest addresses, for one
// goroutine; nil for the nil Lookup.
func (l *Lookup) ForEngine() func(netip.Addr) detect.Network {
	if l == nil {
		return nil
	}
	memory := make([]remembered, places)
	of := l.known.Load()
	return func(a netip.Addr) detect.Network {
		if now := l.known.Load(); now != of {
			of = now
			clear(memory)
		}
		if !a.IsValid() {
			return detect.Network{}
		}
		m := &memory[place(a)]
		if m.addr != a {
			m.addr, m.network = a, of.of(a)
		}
		return m.network
	}
}

// place spreads addresses; who floods one place makes lookups slower, not wrong.
func place(a netip.Addr) int {
	h := uint32(2166136261)
	b := a.As16()
	for _, x := range b[4:] {
		h = (h ^ uint32(x)) * 16777619
	}
	return int(h^h>>16) % places
}

// Stats returns the counters.
func (l *Lookup) Stats() Stats {
	if l == nil {
		return Stats{}
	}
	return Stats{Entries: l.known.Load().table.len(), Unreadable: l.unreadable.Load(), Reloads: l.reloads.Load(), Refused: l.refused.Load()}
}
