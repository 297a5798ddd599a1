package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lapwing/evaluate"
)

func runEval(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "scorecard")
	root := newRoot()
	root.SetArgs(append([]string{"eval", "--out", out}, args...))
	if err := root.ExecuteContext(context.Background()); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data, nil
}

func TestEvalPrintsScorecard(t *testing.T) {
	small := []string{"--seeds", "0", "--everyday", "2", "--users", "30", "--length", "2h", "--measure", "200"}
	data, err := runEval(t, append(small, "-o", "json")...)
	if err != nil {
		t.Fatal(err)
	}
	var r evaluate.Report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if r.Runs != 2 || r.Calls < 100 || len(r.Benign) != 1 || r.Measured == nil || r.About.ConfigHash == "" {
		t.Errorf("%+v", r)
	}
	if r.About.Command != "lapwing eval --everyday 2 --length 2h0m0s --measure 200 --output json --seeds 0 --users 30" {
		t.Errorf("command %q", r.About.Command)
	}
	kept := filepath.Join(t.TempDir(), "kept.json")
	if err := os.WriteFile(kept, data, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := runEval(t, "--from", kept, "-o", "json")
	if err != nil || string(again) != string(data) {
		t.Errorf("read and written again (%v) it is another report:\n%s", err, again)
	}
	reasons := filepath.Join(t.TempDir(), "reasons.md")
	if err := os.WriteFile(reasons, []byte("## Where it falls short\n\nNowhere."), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err = runEval(t, append(small, "-o", "markdown", "--reasons", reasons)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Scorecard", "everyday", "panther/spray", "Nowhere."} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the page lacks %q:\n%s", want, data)
		}
	}
}

func TestEvalRefuses(t *testing.T) {
	for _, args := range [][]string{{"--view", "x"}, {"--scenario", "Z99"}, {"--seeds", "-1"}, {"-o", "csv"}, {"--reasons", "/nowhere/at/all"}, {"--benign-calls", "-4"}} {
		if _, err := runEval(t, args...); err == nil {
			t.Errorf("%v is no evaluation", args)
		}
	}
}
