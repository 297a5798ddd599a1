package deploytest

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// exported are the metrics that the binaries have, with their labels: read
// from the calls desc(name, help, labels…) in their sources.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{
		"up": nil, "process_resident_memory_bytes": nil, "process_cpu_seconds_total": nil,
	}
	sources, err := filepath.Glob(filepath.Join(root, "..", "cmd", "lapwing", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "desc" {
				return true
			}
			var words []string
			for _, a := range call.Args {
				if l, ok := a.(*ast.BasicLit); ok && l.Kind == token.STRING {
					s, err := strconv.Unquote(l.Value)
					if err != nil {
						t.Fatal(err)
					}
					words = append(words, s)
				}
			}
			if len(words) == len(call.Args) {
				out["lapwing_"+words[0]] = words[2:]
			}
			return true
		})
	}
	if len(out) < 20 {
		t.Fatalf("%d metrics found in the sources", len(out))
	}
	return out
}

// The functions and words of PromQL that stand in the expressions.
var promWords = strings.Fields("sum count avg max min by without on ignoring rate increase deriv predict_linear vector time and or unless bool offset humanize histogram_quantile")

var (
	promString = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	promLabels = regexp.MustCompile(`\{([^{}]*)\}`)
	promBy     = regexp.MustCompile(`(?:by|without|ignoring|on)\s*\(([^()]*)\)`)
	promRange  = regexp.MustCompile(`\[[^\[\]]*\]`)
	promName   = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	rangeForm  = regexp.MustCompile(`^\[(?:\d+[smhd]|\$__rate_interval|\$__range)\]$`)
)

// An expression is checked as far as words and brackets go; the grammar is
// Prometheus' own business (promtool check rules).
func expression(t *testing.T, where, expr string, metrics map[string][]string) {
	t.Helper()
	known := []string{"instance", "job"}
	rest := promString.ReplaceAllString(expr, "")
	if strings.Contains(rest, `"`) {
		t.Errorf("%s: a quote is not closed", where)
	}
	var labels []string
	for _, m := range promLabels.FindAllStringSubmatch(rest, -1) {
		labels = append(labels, promName.FindAllString(m[1], -1)...)
	}
	for _, m := range promBy.FindAllStringSubmatch(rest, -1) {
		labels = append(labels, promName.FindAllString(m[1], -1)...)
	}
	for _, r := range promRange.FindAllString(rest, -1) {
		if !rangeForm.MatchString(r) {
			t.Errorf("%s: range %s", where, r)
		}
	}
	rest = promBy.ReplaceAllString(promRange.ReplaceAllString(promLabels.ReplaceAllString(rest, ""), ""), "by ()")
	if open, closed := strings.Count(rest, "("), strings.Count(rest, ")"); open != closed || strings.ContainsAny(rest, "[]{}") {
		t.Errorf("%s: brackets do not match in %s", where, expr)
	}
	used := 0
	for _, word := range promName.FindAllString(rest, -1) {
		if slices.Contains(promWords, word) {
			continue
		}
		l, ok := metrics[word]
		if !ok {
			t.Errorf("%s: no program exports %s", where, word)
		}
		known = append(known, l...)
		used++
	}
	if used == 0 {
		t.Errorf("%s: %s names no metric", where, expr)
	}
	for _, l := range labels {
		if !slices.Contains(known, l) {
			t.Errorf("%s: label %s is on none of its metrics", where, l)
		}
	}
}

