package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"lapwing/cmd/internal/report"
	"lapwing/event"
)

func newInventory(c *common) *cobra.Command {
	f := &keptFlags{}
	var state, host string
	cmd := &cobra.Command{
		Use: "inventory", Short: "List the endpoints that traffic has shown", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			format, err := c.format("table", "json", "csv")
			if err != nil {
				return err
			}
			k, _, err := f.open(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer k.close()
			list, err := k.endpoints(cmd.Context())
			if err != nil {
				return err
			}
			list = slices.DeleteFunc(list, func(e event.Endpoint) bool {
				return state != "" && string(e.State) != state || host != "" && e.Host != host
			})
			out := bufio.NewWriter(os.Stdout)
			if format == "json" {
				enc := json.NewEncoder(out)
				enc.SetIndent("", "  ")
				err = enc.Encode(append([]event.Endpoint{}, list...))
			} else {
				rows := make([][]string, len(list))
				for i := range list {
					rows[i] = report.EndpointRow(&list[i])
				}
				if format == "csv" {
					err = report.CSV(out, report.EndpointColumns, rows)
				} else {
					err = report.Table(out, report.EndpointColumns, rows)
				}
			}
			return errors.Join(err, out.Flush())
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&state, "state", "", "only endpoints in this state: documented, new, shadow, zombie, orphan, rogue_host")
	cmd.Flags().StringVar(&host, "host", "", "only endpoints of this host")
	return cmd
}
