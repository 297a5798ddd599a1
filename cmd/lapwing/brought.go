package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"lapwing/detect/network"
	"lapwing/rules"
)

// NetworksConfig names files that say where addresses belong.
type NetworksConfig struct {
	ASN     []string `yaml:"asn" doc:"MaxMind-format databases (.mmdb) of autonomous systems"`
	Country []string `yaml:"country" doc:"MaxMind-format databases (.mmdb) of countries"`
	Classes []string `yaml:"classes" doc:"what kind of network it is: tables (.csv: AS number or prefix, class; .yaml: class to list) or databases (.mmdb); the classes are residential, mobile, hosting, business, education, anonymizer"`
}

// lookBroughtEvery is how often files that the user brings are looked at. SIGHUP
// has them looked at now.
const lookBroughtEvery = 10 * time.Second

// brought is what the user brings to detection: rules and network facts. Both
// may change while detection runs.
type brought struct {
	rules    *rules.Live
	reloader *rules.Reloader // nil without rules
	networks *network.Lookup // nil without files
	files    int
}

// bring reads what detect.rules and detect.networks name, once.
func (c *Config) bring() error {
	if c.brought != nil {
		return nil
	}
	n := network.Config{ASN: c.Detect.Networks.ASN, Country: c.Detect.Networks.Country, Classes: c.Detect.Networks.Classes}
	networks, err := network.Open(n)
	b := &brought{rules: rules.NewLive(nil), networks: networks, files: len(n.Files())}
	if len(c.Detect.Rules) > 0 {
		set, ruleErr := rules.Load(c.Detect.Rules...)
		err = errors.Join(err, ruleErr)
		if ruleErr == nil {
			b.rules = rules.NewLive(set)
		}
		b.reloader = &rules.Reloader{Live: b.rules, Paths: c.Detect.Rules, Now: time.Now}
		b.reloader.Begin()
	}
	if err != nil {
		return err
	}
	c.brought = b
	return nil
}

// watch puts changed files in force until ctx ends. It returns nil. Where
// there are none it still takes SIGHUP, which would end the process.
func (b *brought) watch(ctx context.Context, log *slog.Logger) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(lookBroughtEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-hup:
		case <-ctx.Done():
			return nil
		}
		b.look(log)
	}
}

// look reads changed files.
func (b *brought) look(log *slog.Logger) {
	if b.reloader != nil {
		switch changed, err := b.reloader.Check(); {
		case err != nil:
			log.Error("changed rules are not in force: a file of them is wrong", "error", err)
		case changed:
			log.Info("changed rules are in force", "rules", len(b.rules.Set().Rules()))
		}
	}
	switch changed, err := b.networks.Check(); {
	case err != nil:
		log.Error("changed network facts are not in force: a file of them cannot be read", "error", err)
	case changed:
		log.Info("changed network facts are in force", "files", b.files)
	}
}

// lines are for the banner.
func (b *brought) lines(cfg *Config) (list [][2]string) {
	for _, path := range cfg.Detect.Rules {
		list = append(list, [2]string{"rules", path})
	}
	for _, path := range slices.Concat(cfg.Detect.Networks.ASN, cfg.Detect.Networks.Country, cfg.Detect.Networks.Classes) {
		list = append(list, [2]string{"networks", path})
	}
	return list
}

var (
	rulesInForce   = desc("rules", "User rules in force.")
	rulesMatches   = desc("rules_matches_total", "Calls that matched a rule, once for each rule, by whether the rule was fulfilled with them.", "outcome")
	rulesEvicted   = desc("rules_evicted_groups_total", "Groups that rules forgot for want of room.")
	rulesExhausted = desc("rules_exhausted_calls_total", "Calls for which some rules were not asked, because the lists in them were too long.")
	rulesReloads   = desc("rules_reloads_total", "Changes of rule files, by whether they were taken.", "outcome")
	networkReloads = desc("networks_reloads_total", "Changes of network files, by whether they were taken.", "outcome")
	networkDamaged = desc("networks_unreadable_records_total", "Records of network databases that could not be read.")
)

// collect measures what the user brought.
func (b *brought) collect(counter, gauge emit) {
	s := b.rules.Stats()
	gauge(rulesInForce, float64(s.Rules))
	counter(rulesMatches, float64(s.Fired), "fulfilled")
	counter(rulesMatches, float64(s.Matches-s.Fired), "counted")
	counter(rulesEvicted, float64(s.Evicted))
	counter(rulesExhausted, float64(s.Exhausted))
	counter(rulesReloads, float64(s.Reloads), "taken")
	counter(rulesReloads, float64(s.Refused), "refused")
	n := b.networks.Stats()
	counter(networkReloads, float64(n.Reloads), "taken")
	counter(networkReloads, float64(n.Refused), "refused")
	counter(networkDamaged, float64(n.Unreadable))
}
