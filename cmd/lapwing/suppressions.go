package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lapwing/alerting"
	"lapwing/cmd/internal/config"
	"lapwing/cmd/internal/report"
)

// maxSuppression is how long a suppression may last.
const maxSuppression = 90 * 24 * time.Hour

// matcherFlags say which alerts a suppression is about.
func matcherFlags(cmd *cobra.Command, m *alerting.Matcher) {
	cmd.Flags().StringVar(&m.Detector, "detector", "", "detector")
	cmd.Flags().StringVar((*string)(&m.Entity.Kind), "entity-kind", "", "kind of the entity: client, user, …")
	cmd.Flags().StringVar(&m.Entity.Value, "entity", "", "value of the entity, as alerts -o json shows it without --names")
	cmd.Flags().StringVar(&m.Endpoint.Host, "host", "", "host")
	cmd.Flags().StringVar(&m.Endpoint.Route, "endpoint", "", "route of the endpoint")
	cmd.Flags().StringVar(&m.Endpoint.Method, "method", "", "method of the endpoint")
	cmd.Flags().StringVar(&m.Network, "network", "", "network of the callers, such as 192.0.2.0/24")
	cmd.Flags().StringVar(&m.Tag, "tag", "", "tag or flag, such as API1:2023 or rule:my-rule")
}

func needMatcher(m *alerting.Matcher) error {
	if *m == (alerting.Matcher{}) {
		return usageError("say what to silence: --detector, --entity, --endpoint, --host, --network or --tag")
	}
	return nil
}

// length reads 8h or 30d.
func length(flag, s string) (time.Duration, error) {
	var d config.Duration
	if err := d.UnmarshalText([]byte(s)); err != nil || d <= 0 || time.Duration(d) > maxSuppression {
		return 0, usageError("--%s must be a time such as 8h or 30d, at most 90 days (got %q)", flag, s)
	}
	return time.Duration(d), nil
}

func newSilence(c *common, f *keptFlags) *cobra.Command {
	s := alerting.Silence{}
	lasts := ""
	cmd := &cobra.Command{
		Use: "silence", Short: "Keep matching alerts from notifying anybody for a while", Args: args(cobra.NoArgs), Aliases: []string{"suppress"},
		Long: "Alerts that match every given field are kept and listed, but nobody is told until the silence ends.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needMatcher(&s.Matcher); err != nil {
				return err
			}
			if s.Reason == "" {
				return usageError("say why: --reason")
			}
			d, err := length("for", lasts)
			if err != nil {
				return err
			}
			s.Until = time.Now().Add(d).UTC()
			return putSilence(cmd, c, f, &s)
		},
	}
	matcherFlags(cmd, &s.Matcher)
	cmd.Flags().StringVar(&s.Reason, "reason", "", "why")
	cmd.Flags().StringVar(&lasts, "for", "24h", "for how long, such as 8h or 30d")
	return cmd
}

