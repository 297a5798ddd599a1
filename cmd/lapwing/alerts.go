package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"lapwing/cmd/internal/report"
	"lapwing/event"
	"lapwing/parse/pseudonym"
)

// kept asks what a data directory holds: through its daemon, or when none
// runs from the store itself.
type kept struct {
	*client
	store keptStore
}

type keptFlags struct {
	data  string
	names bool
}

func (f *keptFlags) register(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&f.data, "data", "", "data directory of the daemon (default: as configured)")
	cmd.PersistentFlags().BoolVar(&f.names, "names", false, "show names instead of pseudonyms; needs the deployment key")
}

func (f *keptFlags) open(ctx context.Context, c *common) (*kept, *pseudonym.Keyring, error) {
	cfg, err := c.load()
	if err != nil {
		return nil, nil, err
	}
	if f.data != "" {
		cfg.Data = f.data
	}
	var keys *pseudonym.Keyring
	if f.names {
		path := cfg.Identity.KeyFile
		if path == "" {
			path = filepath.Join(cfg.Data, "key")
		}
		if keys, err = pseudonym.Load(path); err != nil {
			return nil, nil, err
		}
	}
	cl, err := dial(cfg.Data)
	if err == nil {
		return &kept{client: cl}, keys, nil
	}
	s, err := openKeptForReading(ctx, &cfg)
	if err != nil {
		return nil, nil, err
	}
	return &kept{store: s}, keys, nil
}

// openKeptForReading opens the store for a command that no daemon answers.
func openKeptForReading(ctx context.Context, cfg *Config) (keptStore, error) {
	if path := cfg.path("lapwing.duckdb"); cfg.Store.engine() == engineDuckDB {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%s holds no store: start lapwing run, or name its directory with --data", cfg.Data)
		}
	}
	s, _, err := openKept(ctx, cfg, "command line", nil) // a name that no daemon has
	return s, err
}

func (k *kept) close() error {
	if k.store != nil {
		return k.store.Close()
	}
	return nil
}

func (k *kept) alerts(ctx context.Context, q url.Values) (out []event.Alert, err error) {
	if k.store == nil {
		err = k.call(ctx, "GET", "/v1/alerts?"+q.Encode(), nil, &out)
		return out, err
	}
	query, err := alertQuery(q)
	if err != nil {
		return nil, err
	}
	return k.store.Alerts(ctx, query)
}

func (k *kept) endpoints(ctx context.Context) (out []event.Endpoint, err error) {
	if k.store == nil {
		err = k.call(ctx, "GET", "/v1/inventory", nil, &out)
		return out, err
	}
	return k.store.Endpoints(ctx)
}

// command sends an act to the daemon; there is nobody else to carry it out.
func (k *kept) command(ctx context.Context, method, path string, in, out any) error {
	if k.client == nil {
		return fmt.Errorf("%w: acknowledging, resolving, judging and silencing need it; with several roles, name the data directory of the active alerter with --data, on its machine", errNoDaemon)
	}
	return k.call(ctx, method, path, in, out)
}

func newAlerts(c *common) *cobra.Command {
	f := &keptFlags{}
	var detector, severity, status string
	var since time.Duration
	var limit int
	list := func(cmd *cobra.Command, _ []string) error {
		format, err := c.format("table", "json", "csv")
		if err != nil {
			return err
		}
		k, keys, err := f.open(cmd.Context(), c)
		if err != nil {
			return err
		}
		defer k.close()
		q := url.Values{}
		for name, v := range map[string]string{"detector": detector, "severity": severity, "status": status} {
			if v != "" {
				q.Set(name, v)
			}
		}
		if since > 0 {
			q.Set("since", time.Now().Add(-since).UTC().Format(time.RFC3339))
		}
		q.Set("limit", fmt.Sprint(limit))
		alerts, err := k.alerts(cmd.Context(), q)
		if err != nil {
			return err
		}
		return printAlerts(alerts, format, keys)
	}
	cmd := &cobra.Command{Use: "alerts", Short: "List alerts, show one, acknowledge, resolve, judge, silence", Args: args(cobra.NoArgs), RunE: list}
	f.register(cmd)
	cmd.Flags().StringVar(&detector, "detector", "", "only of this detector")
	cmd.Flags().StringVar(&severity, "severity", "", "at least this severity")
	cmd.Flags().StringVar(&status, "status", "", "open, updated or resolved")
	cmd.Flags().DurationVar(&since, "since", 0, "last seen within this time, such as 24h")
	cmd.Flags().IntVar(&limit, "limit", 1000, "the newest so many; 0: all")
	cmd.AddCommand(newAlertShow(c, f), newAlertAct(c, f, "acknowledge", "Say that somebody takes care of an alert"),
		newAlertAct(c, f, "resolve", "Close an alert"), newVerdict(c, f), newVerdicts(c, f),
		newSilence(c, f), newExpect(c, f), newSuppressions(c, f, "silences"), newSuppressions(c, f, "suppressions"))
	return cmd
}

func printAlerts(alerts []event.Alert, format string, keys *pseudonym.Keyring) error {
	var err error
	if keys != nil {
		if alerts, err = revealed(alerts, keys); err != nil {
			return err
		}
	}
	out := bufio.NewWriter(os.Stdout)
	switch format {
	case "json":
		err = alertsJSON(out, alerts, pseudonym.Offline()) // nothing is left to reveal
	default:
		rows := make([][]string, len(alerts))
		for i := range alerts {
			rows[i] = report.AlertRow(&alerts[i])
		}
		if format == "csv" {
			err = report.CSV(out, report.AlertColumns, rows)
		} else if len(rows) == 0 {
			_, err = fmt.Fprintln(out, "no alerts")
		} else {
			err = report.Table(out, report.AlertColumns, rows)
		}
	}
	return errors.Join(err, out.Flush())
}

func newAlertShow(c *common, f *keptFlags) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show the evidence behind an alert", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			format, err := c.format("table", "json")
			if err != nil {
				return err
			}
			k, keys, err := f.open(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer k.close()
			found, err := k.alerts(cmd.Context(), url.Values{"id": {list[0]}})
			if err != nil {
				return err
			}
			if _, err := only(found, list[0]); err != nil {
				return err
			}
			if keys != nil {
				if found, err = revealed(found, keys); err != nil {
					return err
				}
			}
			if format == "json" {
				return alertsJSON(os.Stdout, found, pseudonym.Offline())
			}
			return report.AlertDetail(os.Stdout, &found[0], report.Palette{On: colours(os.Stdout)})
		},
	}
}

func newAlertAct(c *common, f *keptFlags, act, short string) *cobra.Command {
	return &cobra.Command{
		Use: act + " ID…", Short: short, Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, ids []string) error {
			k, _, err := f.open(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer k.close()
			for _, id := range ids {
				var done struct {
					ID string `json:"id"`
				}
				if err := k.command(cmd.Context(), "POST", "/v1/alerts/"+url.PathEscape(id)+"/"+act, map[string]string{"by": whoami()}, &done); err != nil {
					return err
				}
				fmt.Println(act, done.ID)
			}
			return nil
		},
	}
}

func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
