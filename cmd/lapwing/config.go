package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"lapwing/cmd/internal/config"
	"lapwing/cmd/internal/publish"
	"lapwing/cmd/internal/sensor"
	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/parse/pseudonym"
)

// Config is the whole configuration of lapwing. Its tags are the reference:
// docs/configuration.md and the JSON Schema are generated from them.
type Config struct {
	Data     string          `yaml:"data" doc:"directory for everything that is kept; made if missing"`
	Sensor   SensorConfig    `yaml:"sensor" doc:"where calls come from"`
	Stream   StreamConfig    `yaml:"stream" doc:"what calls and alerts travel through, between the roles of --target"`
	Identity sensor.Identity `yaml:"identity" doc:"who is who, and what is secret"`
	Detect   DetectConfig    `yaml:"detect" doc:"what detection knows and may use"`
	Store    StoreConfig     `yaml:"store" doc:"what is kept, and for how long"`
	Alerting AlertingConfig  `yaml:"alerting" doc:"who is told"`
	Metrics  MetricsConfig   `yaml:"metrics" doc:"metrics and health over HTTP"`

	brought *brought // rules and network facts, once bring has read them
}

// DetectConfig bounds detection.
type DetectConfig struct {
	Specs    []string        `yaml:"specs" doc:"OpenAPI documents (3.0, 3.1) of the APIs that are watched"`
	APIs     []APIConfig     `yaml:"apis" doc:"groups of hosts that are judged apart, and may be judged in different processes; hosts that none lists are judged together"`
	Sensors  []string        `yaml:"sensors" doc:"names of sensors whose first word detection waits for when calls come through Kafka; without them it waits for those that have spoken"`
	Rules    []string        `yaml:"rules" doc:"files and directories of user rules (docs/rules.md); read again when they change"`
	Networks NetworksConfig  `yaml:"networks" doc:"what addresses are, from files that you bring; read again when they change"`
	Replay   config.Duration `yaml:"replay" doc:"where no snapshot fits at start, learn again from stored calls of this long; with Kafka, from so much of its log"`
}

// APIConfig names the hosts of one API.
type APIConfig struct {
	Name  string   `yaml:"name" doc:"name of the group, part of the identity of its alerts"`
	Hosts []string `yaml:"hosts" doc:"hosts, or *. and a domain for every name below it"`
}

// SensorConfig says where calls come from: own sources, and other sensors.
type SensorConfig struct {
	sensor.Config `yaml:",inline"`
	Records       RecordsConfig `yaml:"records" doc:"receive the calls of other sensors over HTTPS"`
}

// watchesNothing reports whether no source is configured.
func (s *SensorConfig) watchesNothing() bool {
	return len(s.Interfaces) == 0 && len(s.Logs) == 0 && s.HTTP.Listen == "" && s.Records.Listen == ""
}

// StreamConfig says what joins the roles.
type StreamConfig struct {
	Kafka    publish.Kafka   `yaml:"kafka" doc:"without brokers everything runs in one process"`
	Spool    publish.Spool   `yaml:"spool" doc:"the log on disk in which a sensor's calls wait for Kafka"`
	TakeOver config.Duration `yaml:"take_over" doc:"how long a process may say nothing before another has its work; brokers refuse less than 6s unless group.min.session.timeout.ms says otherwise"`
}

// MetricsConfig is the listener for machines.
type MetricsConfig struct {
	Listen string `yaml:"listen" doc:"address of /metrics, /livez and /readyz; empty: off"`
}

// DefaultConfig is what runs without a file.
func DefaultConfig() Config {
	return Config{
		Data:     "data",
		Sensor:   SensorConfig{Config: sensor.Defaults()},
		Stream:   StreamConfig{Kafka: publish.KafkaDefaults(), Spool: publish.Defaults().Spool, TakeOver: config.Duration(10 * time.Second)},
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
	if c.Detect.Replay < 0 {
		bad("detect.replay must not be negative")
	}
	if err := standard.CheckAPIs(c.detection(pseudonym.Offline()).APIs); err != nil {
		bad("detect.apis: %w", err)
	}
	if c.Stream.TakeOver < config.Duration(time.Second) || c.Stream.TakeOver > config.Duration(5*time.Minute) {
		bad("stream.take_over must be between 1s and 5m")
	}
	stream := publish.Config{Kafka: c.Stream.Kafka, Spool: c.Stream.Spool}
	errs = append(errs, c.Sensor.Config.Validate(), c.Sensor.Records.validate(), stream.Validate("stream"), c.Store.validate(), c.Identity.Validate(), c.Alerting.validate())
	return errors.Join(errs...)
}

func (c *Config) path(name string) string { return filepath.Join(c.Data, name) }

// detector builds the standard detection under the given key.
func (c *Config) detector(keys *pseudonym.Keyring, emit func(event.Alert)) (*standard.Detection, error) {
	if err := c.bring(); err != nil {
		return nil, err
	}
	return standard.New(c.detection(keys), emit)
}

// cell is the part of detection that judges one API.
func (c *Config) cell(name string, keys *pseudonym.Keyring, emit func(event.Alert)) (*standard.Detection, error) {
	if err := c.bring(); err != nil {
		return nil, err
	}
	cfg := c.detection(keys)
	cfg.Here = func(cell string) bool { return cell == name }
	return standard.New(cfg, emit)
}

func (c *Config) detection(keys *pseudonym.Keyring) standard.Config {
	d := standard.Config{Sensor: c.Sensor.Name, Seed: keys.Hash([]byte("lapwing detection tables")), Specs: c.Detect.Specs}
	for _, a := range c.Detect.APIs {
		d.APIs = append(d.APIs, standard.API{Name: a.Name, Hosts: a.Hosts})
	}
	if c.brought != nil {
		d.Rules, d.Networks = c.brought.rules, c.brought.networks
	}
	return d
}
