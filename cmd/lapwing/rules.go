package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"lapwing/cmd/internal/report"
	"lapwing/rules"
	"lapwing/rules/sigma"
)

func newRules(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "Test, check and import user rules",
		Long:  "User rules are declared in YAML; docs/rules.md is their language. detect.rules names the files and directories in force.",
		Args:  args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return usageError("say which: lapwing rules test, check or import-sigma")
		},
	}
	proxy, into := false, ""
	imports := &cobra.Command{
		Use:   "import-sigma FILE…",
		Short: "Turn Sigma rules for web servers into rules, and say which cannot be",
		Long: `Read Sigma rules of the category webserver, and correlations of them, from files
and directories; write each as a rule file into the directory given by --into, or
all of them to standard output. What cannot be expressed is not imported, and why
is said on standard error.`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, list []string) error { return importSigma(c, list, into, proxy) },
	}
	imports.Flags().StringVar(&into, "into", "", "write rule files into this directory")
	imports.Flags().BoolVar(&proxy, "proxy", false, "also take rules of the category proxy")
	cmd.AddCommand(&cobra.Command{
		Use:   "test [DIR|FILE…]",
		Short: "Run the examples that are kept beside the rules",
		Long: `Run every example of every rule against its rule alone: each says which calls it
shows, and whether the rule fires. Without arguments the rules of the
configuration are tested. Exit code 1 says that an example failed.`,
		RunE: func(_ *cobra.Command, list []string) error { return testRules(c, list) },
	}, &cobra.Command{
		Use:   "check [DIR|FILE…]",
		Short: "Say whether rules are valid, and what they cost",
		RunE:  func(_ *cobra.Command, list []string) error { return checkRules(c, list) },
	}, imports)
	return cmd
}

// load reads the rules that arguments name, else those of the configuration.
func loadRules(c *common, paths []string) (*rules.Set, error) {
	if len(paths) == 0 {
		cfg, err := c.load()
		if err != nil {
			return nil, err
		}
		if paths = cfg.Detect.Rules; len(paths) == 0 {
			return nil, usageError("name rule files, or a configuration with detect.rules")
		}
	}
	return rules.Load(paths...)
}

func testRules(c *common, paths []string) error {
	format, err := c.format("table", "json", "csv")
	if err != nil {
		return err
	}
	set, err := loadRules(c, paths)
	if err != nil {
		return err
	}
	results, err := set.Test()
	if err != nil {
		return err
	}
	failed, tested := 0, map[string]bool{}
	rows := make([][]string, 0, len(results))
	for _, r := range results {
		tested[r.Rule] = true
		verdict := "pass"
		if !r.Pass {
			verdict = "FAIL"
			failed++
		}
		rows = append(rows, []string{verdict, r.Rule, r.Example, r.Want, r.Got, fmt.Sprintf("%s:%d", r.File, r.Line)})
	}
	out := bufio.NewWriter(os.Stdout)
	columns := []string{"", "rule", "example", "wanted", "got", "where"}
	switch format {
	case "json":
		err = json.NewEncoder(out).Encode(results)
	case "csv":
		err = report.CSV(out, columns, rows)
	default:
		if len(rows) > 0 {
			err = report.Table(out, columns, rows)
		}
		fmt.Fprintf(out, "%d examples of %d rules, %d failed\n", len(results), len(set.Rules()), failed)
		for _, r := range set.Rules() {
			if !tested[r.ID] {
				fmt.Fprintf(out, "no examples: %s (%s:%d)\n", r.ID, r.File, r.Line)
			}
		}
	}
	if err == nil {
		err = out.Flush()
	}
	if err == nil && failed > 0 {
		return &exitError{code: exitFailed}
	}
	return err
}

func checkRules(c *common, paths []string) error {
	format, err := c.format("table", "json", "csv")
	if err != nil {
		return err
	}
	set, err := loadRules(c, paths)
	if err != nil {
		return err
	}
	type checked struct {
		Rule     string `json:"rule"`
		Form     string `json:"form"`
		Severity string `json:"severity"`
		Steps    int    `json:"steps"`
		Examples int    `json:"examples"`
		File     string `json:"file"`
		Line     int    `json:"line"`
	}
	list := make([]checked, 0, len(set.Rules()))
	rows, steps := [][]string(nil), 0
	for _, r := range set.Rules() {
		x := checked{r.ID, r.Form.String(), r.Severity.String(), r.Cost(), len(r.Examples), r.File, r.Line}
		list = append(list, x)
		steps += x.Steps
		rows = append(rows, []string{x.Rule, x.Form, x.Severity, fmt.Sprint(x.Steps), fmt.Sprint(x.Examples), fmt.Sprintf("%s:%d", x.File, x.Line)})
	}
	out := bufio.NewWriter(os.Stdout)
	columns := []string{"rule", "form", "severity", "steps", "examples", "where"}
	switch format {
	case "json":
		err = json.NewEncoder(out).Encode(list)
	case "csv":
		err = report.CSV(out, columns, rows)
	default:
		if err = report.Table(out, columns, rows); err == nil {
			_, err = fmt.Fprintf(out, "%d rules are valid; together they take at most %d of %d steps for a call, walks through lists not counted\n", len(list), steps, rules.MaxSteps/2)
		}
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

func importSigma(c *common, paths []string, into string, proxy bool) error {
	format, err := c.format("table", "json")
	if err != nil {
		return err
	}
	names, err := rules.Files(paths...)
	if err != nil {
		return err
	}
	var files []sigma.File
	for _, name := range names {
		f, err := readLimited(name, rules.MaxFileBytes+1)
		if err != nil {
			return err
		}
		files = append(files, sigma.File{Name: name, Data: f})
	}
	results := sigma.Import(files, sigma.Options{Proxy: proxy})
	if into != "" {
		if err := os.MkdirAll(into, 0o755); err != nil {
			return err
		}
	}
	imported, part, printed := 0, 0, strings.Builder{}
	for _, r := range results {
		switch {
		case r.PartOf != "":
			part++
		case r.Rule != "":
			imported++
			if into == "" {
				printed.WriteString(r.YAML)
			} else if err := os.WriteFile(filepath.Join(into, r.Rule+".yaml"), []byte("rules:\n"+r.YAML), 0o644); err != nil {
				return err
			}
		}
	}
	if format == "json" {
		err = json.NewEncoder(os.Stdout).Encode(results)
	} else if into == "" && imported > 0 {
		_, err = fmt.Print("rules:\n", printed.String())
	}
	for _, r := range results {
		if r.Reason != "" {
			fmt.Fprintf(os.Stderr, "not imported: %s (%s): %s\n", report.Printable(r.Title), r.File, report.Printable(r.Reason))
		}
	}
	fmt.Fprintf(os.Stderr, "%d of %d imported as rules, %d as parts of correlations\n", imported, len(results), part)
	return err
}

// readLimited reads a file, but no more than limit bytes of it.
func readLimited(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
