package standard

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"lapwing/detect"
	"lapwing/event"
)

// An API is a group of hosts that belong together: one company's, one
// product's. Detection judges each API by itself, so that several processes
// may share the work and come to the same alerts as one.
type API struct {
	Name  string
	Hosts []string // shop.example, or *.shop.example for every name below it
}

// Other is the name of the cell of all hosts that no API lists.
const Other = "other"

const (
	// maxAPIs bounds the cells: each holds the memory of a whole detection.
	maxAPIs = 256
	// maxRouted bounds the hosts whose cell is remembered; foreign bytes name them.
	maxRouted = 4096
)

// CheckAPIs says what is wrong with a list of APIs.
func CheckAPIs(apis []API) error {
	_, _, err := newRoutes(apis)
	return err
}

// routes finds the cell of a host.
type routes struct {
	exact   map[string]int
	below   map[string]int // by the domain behind "*."
	other   int
	routed  map[string]int
	lastFor string
	last    int
}

// newRoutes orders the APIs by name, the rest last, and checks that no host
// belongs to two.
func newRoutes(apis []API) (names []string, r *routes, err error) {
	r = &routes{exact: map[string]int{}, below: map[string]int{}, routed: map[string]int{}}
	if len(apis) > maxAPIs {
		return nil, nil, fmt.Errorf("%d APIs are listed; at most %d are kept apart", len(apis), maxAPIs)
	}
	apis = slices.SortedFunc(slices.Values(apis), func(a, b API) int { return strings.Compare(a.Name, b.Name) })
	var errs []error
	for i, a := range apis {
		switch {
		case !nameable(a.Name):
			errs = append(errs, fmt.Errorf("the name of an API is made of up to 64 letters, digits, dots, dashes and underscores (got %q)", a.Name))
		case a.Name == Other:
			errs = append(errs, fmt.Errorf("no API can have the name %q, which stands for all hosts that are not listed", Other))
		case i > 0 && apis[i-1].Name == a.Name:
			errs = append(errs, fmt.Errorf("the API %s is listed twice", a.Name))
		case len(a.Hosts) == 0:
			errs = append(errs, fmt.Errorf("the API %s has no hosts", a.Name))
		}
		names = append(names, a.Name)
		for _, host := range a.Hosts {
			host = strings.ToLower(host)
			into, key := r.exact, host
			if rest, ok := strings.CutPrefix(host, "*."); ok {
				into, key = r.below, rest
			}
			if was, ok := into[key]; ok {
				errs = append(errs, fmt.Errorf("the host %s is listed for %s and for %s", host, apis[was].Name, a.Name))
			}
			if key == "" || strings.Contains(key, "*") {
				errs = append(errs, fmt.Errorf("%q is neither a host nor *. and a domain", host))
			}
			into[key] = i
		}
	}
	r.other = len(names)
	r.last = r.other // of no host, with which lastFor begins
	return append(names, Other), r, errors.Join(errs...)
}

// nameable reports that a name may be part of the names of topics' keys and of
// consumer groups.
func nameable(name string) bool {
	for _, c := range []byte(name) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// again returns the same routes for another goroutine.
func (r *routes) again() *routes {
	return &routes{exact: r.exact, below: r.below, other: r.other, routed: map[string]int{}, last: r.other}
}

// of returns the index of the cell of a host: the API that lists it, else the
// one that lists the nearest domain above it.
func (r *routes) of(host string) int {
	if len(r.exact)+len(r.below) == 0 {
		return r.other
	}
	if host == r.lastFor {
		return r.last
	}
	i, ok := r.routed[host]
	if !ok {
		i = r.look(host)
		if len(r.routed) < maxRouted {
			r.routed[strings.Clone(host)] = i
		}
	}
	r.lastFor, r.last = host, i
	return i
}

func (r *routes) look(host string) int {
	// A port that is not the default one is part of a call's host, and of no API's.
	name := host
	if at := strings.LastIndexByte(host, ':'); at >= 0 && !strings.HasSuffix(host, "]") {
		name = host[:at]
	}
	if i, ok := r.exact[name]; ok {
		return i
	}
	if i, ok := r.exact[host]; ok {
		return i
	}
	for rest := name; ; {
		_, up, ok := strings.Cut(rest, ".")
		if !ok {
			return r.other
		}
		if i, ok := r.below[up]; ok {
			return i
		}
		rest = up
	}
}

// A Detection is one engine with all its stages for each API. It is used by
// one goroutine.
type Detection struct {
	names   []string `snapshot:"same"`
	version int      `snapshot:"same"` // of the state
	routes  *routes  `snapshot:"-"`
	cells   []*Cell  // nil where another process has the cell
	// Foreign counts the calls of cells that are not here.
	Foreign int64
}

// Cells returns the names of all cells, wherever they are: the APIs in order,
// Other last.
func (d *Detection) Cells() []string { return d.names }

// Cell returns a cell by name; nil if it is not here.
func (d *Detection) Cell(name string) *Cell {
	for i, n := range d.names {
		if n == name {
			return d.cells[i]
		}
	}
	return nil
}

// Observe takes one call. It is judged once the watermark has passed its end.
func (d *Detection) Observe(c *event.Call) {
	cell := d.cells[d.routes.of(c.Host)]
	if cell == nil {
		d.Foreign++
		return
	}
	cell.Observe(c)
}

// Of returns the name of the cell that judges the calls of a host.
func (d *Detection) Of(host string) string { return d.names[d.routes.of(host)] }

// Keeps returns a function, for one goroutine, that reports whether the calls
// of a host are judged here; nil if those of every host are.
func (d *Detection) Keeps() func(host string) bool {
	here := make([]bool, len(d.cells))
	all := true
	for i, c := range d.cells {
		here[i] = c != nil
		all = all && here[i]
	}
	if all {
		return nil
	}
	r := d.routes.again()
	return func(host string) bool { return here[r.of(host)] }
}

// Advance says that every call that ended before watermarkNS has been
// observed, and judges them. How often it is called, and with what steps, does
// not change the outcome, nor the order in which alerts are told.
func (d *Detection) Advance(watermarkNS int64) {
	if one := d.single(); one != nil {
		one.Advance(watermarkNS)
		return
	}
	for {
		var first *Cell
		at := int64(0)
		for _, c := range d.cells {
			if c == nil {
				continue
			}
			if next, ok := c.NextNS(); ok && next <= watermarkNS && (first == nil || next < at) {
				first, at = c, next
			}
		}
		if first == nil {
			return
		}
		first.Advance(at)
	}
}

func (d *Detection) single() *Cell {
	if len(d.cells) == 1 {
		return d.cells[0]
	}
	return nil
}

// Close judges all that is left, and closes every window.
func (d *Detection) Close() {
	for _, c := range d.cells {
		if c != nil {
			c.Close()
		}
	}
}

// Stats returns the sums of the cells' counters.
func (d *Detection) Stats() (sum detect.Stats) {
	for _, c := range d.cells {
		if c != nil {
			sum.Add(c.Stats())
		}
	}
	return sum
}

// Endpoints returns the inventory by (host, route, method).
func (d *Detection) Endpoints() []event.Endpoint {
	var all []event.Endpoint
	for _, c := range d.cells {
		if c != nil {
			all = append(all, c.Endpoints()...)
		}
	}
	if d.single() == nil {
		slices.SortFunc(all, func(a, b event.Endpoint) int {
			if c := strings.Compare(a.Host, b.Host); c != 0 {
				return c
			}
			if c := strings.Compare(a.Route, b.Route); c != 0 {
				return c
			}
			return strings.Compare(a.Method, b.Method)
		})
	}
	return all
}
