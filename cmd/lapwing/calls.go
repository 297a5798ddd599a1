package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"lapwing/cmd/internal/ingest"
	"lapwing/cmd/internal/report"
	"lapwing/event"
	"lapwing/parse/pseudonym"
)

func newCalls(c *common) *cobra.Command {
	f := &inputFlags{}
	stored := &storedCalls{}
	cmd := &cobra.Command{
		Use:   "calls INPUT…",
		Short: "Print the calls in captures, access logs or HAR files, or in ClickHouse",
		Long: `Print the calls in captures (pcap, pcapng), access logs or HAR files, plain or compressed (gz, zst); - is standard input.
Without any input, and with store.clickhouse configured, print calls that are kept there.`,
		RunE: func(cmd *cobra.Command, inputs []string) error {
			format, err := c.format("table", "json", "csv")
			if err != nil {
				return err
			}
			if len(inputs) == 0 {
				cfg, err := c.load()
				if err != nil {
					return err
				}
				if cfg.Store.engine() == engineClickHouse {
					return stored.print(cmd.Context(), &cfg, format)
				}
			} else if stored.asked(cmd) {
				return usageError("--since, --until, --client, --actor, --host, --path, --limit and --names choose among kept calls: leave the inputs out")
			}
			if err := args(inputArgs)(cmd, inputs); err != nil {
				return err
			}
			cfg, keys, err := f.prepare(c)
			if err != nil {
				return err
			}
			out := bufio.NewWriterSize(os.Stdout, 256<<10)
			write, finish := callPrinter(out, format, keys)
			rep, readErr := read(cmd.Context(), &cfg, keys, inputs, f.logFormat, ingest.Sink{Call: write, Watermark: func(int64) {}})
			if err := finish(); err != nil {
				return err
			}
			if err := out.Flush(); err != nil {
				return err
			}
			for _, line := range account(&rep) {
				fmt.Fprintln(os.Stderr, line)
			}
			complain(readErr)
			if readErr != nil {
				return &exitError{code: exitFailed}
			}
			return nil
		},
	}
	f.register(cmd)
	stored.register(cmd)
	return cmd
}

// tableRows is how many calls one table is aligned over; a capture may hold millions.
const tableRows = 1000

// callPrinter returns a function that prints a call, and one that ends the print.
func callPrinter(out *bufio.Writer, format string, keys *pseudonym.Keyring) (write func(*event.Call), finish func() error) {
	if format == "json" {
		cw := &callWriter{w: out, keys: keys}
		return cw.write, func() error { return cw.err }
	}
	var rows [][]string
	var failed error
	flush := func() error {
		if failed != nil || len(rows) == 0 {
			return failed
		}
		if format == "csv" {
			failed = report.CSV(out, report.CallColumns, rows)
		} else {
			failed = report.Table(out, report.CallColumns, rows)
		}
		rows = rows[:0]
		return failed
	}
	write = func(c *event.Call) {
		row := report.CallRow(c)
		for i := range row {
			row[i] = keys.Reveal(row[i], pseudonym.Plain)
		}
		if format == "table" {
			row[4] = report.Short(row[4], 80)
		}
		if rows = append(rows, row); format == "table" && len(rows) >= tableRows {
			failed = flush()
		}
	}
	return write, flush
}