func TestRulesNameWhatIsExported(t *testing.T) {
	metrics := exported(t)
	seen := map[string]bool{}
	used := ""
	for _, g := range list(documents(t, filepath.Join(root, "prometheus", "lapwing.rules.yaml"))[0], "groups") {
		for _, r := range list(g, "rules") {
			name := text(r, "alert")
			if !slices.Equal(keysOf(r), []string{"alert", "annotations", "expr", "for"}) && !slices.Equal(keysOf(r), []string{"alert", "annotations", "expr"}) {
				t.Errorf("%s: fields %q", name, keysOf(r))
			}
			if seen[name] || !strings.HasPrefix(name, "Lapwing") || text(r, "annotations", "summary") == "" {
				t.Errorf("rule %q: a name that is taken, or no summary", name)
			}
			seen[name] = true
			used += text(r, "expr")
			expression(t, name, text(r, "expr"), metrics)
			for _, m := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text(r, "annotations", "summary"), -1) {
				known := m[1] == "instance"
				for _, labels := range metrics {
					known = known || slices.Contains(labels, m[1])
				}
				if !known {
					t.Errorf("%s: its summary names the label %s", name, m[1])
				}
			}
		}
	}
	// What must not go unnoticed.
	for _, metric := range []string{"lapwing_kafka_lag_messages", "lapwing_spool_dropped_calls_total", "lapwing_archive_lost_calls_total",
		"lapwing_clickhouse_retries_total", "lapwing_role_ready", "lapwing_spool_bytes", "lapwing_kafka_quarantined_messages_total"} {
		if !strings.Contains(used, metric) {
			t.Errorf("no rule looks at %s", metric)
		}
	}
}

func TestDashboardNamesWhatIsExported(t *testing.T) {
	metrics := exported(t)
	provided := documents(t, filepath.Join(root, "compose", "grafana", "datasources.yaml"))[0]
	source := text(provided, "datasources", 0, "uid")
	for _, path := range files(t, "grafana/dashboards", ".json") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var board map[string]any
		if err := json.Unmarshal(data, &board); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		ids := map[string]bool{}
		cells := map[[2]int]string{}
		for _, p := range list(board, "panels") {
			title := text(p, "title")
			if ids[text(p, "id")] {
				t.Errorf("%s: id %s is taken", title, text(p, "id"))
			}
			ids[text(p, "id")] = true
			if text(p, "type") == "row" {
				continue
			}
			if len(list(p, "targets")) == 0 || text(p, "datasource", "uid") != source {
				t.Errorf("%s asks nothing, or of %s", title, text(p, "datasource", "uid"))
			}
			for i, target := range list(p, "targets") {
				expression(t, fmt.Sprintf("%s %d", title, i), text(target, "expr"), metrics)
			}
			number := func(k string) int { return int(at(p, "gridPos", k).(float64)) }
			for x := number("x"); x < number("x")+number("w"); x++ {
				for y := number("y"); y < number("y")+number("h"); y++ {
					if other := cells[[2]int{x, y}]; other != "" || x >= 24 {
						t.Fatalf("%s lies on %q, or beyond the edge", title, other)
					}
					cells[[2]int{x, y}] = title
				}
			}
		}
		if len(ids) < 15 {
			t.Errorf("%s has %d panels", path, len(ids))
		}
	}
}

// Rules and dashboard are the same for both binaries: the sensor's metrics have
// the names and labels of lapwing's.
func TestSensorNamesMetricsAlike(t *testing.T) {
	metrics := exported(t)
	path := filepath.Join(root, "..", "cmd", "lapwing-sensor", "metrics.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 3 {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); !ok || f.Sel.Name != "add" {
			return true
		}
		name, ok := call.Args[0].(*ast.BasicLit)
		if !ok || name.Kind != token.STRING {
			return true
		}
		metric := "lapwing_" + strings.Trim(name.Value, `"`)
		want, ok := metrics[metric]
		if !ok {
			t.Errorf("lapwing has no %s", metric)
		}
		var labels []string
		for i := 3; i < len(call.Args); i += 2 {
			if l, ok := call.Args[i].(*ast.BasicLit); ok {
				labels = append(labels, strings.Trim(l.Value, `"`))
			}
		}
		if !slices.Equal(labels, want) {
			t.Errorf("%s has the labels %q here and %q in lapwing", metric, labels, want)
		}
		seen[metric] = true
		return true
	})
	for _, metric := range []string{"lapwing_spool_bytes", "lapwing_spool_dropped_calls_total", "lapwing_kafka_retries_total", "lapwing_parse_payload_bytes_total"} {
		if !seen[metric] {
			t.Errorf("the sensor exports no %s", metric)
		}
	}
}
