package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"lapwing/event"
	"lapwing/parse/pseudonym"
	"lapwing/store"
)

// storedCalls are the flags that choose among the calls that are kept.
type storedCalls struct {
	flags     *pflag.FlagSet
	query     store.CallQuery
	since     time.Duration
	until     string
	showNames bool
}

func (s *storedCalls) register(cmd *cobra.Command) {
	s.flags = pflag.NewFlagSet("stored", pflag.ContinueOnError)
	s.flags.DurationVar(&s.since, "since", 24*time.Hour, "kept calls: ended within this time")
	s.flags.StringVar(&s.until, "until", "", "kept calls: ended before this moment, as 2026-03-01T12:00:00Z; --since counts from it")
	s.flags.StringVar(&s.query.Client, "client", "", "kept calls: of this client address")
	s.flags.StringVar(&s.query.Actor, "actor", "", "kept calls: of this actor, user or token")
	s.flags.StringVar(&s.query.Host, "host", "", "kept calls: to this host")
	s.flags.StringVar(&s.query.PathPrefix, "path", "", "kept calls: to paths that begin so")
	s.flags.IntVar(&s.query.Limit, "limit", 1000, "kept calls: the first so many; 0: all")
	s.flags.BoolVar(&s.showNames, "names", false, "kept calls: show names instead of pseudonyms; needs the deployment key")
	cmd.Flags().AddFlagSet(s.flags)
}

// asked reports whether any of the flags was given.
func (s *storedCalls) asked(cmd *cobra.Command) bool {
	given := false
	cmd.Flags().Visit(func(f *pflag.Flag) { given = given || s.flags.Lookup(f.Name) != nil })
	return given
}

// print prints what the store holds, by the end of the call.
func (s *storedCalls) print(ctx context.Context, cfg *Config, format string) error {
	q := s.query
	if s.since <= 0 || q.Limit < 0 {
		return usageError("--since must be positive and --limit must not be negative")
	}
	now := time.Now()
	if s.until != "" {
		t, err := time.Parse(time.RFC3339, s.until)
		if err != nil {
			return usageError("--until %q is no moment such as 2026-03-01T12:00:00Z", s.until)
		}
		q.Until, now = t, t
	}
	q.Since = now.Add(-s.since)
	keys := pseudonym.Offline()
	if s.showNames {
		path := cfg.Identity.KeyFile
		if path == "" {
			path = filepath.Join(cfg.Data, "key")
		}
		var err error
		if keys, err = pseudonym.Load(path); err != nil {
			return err
		}
	}
	kept, err := openKeptForReading(ctx, cfg)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(os.Stdout, 256<<10)
	write, finish := callPrinter(out, format, keys)
	err = kept.Calls(ctx, q, func(c *event.Call) error {
		write(c)
		return nil
	})
	return errors.Join(err, finish(), out.Flush(), kept.Close())
}
