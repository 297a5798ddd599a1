package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lapwing/rules"
)

func runRules(t *testing.T, list ...string) error {
	t.Helper()
	root := newRoot()
	root.SetArgs(append([]string{"rules"}, list...))
	return root.ExecuteContext(t.Context())
}

func code(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return exit.code
	}
	return exitFailed
}

func TestRulesCommand(t *testing.T) {
	dir := t.TempDir()
	write := func(name, data string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	wrong := write("wrong.yaml", "rules:\n- id: a\n  when: status == 404\n  examples:\n  - calls: [{status: 404}]\n    expect: none\n")
	invalid := write("invalid.yaml", "rules:\n- id: a\n  when: stat == 404\n")
	foreign := write("sigma.yml", "title: Probing\nid: x\nauthor: A\nlogsource: {category: webserver}\ndetection:\n  s: {cs-uri-query|contains: /.git/}\n  condition: s\n---\ntitle: Cookies\nlogsource: {category: webserver}\ndetection:\n  s: {cs-cookie: x}\n  condition: s\n")
	out := filepath.Join(dir, "imported")
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"test", "../../examples/rules"}, exitDone},
		{[]string{"test", "-o", "json", "../../examples/rules"}, exitDone},
		{[]string{"test", wrong}, exitFailed},
		{[]string{"test", invalid}, exitFailed},
		{[]string{"test"}, exitUsage},
		{[]string{"check", "../../examples/rules"}, exitDone},
		{[]string{"check", invalid}, exitFailed},
		{[]string{"import-sigma", foreign, "--into", out}, exitDone},
		{[]string{"check", out}, exitDone},
		{[]string{"import-sigma"}, exitUsage},
		{nil, exitUsage},
	} {
		if err := runRules(t, c.args...); code(err) != c.code {
			t.Errorf("%v: exit %d (%v), want %d", c.args, code(err), err, c.code)
		}
	}
	set, err := rules.Load(out)
	if err != nil || len(set.Rules()) != 1 || set.Rules()[0].ID != "sigma-probing" {
		t.Errorf("imported: %+v, %v", set.Rules(), err)
	}
}

// Every example rule has examples, some that fire and some that do not.
func TestExampleRulesHaveExamples(t *testing.T) {
	set, err := rules.Load("../../examples/rules")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range set.Rules() {
		fire, none := 0, 0
		for _, x := range r.Examples {
			if x.Alerts == 0 {
				none++
			} else {
				fire++
			}
		}
		if fire == 0 || none == 0 {
			t.Errorf("%s has %d examples that fire and %d that do not", r.ID, fire, none)
		}
	}
}

// Rules and network facts of the configuration reach detection, and a rule
// file that is wrong keeps everything from starting.
func TestBroughtToAnalyze(t *testing.T) {
	dir := t.TempDir()
	put := func(name, data string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	log := put("access.log", strings.Repeat(`203.0.113.7 - - [02/Mar/2026:09:00:00 +0000] "GET /v1/export HTTP/1.1" 200 512 "-" "curl/8"`+"\n", 3))
	classes := put("classes.csv", "203.0.113.0/24,hosting\n")
	rule := put("rule.yaml", "rules:\n- id: export\n  when: path == \"/v1/export\" and network.class == \"hosting\"\n  group_by: [client]\n  severity: high\n")
	config := put("lapwing.yaml", "detect:\n  rules: ["+rule+"]\n  networks: {classes: ["+classes+"]}\n")
	analyzeLog := func(list ...string) error {
		root := newRoot()
		root.SetArgs(append([]string{"analyze", log, "--fail-on", "high"}, list...))
		return root.ExecuteContext(t.Context())
	}
	if got := code(analyzeLog()); got != exitDone {
		t.Errorf("without rules: exit %d", got)
	}
	if got := code(analyzeLog("--config", config)); got != exitFound {
		t.Errorf("with the rule and the table: exit %d", got)
	}
	if got := code(analyzeLog("--rules", rule)); got != exitDone {
		t.Errorf("with the rule, without the table: exit %d", got)
	}
	put("classes.csv", "203.0.113.0/24,palace\n")
	if err := analyzeLog("--config", config); err == nil || !strings.Contains(err.Error(), "palace") {
		t.Errorf("with a table that is wrong: %v", err)
	}
}

// A changed file is in force after a look; a wrong one is said, and changes
// nothing.
func TestChangedFilesAreTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rule.yaml")
	put := func(data string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("rules:\n- {id: one, when: status == 404}\n")
	cfg := DefaultConfig()
	cfg.Detect.Rules = []string{path}
	if err := cfg.bring(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	log := slog.New(slog.NewTextHandler(&said, nil))
	for step, c := range []struct {
		data, says string
		rules      int
	}{
		{"rules:\n- {id: one, when: status == 404}\n", "", 1},
		{"rules:\n- {id: one, when: stat == 404}\n", "rule.yaml:2:19", 1},
		{"rules:\n- {id: one, when: status == 404}\n- {id: two, when: status == 403}\n", "changed rules are in force", 2},
	} {
		put(c.data)
		said.Reset()
		cfg.brought.look(log)
		if got := said.String(); !strings.Contains(got, c.says) || (got == "") != (c.says == "") || len(cfg.brought.rules.Set().Rules()) != c.rules {
			t.Errorf("step %d: %q, %d rules", step, got, len(cfg.brought.rules.Set().Rules()))
		}
	}
}
