package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the build (-ldflags "-X main.version=…").
var version = "0.1.0"

func newVersion(c *common) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			format, err := c.format("table", "json")
			if err != nil {
				return err
			}
			goVersion, revision := "", ""
			if info, ok := debug.ReadBuildInfo(); ok {
				goVersion = info.GoVersion
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						revision = s.Value
					}
				}
			}
			if format == "json" {
				fmt.Printf("{\"version\":%q,\"go\":%q,\"revision\":%q}\n", version, goVersion, revision)
				return nil
			}
			fmt.Printf("lapwing %s %s %s\n", version, goVersion, revision)
			return nil
		},
	}
}
