package network

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	yaml "github.com/oasdiff/yaml3"

	"lapwing/detect"
)

// maxEntries of all tables together.
const maxEntries = 1_000_000

// A table says of autonomous systems and prefixes what kind of network they are.
type table struct {
	systems  map[uint32]detect.NetworkClass
	prefixes map[netip.Prefix]detect.NetworkClass
	four     []int // lengths of prefixes that there are, longest first
	six      []int
}

func newTable() table {
	return table{systems: map[uint32]detect.NetworkClass{}, prefixes: map[netip.Prefix]detect.NetworkClass{}}
}

func (t *table) len() int { return len(t.systems) + len(t.prefixes) }

// of finds the class of an address: that of the longest prefix, else of its
// autonomous system.
func (t *table) of(a netip.Addr, asn uint32) (detect.NetworkClass, bool) {
	lengths := t.four
	if a.Is6() {
		lengths = t.six
	}
	for _, bits := range lengths {
		if p, err := a.Prefix(bits); err == nil {
			if class, ok := t.prefixes[p]; ok {
				return class, true
			}
		}
	}
	class, ok := t.systems[asn]
	return class, ok && asn != 0
}

// put adds an entry. What was said first counts.
func (t *table) put(what, class string) error {
	c, ok := detect.ParseNetworkClass(strings.ToLower(class))
	if !ok {
		return fmt.Errorf("%q is not one of residential, mobile, hosting, business, education, anonymizer", class)
	}
	if t.len() >= maxEntries {
		return fmt.Errorf("the tables have more than %d entries", maxEntries)
	}
	if p, err := netip.ParsePrefix(what); err == nil {
		return t.putPrefix(p, c)
	}
	if a, err := netip.ParseAddr(what); err == nil {
		return t.putPrefix(netip.PrefixFrom(a.WithZone(""), a.BitLen()), c)
	}
	n, ok := asNumber(what)
	if !ok {
		return fmt.Errorf("%q is neither an autonomous system, such as AS64500, nor a network, such as 203.0.113.0/24", what)
	}
	if _, ok := t.systems[n]; !ok {
		t.systems[n] = c
	}
	return nil
}

func (t *table) putPrefix(p netip.Prefix, c detect.NetworkClass) error {
	if p.Addr().Is4In6() {
		return fmt.Errorf("write %s as an IPv4 network", p)
	}
	p = p.Masked()
	if _, ok := t.prefixes[p]; !ok {
		t.prefixes[p] = c
	}
	lengths := &t.four
	if p.Addr().Is6() {
		lengths = &t.six
	}
	if !slices.Contains(*lengths, p.Bits()) {
		*lengths = append(*lengths, p.Bits())
		slices.SortFunc(*lengths, func(a, b int) int { return b - a })
	}
	return nil
}

// parse reads a file: YAML if its name says so, else CSV.
func (t *table) parse(name string, data []byte) error {
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		return t.parseYAML(name, data)
	}
	return t.parseCSV(name, data)
}

// parseCSV reads lines of an autonomous system or network, a comma, and a
// class; what follows a further comma, empty lines, and what follows # are
// passed over, and so is a first line that names the columns.
func (t *table) parseCSV(name string, data []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(data))
	var errs []error
	for n := 1; lines.Scan() && len(errs) < 10; n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if n == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		columns := strings.Split(text, ",")
		for i := range columns {
			columns[i] = strings.Trim(strings.TrimSpace(columns[i]), `"`)
		}
		if len(columns) < 2 {
			errs = append(errs, fmt.Errorf("%s:%d: there is no comma between network and class", name, n))
			continue
		}
		if err := t.put(columns[0], columns[1]); err != nil && (n > 1 || !strings.EqualFold(columns[1], "class")) {
			errs = append(errs, fmt.Errorf("%s:%d: %w", name, n, err))
		}
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", name, err))
	}
	return errors.Join(errs...)
}

// parseYAML reads a mapping of classes to lists.
func (t *table) parseYAML(name string, data []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: the YAML reader gave up: %v", name, r)
		}
	}()
	var n yaml.Node
	if err := yaml.Unmarshal(data, &n); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if n.Kind != yaml.DocumentNode || len(n.Content) == 0 {
		return nil
	}
	top := n.Content[0]
	if top.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: a table maps classes to lists of networks", name, top.Line)
	}
	var errs []error
	for i := 0; i+1 < len(top.Content); i += 2 {
		class, list := top.Content[i], top.Content[i+1]
		if list.Kind != yaml.SequenceNode {
			errs = append(errs, fmt.Errorf("%s:%d: %s is a list of networks", name, list.Line, class.Value))
			continue
		}
		for _, e := range list.Content {
			if err := t.put(e.Value, class.Value); err != nil && len(errs) < 10 {
				errs = append(errs, fmt.Errorf("%s:%d: %w", name, e.Line, err))
			}
		}
	}
	return errors.Join(errs...)
}
