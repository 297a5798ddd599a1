// Package standard puts the stages of detection into their order: first the
// models that complete an observation (which route, which part of a login),
// then the detectors.
package standard

import (
	"fmt"

	"lapwing/detect"
	"lapwing/detect/credentials"
	"lapwing/detect/inventory"
	"lapwing/detect/login"
	"lapwing/detect/objects"
	"lapwing/detect/probing"
	"lapwing/detect/scraping"
	"lapwing/detect/spec"
	"lapwing/event"
)

// Config is what detection needs to know.
type Config struct {
	Sensor     string   // name put into alerts
	Seed       uint64   // of the hashes behind table keys; from the deployment key
	Specs      []string // OpenAPI documents
	Historical bool     // marks alerts as raised over old data
}

// A Detection is an engine with all its stages. It is used by one goroutine.
type Detection struct {
	*detect.Engine
	inventory *inventory.Stage
}

// New loads the specifications and makes the stages. Each alert, and each
// later revision of it, goes to emit.
func New(cfg Config, emit func(event.Alert)) (*Detection, error) {
	var specs *spec.Set
	if len(cfg.Specs) > 0 {
		var list []*spec.Spec
		for _, path := range cfg.Specs {
			s, err := spec.Load(path)
			if err != nil {
				return nil, fmt.Errorf("specification: %w", err)
			}
			list = append(list, s)
		}
		specs = spec.NewSet(list...)
	}
	inv := inventory.New(inventory.Config{Specs: specs, Seed: cfg.Seed})
	engine := detect.New(detect.Config{Sensor: cfg.Sensor, Seed: cfg.Seed, Historical: cfg.Historical}, emit,
		inv,
		login.New(login.Config{Seed: cfg.Seed}),
		credentials.New(credentials.Config{Seed: cfg.Seed}),
		objects.New(cfg.Seed),
		probing.New(cfg.Seed),
		scraping.New(cfg.Seed),
	)
	return &Detection{Engine: engine, inventory: inv}, nil
}

// Endpoints returns the inventory by (host, route, method).
func (d *Detection) Endpoints() []event.Endpoint { return d.inventory.Endpoints() }
