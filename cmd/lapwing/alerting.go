package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"lapwing/alerting"
	"lapwing/alerting/file"
	"lapwing/alerting/pagerduty"
	"lapwing/alerting/slack"
	"lapwing/alerting/stdout"
	"lapwing/alerting/webhook"
	"lapwing/cmd/internal/config"
	"lapwing/event"
	"lapwing/parse/pseudonym"
)

// AlertingConfig says who is told.
type AlertingConfig struct {
	Destinations []DestinationConfig `yaml:"destinations" doc:"who is told; the default is the terminal alone"`
	MaxAge       config.Duration     `yaml:"max_age" doc:"how long a notification is tried before it is given up and counted"`
}

// DestinationConfig is one destination.
type DestinationConfig struct {
	Name        string        `yaml:"name" doc:"unique and lasting name; default: the type"`
	Type        string        `yaml:"type" doc:"stdout, file, webhook, slack or pagerduty"`
	MinSeverity string        `yaml:"min_severity" doc:"info, low, medium, high or critical; default medium"`
	Reveal      bool          `yaml:"reveal" doc:"send names instead of pseudonyms"`
	PerMinute   int           `yaml:"per_minute" doc:"messages a minute before the surplus is folded into one; default 20"`
	URL         config.Secret `yaml:"url" doc:"webhook and slack: where to post; pagerduty: another endpoint"`
	URLFile     string        `yaml:"url_file" doc:"file that holds the URL"`
	Secret      config.Secret `yaml:"secret" doc:"webhook: signing secret (Standard Webhooks); pagerduty: routing key"`
	SecretFile  string        `yaml:"secret_file" doc:"file that holds the secret"`
	Path        string        `yaml:"path" doc:"file: where to append"`
	Link        string        `yaml:"link" doc:"slack: base URL that incidents are linked under"`
}

func defaultAlerting() AlertingConfig {
	return AlertingConfig{
		Destinations: []DestinationConfig{{Name: "terminal", Type: "stdout", Reveal: true}},
		MaxAge:       config.Duration(24 * time.Hour),
	}
}

func (a *AlertingConfig) validate() error {
	var errs []error
	names := map[string]bool{}
	for i := range a.Destinations {
		d := &a.Destinations[i]
		where := fmt.Sprintf("alerting.destinations[%d]", i)
		if name := cmp.Or(d.Name, d.Type); names[name] {
			errs = append(errs, fmt.Errorf("%s: the name %q is taken", where, name))
		} else {
			names[name] = true
		}
		if d.MinSeverity != "" {
			if _, ok := event.ParseSeverity(d.MinSeverity); !ok {
				errs = append(errs, fmt.Errorf("%s.min_severity: %q is not one of info, low, medium, high, critical", where, d.MinSeverity))
			}
		}
		if d.PerMinute < 0 {
			errs = append(errs, fmt.Errorf("%s.per_minute must not be negative", where))
		}
	}
	if a.MaxAge <= 0 {
		errs = append(errs, errors.New("alerting.max_age must be positive"))
	}
	return errors.Join(errs...)
}

// destinations makes the configured destinations.
func (a *AlertingConfig) destinations(terminal io.Writer, colour func() bool) ([]alerting.Route, error) {
	var routes []alerting.Route
	for i := range a.Destinations {
		c := &a.Destinations[i]
		name := cmp.Or(c.Name, c.Type)
		var d alerting.Destination
		var err error
		switch c.Type {
		case "stdout":
			d = stdout.New(stdout.Config{Name: name, W: terminal, Color: colour != nil && colour()})
		case "file":
			d, err = file.New(file.Config{Name: name, Path: c.Path})
		case "webhook":
			d, err = webhook.New(webhook.Config{Name: name, URL: c.URL.Reveal(), Secret: c.Secret.Reveal()})
		case "slack":
			d, err = slack.New(slack.Config{Name: name, URL: c.URL.Reveal(), Link: c.Link})
		case "pagerduty":
			d, err = pagerduty.New(pagerduty.Config{Name: name, RoutingKey: c.Secret.Reveal(), URL: c.URL.Reveal()})
		default:
			err = fmt.Errorf("type %q is not one of stdout, file, webhook, slack, pagerduty", c.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("alerting.destinations[%d]: %w", i, err)
		}
		severity := event.Medium
		if c.MinSeverity != "" {
			severity, _ = event.ParseSeverity(c.MinSeverity) // validated
		}
		routes = append(routes, alerting.Route{Destination: d, MinSeverity: severity, Reveal: c.Reveal, PerMinute: c.PerMinute})
	}
	return routes, nil
}

// openAlerting opens the alert log and what it tells. copyOf may be nil.
func openAlerting(cfg *Config, keys *pseudonym.Keyring, log *slog.Logger, copyOf alerting.Replica) (*alerting.Pipeline, error) {
	routes, err := cfg.Alerting.destinations(os.Stdout, func() bool { return colours(os.Stdout) })
	if err != nil {
		return nil, err
	}
	return alerting.Open(alerting.Config{
		Dir: cfg.Data, Routes: routes, Logger: log, MaxAge: time.Duration(cfg.Alerting.MaxAge), Replica: copyOf,
		Reveal: func(name string) string { return keys.Reveal(name, pseudonym.Plain) },
	})
}

// drainAlerts waits, bounded by ctx, until nothing is waiting to be sent.
// What still waits then is in the log and goes out after the next start.
func (d *daemon) drainAlerts(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		pending := 0
		for _, s := range d.alerts.Stats().Destinations {
			if !s.BreakerOpen {
				pending += s.Pending
			}
		}
		if pending == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// destinations measures each destination's queue.
func destinations(stats alerting.Stats, counter, gauge emit) {
	for _, s := range stats.Destinations {
		gauge(alertQueue, float64(s.Pending), s.Name)
		counter(alertSent, float64(s.Delivered), s.Name, "delivered")
		counter(alertSent, float64(s.Folded), s.Name, "folded")
		counter(alertSent, float64(s.Failed), s.Name, "failed_attempt")
		counter(alertSent, float64(s.Dead), s.Name, "dead")
	}
}
