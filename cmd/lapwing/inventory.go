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
	var drift bool
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
				return state != "" && string(e.State) != state || host != "" && e.Host != host || drift && len(e.Drift) == 0
			})
			out := bufio.NewWriter(os.Stdout)
			if format == "json" {
				enc := json.NewEncoder(out)
				enc.SetIndent("", "  ")
				err = enc.Encode(append([]event.Endpoint{}, list...))
			} else {
				columns := report.EndpointColumns
				if drift {
					columns = report.DriftColumns
				}
				var rows [][]string
				for i := range list {
					if drift {
						rows = append(rows, report.DriftRows(&list[i])...)
					} else {
						rows = append(rows, report.EndpointRow(&list[i]))
					}
				}
				if format == "csv" {
					err = report.CSV(out, columns, rows)
				} else {
					err = report.Table(out, columns, rows)
				}
			}
			return errors.Join(err, out.Flush())
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&state, "state", "", "only endpoints in this state: documented, new, shadow, zombie, orphan, rogue_host")
	cmd.Flags().StringVar(&host, "host", "", "only endpoints of this host")
	cmd.Flags().BoolVar(&drift, "drift", false, "what departs from the API descriptions, one row each")
	return cmd
}