func newExpect(c *common, f *keptFlags) *cobra.Command {
	s := alerting.Silence{Kind: alerting.Expected}
	from, to, lasts := "", "", ""
	cmd := &cobra.Command{
		Use: "expect", Short: "Announce a load test or penetration test", Args: args(cobra.NoArgs),
		Long: `Matching alerts that begin and end, in the time of the traffic, within the window
are kept, counted and tagged "expected", and nobody is told. What began before it
or goes on after it is told.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needMatcher(&s.Matcher); err != nil {
				return err
			}
			if s.Reason == "" {
				return usageError("say what is expected: --reason")
			}
			s.From = time.Now().UTC()
			var err error
			if from != "" {
				if s.From, err = time.Parse(time.RFC3339, from); err != nil {
					return usageError("--from %q is no time such as 2026-03-02T09:00:00Z", from)
				}
			}
			if to != "" {
				if s.Until, err = time.Parse(time.RFC3339, to); err != nil {
					return usageError("--to %q is no time such as 2026-03-02T11:00:00Z", to)
				}
			} else {
				d, err := length("for", lasts)
				if err != nil {
					return err
				}
				s.Until = s.From.Add(d)
			}
			return putSilence(cmd, c, f, &s)
		},
	}
	matcherFlags(cmd, &s.Matcher)
	cmd.Flags().StringVar(&s.Reason, "reason", "", "what is expected, and by whom")
	cmd.Flags().StringVar(&from, "from", "", "beginning, RFC 3339; default: now")
	cmd.Flags().StringVar(&to, "to", "", "end, RFC 3339; default: --for after the beginning")
	cmd.Flags().StringVar(&lasts, "for", "2h", "for how long, such as 2h")
	return cmd
}

func putSilence(cmd *cobra.Command, c *common, f *keptFlags, s *alerting.Silence) error {
	k, _, err := f.open(cmd.Context(), c)
	if err != nil {
		return err
	}
	defer k.close()
	s.By = whoami()
	if err := k.command(cmd.Context(), "POST", "/v1/silences", s, s); err != nil {
		return err
	}
	word := "silence"
	if s.Kind != alerting.Muted {
		word = string(s.Kind)
	}
	fmt.Printf("%s %s until %s UTC\n", word, s.ID, s.Until.UTC().Format("2006-01-02 15:04"))
	return nil
}

func newVerdict(c *common, f *keptFlags) *cobra.Command {
	j := alerting.Judgement{}
	lasts := ""
	cmd := &cobra.Command{
		Use: "verdict ID false_positive|true_positive", Short: "Say whether an alert was right", Args: args(cobra.ExactArgs(2)),
		Long: `A false positive closes the incident once all its alerts are judged so, and makes
an exception: the same detector about the same entity (or at the same endpoint)
notifies nobody until the exception expires, unless there is more than ten times
as much of it, it is more severe, or it succeeded. No threshold changes.`,
		RunE: func(cmd *cobra.Command, list []string) error {
			j.Verdict = strings.ReplaceAll(list[1], "-", "_")
			if j.Verdict != alerting.FalsePositive && j.Verdict != alerting.TruePositive {
				return usageError("the verdict is false_positive or true_positive (got %q)", list[1])
			}
			if j.Reason == "" {
				return usageError("say why: --reason")
			}
			if lasts != "" {
				d, err := length("expires", lasts)
				if err != nil {
					return err
				}
				j.Expires = d
			}
			k, _, err := f.open(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer k.close()
			j.By = whoami()
			var v alerting.Verdict
			if err := k.command(cmd.Context(), "POST", "/v1/alerts/"+url.PathEscape(list[0])+"/verdict", j, &v); err != nil {
				return err
			}
			fmt.Println(v.Verdict, v.Alert)
			if v.Exception != "" {
				fmt.Printf("exception %s; lapwing alerts suppressions shows what it covers, --expire %s ends it\n", v.Exception, v.Exception)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&j.Reason, "reason", "", "why")
	cmd.Flags().StringVar(&j.Scope, "scope", "", "of the exception: entity or endpoint; default entity")
	cmd.Flags().StringVar(&lasts, "expires", "", "how long the exception lasts, at most 90d; default 30d")
	return cmd
}

func newVerdicts(c *common, f *keptFlags) *cobra.Command {
	return &cobra.Command{
		Use: "verdicts", Short: "List verdicts", Args: args(cobra.NoArgs),
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
			list := []alerting.Verdict{}
			if err := k.command(cmd.Context(), "GET", "/v1/verdicts", nil, &list); err != nil {
				return err
			}
			rows := make([][]string, len(list))
			for i, v := range list {
				rows[i] = []string{v.Alert, v.Verdict, v.At.Format("2006-01-02 15:04"), v.By, v.Exception, v.Reason}
			}
			return printRows(format, list, []string{"alert", "verdict", "at (UTC)", "by", "exception", "reason"}, rows)
		},
	}
}

func newSuppressions(c *common, f *keptFlags, name string) *cobra.Command {
	expire := ""
	cmd := &cobra.Command{
		Use: name, Short: "List what keeps alerts from being sent, or end one of them", Args: args(cobra.NoArgs), Hidden: name == "silences",
		Long: "Silences, expected activity and exceptions made by verdicts: those in force, and those over for less than 30 days. What they kept from being sent is counted.",
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
			if expire != "" {
				var done map[string]string
				return k.command(cmd.Context(), "DELETE", "/v1/silences/"+url.PathEscape(expire), nil, &done)
			}
			list := []alerting.Silence{}
			if err := k.command(cmd.Context(), "GET", "/v1/silences", nil, &list); err != nil {
				return err
			}
			now := time.Now()
			rows := make([][]string, len(list))
			for i := range list {
				rows[i] = suppressionRow(&list[i], now)
			}
			return printRows(format, list, []string{"id", "kind", "covers", "from (UTC)", "until (UTC)", "matched", "by", "reason"}, rows)
		},
	}
	cmd.Flags().StringVar(&expire, "expire", "", "end the one with this ID")
	return cmd
}

func suppressionRow(s *alerting.Silence, now time.Time) []string {
	kind := string(s.Kind)
	if kind == "" {
		kind = "silence"
	}
	from, until := "", s.Until.Format("2006-01-02 15:04")
	if !s.From.IsZero() {
		from = s.From.Format("2006-01-02 15:04")
	}
	if !s.Until.After(now) {
		until += " (over)"
	}
	var covers []string
	m := &s.Matcher
	for _, p := range [][2]string{{"detector", m.Detector}, {string(m.Entity.Kind), m.Entity.Value}, {"host", m.Endpoint.Host}, {"method", m.Endpoint.Method},
		{"endpoint", m.Endpoint.Route}, {"network", m.Network}, {"tag", m.Tag}} {
		if p[1] != "" {
			if p[0] == "" {
				p[0] = "entity"
			}
			covers = append(covers, p[0]+" "+p[1])
		}
	}
	if a := s.Allows; a != nil {
		covers = append(covers, fmt.Sprintf("up to %s and evidence 10^%.1f", a.Severity, a.ScoreLog10))
	}
	return []string{s.ID, kind, strings.Join(covers, ", "), from, until, fmt.Sprint(s.Matched), s.By, s.Reason}
}

// printRows writes a list in one of the formats of -o.
func printRows(format string, list any, columns []string, rows [][]string) error {
	out := bufio.NewWriter(os.Stdout)
	var err error
	switch {
	case format == "json":
		err = json.NewEncoder(out).Encode(list)
	case format == "csv":
		err = report.CSV(out, columns, rows)
	case len(rows) == 0:
		_, err = fmt.Fprintln(out, "none")
	default:
		err = report.Table(out, columns, rows)
	}
	if err != nil {
		return err
	}
	return out.Flush()
}
