// Package standard puts the stages of detection into their order: first the
// models that complete an observation (which route, which part of a login),
// then the detectors. Each API that the configuration names has an engine of
// its own, a cell: what a cell says follows from its own calls alone, wherever
// it runs.
package standard

import (
	"fmt"

	"lapwing/detect"
	"lapwing/detect/credentials"
	"lapwing/detect/distributed"
	"lapwing/detect/evasion"
	"lapwing/detect/identity"
	"lapwing/detect/inventory"
	"lapwing/detect/login"
	"lapwing/detect/network"
	"lapwing/detect/objects"
	"lapwing/detect/overlap"
	"lapwing/detect/pollution"
	"lapwing/detect/probing"
	"lapwing/detect/scraping"
	"lapwing/detect/spec"
	"lapwing/detect/takeover"
	"lapwing/detect/tokens"
	"lapwing/detect/usercheck"
	"lapwing/event"
	"lapwing/rules"
)

// Config is what detection needs to know.
type Config struct {
	Sensor     string   // name put into alerts
	Seed       uint64   // of the hashes behind table keys; from the deployment key
	Specs      []string // OpenAPI documents
	Historical bool     // marks alerts as raised over old data
	APIs       []API    // judged apart from each other; empty: all hosts together
	// Here says which cells this process has, by name; nil: all of them.
	Here func(cell string) bool
	// Rules are the user's; nil: there are none. The rules in force may change at any time.
	Rules *rules.Live
	// Networks says where addresses belong; nil: nothing is known of any. Like the
	// rules it is no part of what a snapshot must fit: both come and go while a
	// detection runs.
	Networks *network.Lookup
}

// A Cell is an engine with all its stages, for the calls of one API.
type Cell struct {
	*detect.Engine
	inventory *inventory.Stage
}

// Endpoints returns the inventory by (host, route, method).
func (c *Cell) Endpoints() []event.Endpoint { return c.inventory.Endpoints() }

// New loads the specifications and makes the cells. Each alert, and each later
// revision of it, goes to emit.
func New(cfg Config, emit func(event.Alert)) (*Detection, error) {
	specs, err := load(cfg.Specs)
	if err != nil {
		return nil, err
	}
	names, routes, err := newRoutes(cfg.APIs)
	if err != nil {
		return nil, err
	}
	d := &Detection{names: names, version: detect.StateVersion, routes: routes}
	for _, name := range names {
		var c *Cell
		if cfg.Here == nil || cfg.Here(name) {
			c = newCell(&cfg, name, specs, emit)
		}
		d.cells = append(d.cells, c)
	}
	return d, nil
}

func newCell(cfg *Config, name string, specs *spec.Set, emit func(event.Alert)) *Cell {
	api := name
	if name == Other {
		api = ""
	}
	inv := inventory.New(inventory.Config{Specs: specs, Seed: cfg.Seed})
	engine := detect.New(detect.Config{Sensor: cfg.Sensor, API: api, Seed: cfg.Seed, Historical: cfg.Historical, Network: cfg.Networks.ForEngine()}, emit, stages(cfg, inv)...)
	return &Cell{Engine: engine, inventory: inv}
}

// live is where the stage finds the rules.
func (cfg *Config) live() *rules.Live {
	if cfg.Rules == nil {
		return rules.NewLive(nil)
	}
	return cfg.Rules
}

// stages lists what a call passes through: the models first, then the detectors.
func stages(cfg *Config, inv *inventory.Stage) []detect.Stage {
	return []detect.Stage{
		inv,
		login.New(login.Config{Seed: cfg.Seed}),
		identity.New(identity.Config{Seed: cfg.Seed}),
		credentials.New(credentials.Config{Seed: cfg.Seed}),
		distributed.New(distributed.Config{Seed: cfg.Seed}),
		objects.New(cfg.Seed),
		probing.New(cfg.Seed),
		scraping.New(cfg.Seed),
		overlap.New(cfg.Seed),
		pollution.New(cfg.Seed),
		usercheck.New(usercheck.Config{Seed: cfg.Seed}),
		takeover.New(takeover.Config{Seed: cfg.Seed}),
		tokens.New(tokens.Config{Seed: cfg.Seed}),
		evasion.New(evasion.Config{Seed: cfg.Seed}),
		rules.New(cfg.live(), cfg.Seed),
	}
}

func load(paths []string) (*spec.Set, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	var list []*spec.Spec
	for _, path := range paths {
		s, err := spec.Load(path)
		if err != nil {
			return nil, fmt.Errorf("specification: %w", err)
		}
		list = append(list, s)
	}
	return spec.NewSet(list...), nil
}
