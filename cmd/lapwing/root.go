package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"lapwing/cmd/internal/config"
)

// flags that every command has.
type common struct {
	configPath string
	output     string
}

func newRoot() *cobra.Command {
	c := &common{}
	root := &cobra.Command{
		Use:   "lapwing",
		Short: "Watch API traffic and tell who abuses the API",
		Long: `Lapwing reads mirrored packets or gateway logs and finds credential stuffing,
brute force, object enumeration, broken object authorization, scraping, probing
and undocumented endpoints. It never blocks anything.

First steps:
  lapwing run                    everything in one process, on embedded defaults
  lapwing run --interface eth0   watch an interface (needs CAP_NET_RAW)
  lapwing analyze access.log     one pass over captures, logs or HAR files`,
		Args: func(_ *cobra.Command, list []string) error {
			if len(list) > 0 {
				return usageError("unknown command %q (see lapwing --help)", list[0])
			}
			return nil
		},
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%w (see %s --help)", err, cmd.CommandPath())
	})
	root.PersistentFlags().StringVar(&c.configPath, "config", "", "configuration file (YAML)")
	root.PersistentFlags().StringVarP(&c.output, "output", "o", "table", "output format: table, json, csv")
	root.AddCommand(newRun(c), newAnalyze(c), newCalls(c), newAlerts(c), newInventory(c), newRules(c), newConfig(c), newSimulate(c), newEval(c), newVersion(c))
	return root
}

// load reads the configuration: defaults, file, environment.
func (c *common) load() (Config, error) {
	cfg := DefaultConfig()
	err := config.Load(c.configPath, "LAPWING_", os.Environ(), &cfg)
	return cfg, err
}

// format checks the output format against those a command knows.
func (c *common) format(known ...string) (string, error) {
	for _, k := range known {
		if c.output == k {
			return k, nil
		}
	}
	return "", usageError("output format %q is not one of %s", c.output, strings.Join(known, ", "))
}

// args turns cobra's argument check into a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, list []string) error {
		if err := check(cmd, list); err != nil {
			return usageError("%w (see %s --help)", err, cmd.CommandPath())
		}
		return nil
	}
}
