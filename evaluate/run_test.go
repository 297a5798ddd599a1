package evaluate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"lapwing/simulate"
)

var fakeScenarios = []simulate.Scenario{{ID: "A01", Levels: []string{"L1", "L2"}, Attack: true, Twin: true}, {ID: "B01"}}

// An attack is found, its twin is silent, and everyday life is; static rules
// are asked about the same calls.
func TestRunScores(t *testing.T) {
	for _, view := range []View{Packets, Log} {
		r := &Runner{Make: newFake, View: view}
		attack, err := r.Run(context.Background(), Run{simulate.Options{Seed: 1, Scenarios: []simulate.Choice{{ID: "A01", Level: "L1"}}}})
		if err != nil {
			t.Fatal(err)
		}
		p := attack.Parts[0]
		if view == Log { // a log shows no accounts: what is told has another name
			if p.Calls != 40 || attack.Calls != 60*21+10+40 {
				t.Errorf("%s: %+v", view, attack)
			}
			continue
		}
		if !p.Found || p.Detector == "" || p.TargetsBefore < 5 || p.TargetsBefore > 20 || p.CallsBefore != int64(p.TargetsBefore) || p.Told != 1 {
			t.Errorf("%s: %+v\n%+v", view, p, attack.Alerts)
		}
		if p.CallersRight != 1 || p.CallersWrong != 0 {
			t.Errorf("callers: %+v", p)
		}
		for _, a := range attack.Alerts {
			if a.Verdict != Right || len(a.Faults) > 0 {
				t.Errorf("%+v", a)
			}
		}
		for _, c := range [][]simulate.Choice{nil, {{ID: "A01", Level: "L1", Twin: true}}} {
			s, err := r.Run(context.Background(), Run{simulate.Options{Seed: 1, Scenarios: c}})
			if err != nil {
				t.Fatal(err)
			}
			if _, medium, _ := wrong(s); medium != 0 {
				t.Errorf("%s: %+v", s.Name, s.Alerts)
			}
		}
	}
}

// The order of goroutines does not show, and a report is a function of its plan.
func TestReportIsDeterministic(t *testing.T) {
	runs, err := Plan{Seeds: 2, Seed0: 1, Everyday: 2}.Runs(fakeScenarios)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2+2*5 {
		t.Fatalf("%d runs", len(runs))
	}
	make := func() string {
		r := &Runner{Make: newFake, View: Packets}
		rep := &Report{About: r.Describe(runs, "t", "t")}
		if err := r.All(context.Background(), runs, func(s *Score) { s.Seconds = 0; rep.Add(s) }); err != nil {
			t.Fatal(err)
		}
		rep.Finish()
		data, err := json.Marshal(rep)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := errors.Join(rep.Markdown(&b, "## Why\n\nBecause."), rep.Table(&b)); err != nil {
			t.Fatal(err)
		}
		return string(data) + b.String()
	}
	a := make()
	if b := make(); a != b {
		t.Error("two reports of one plan differ")
	}
	for _, want := range []string{"A01 L1", "twin", "everyday", "sentinel/spray", "Because."} {
		if !strings.Contains(a, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
}

func TestAllStopsAtAnError(t *testing.T) {
	bad := errors.New("no world")
	n := 0
	r := &Runner{View: Packets, Make: func(o simulate.Options) (World, error) {
		if o.Seed == 3 {
			return nil, bad
		}
		return newFake(o)
	}}
	var runs []Run
	for seed := range uint64(8) {
		runs = append(runs, Run{simulate.Options{Seed: seed}})
	}
	if err := r.All(context.Background(), runs, func(*Score) { n++ }); !errors.Is(err, bad) || n > 3 {
		t.Errorf("%v after %d scores", err, n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.All(ctx, runs[:2], func(*Score) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestPlan(t *testing.T) {
	runs, err := Plan{Seeds: 1, Scenarios: []string{"A*"}, Levels: []string{"L2"}}.Runs(fakeScenarios)
	if err != nil || len(runs) != 2 || runs[0].Name() != "A01 L2" || runs[1].Name() != "A01 L2 twin" {
		t.Errorf("%v %v", runs, err)
	}
	for _, p := range []Plan{{Seeds: 1, Scenarios: []string{"C*"}}, {Seeds: -1}, {Seeds: 1, Scenarios: []string{"["}}} {
		if _, err := p.Runs(fakeScenarios); err == nil {
			t.Errorf("%+v is no plan", p)
		}
	}
}

func TestMeasure(t *testing.T) {
	m, err := (&Runner{Make: newFake, View: Packets}).Measure(context.Background(), simulate.Options{Seed: 1}, 500)
	if err != nil || m.Calls != 500 || m.Actors < 10 || m.CallsPerS <= 0 {
		t.Errorf("%+v %v", m, err)
	}
}
