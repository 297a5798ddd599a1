package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"lapwing/cmd/internal/config"
	"lapwing/cmd/internal/sensor"
	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/parse/pseudonym"
)

// Config is the whole configuration of lapwing. Its tags are the reference:
// docs/configuration.md and the JSON Schema are generated from them.
type Config struct {
	Data     string          `yaml:"data" doc:"directory for everything that is kept; made if missing"`
	Sensor   sensor.Config   `yaml:"sensor" doc:"where calls come from"`
	Identity sensor.Identity `yaml:"identity" doc:"who is who, and what is secret"`
	Detect   DetectConfig    `yaml:"detect" doc:"what detection knows and may use"`
	Store    StoreConfig     `yaml:"store" doc:"what is kept, and for how long"`
	Alerting AlertingConfig  `yaml:"alerting" doc:"who is told"`
	Metrics  MetricsConfig   `yaml:"metrics" doc:"metrics and health over HTTP"`
}

// DetectConfig bounds detection.
type DetectConfig struct {
	Specs  []string        `yaml:"specs" doc:"OpenAPI documents (3.0, 3.1) of the APIs that are watched"`
	APIs   []APIConfig     `yaml:"apis" doc:"groups of hosts that are judged apart, and may be judged in different processes; hosts that none lists are judged together"`
	Replay config.Duration `yaml:"replay" doc:"at start, learn again from stored calls of this long"`
}

// APIConfig names the hosts of one API.
type APIConfig struct {
	Name  string   `yaml:"name" doc:"name of the group, part of the identity of its alerts"`
	Hosts []string `yaml:"hosts" doc:"hosts, or *. and a domain for every name below it"`
}

// StoreConfig bounds the embedded store.
type StoreConfig struct {
	Memory    config.Bytes    `yaml:"memory" doc:"memory of the embedded database"`
	Retention config.Duration `yaml:"retention" doc:"how long calls and resolved alerts are kept"`
}

// MetricsConfig is the listener for machines.
type MetricsConfig struct {
	Listen string `yaml:"listen" doc:"address of /metrics, /livez and /readyz; empty: off"`
}

// DefaultConfig is what runs without a file.
func DefaultConfig() Config {
	return Config{
		Data:     "data",
		Sensor:   sensor.Defaults(),
		Detect:   DetectConfig{Replay: config.Duration(7 * 24 * time.Hour)},
		Store:    StoreConfig{Memory: 512 << 20, Retention: config.Duration(30 * 24 * time.Hour)},
		Metrics:  MetricsConfig{Listen: "127.0.0.1:8471"},
		Alerting: defaultAlerting(),
	}
}

// Validate implements config.Validator. It says everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Data == "" {
		bad("data must name a directory")
	}
	if c.Store.Retention <= 0 {
		bad("store.retention must be positive")
	}
	if c.Store.Memory < 64<<20 {
		bad("store.memory must be at least 64MiB (got %d bytes)", c.Store.Memory)
	}
	if c.Detect.Replay < 0 {
		bad("detect.replay must not be negative")
	}
	if err := standard.CheckAPIs(c.detection(pseudonym.Offline()).APIs); err != nil {
		bad("detect.apis: %w", err)
	}
	errs = append(errs, c.Sensor.Validate(), c.Identity.Validate(), c.Alerting.validate())
	return errors.Join(errs...)
}

func (c *Config) path(name string) string { return filepath.Join(c.Data, name) }

// detector builds the standard detection under the given key.
func (c *Config) detector(keys *pseudonym.Keyring, emit func(event.Alert)) (*standard.Detection, error) {
	return standard.New(c.detection(keys), emit)
}

func (c *Config) detection(keys *pseudonym.Keyring) standard.Config {
	d := standard.Config{Sensor: c.Sensor.Name, Seed: keys.Hash([]byte("lapwing detection tables")), Specs: c.Detect.Specs}
	for _, a := range c.Detect.APIs {
		d.APIs = append(d.APIs, standard.API{Name: a.Name, Hosts: a.Hosts})
	}
	return d
}
