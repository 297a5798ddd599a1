package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFiles(t *testing.T) {
	s, err := Load("testdata/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	results, err := s.Test()
	if err != nil {
		t.Fatal(err)
	}
	forms := map[Form]int{}
	for _, r := range s.Rules() {
		forms[r.Form]++
	}
	if len(forms) != 6 || len(results) < 12 {
		t.Errorf("forms %v, %d examples: the file shows too little", forms, len(results))
	}
	for _, r := range results {
		if !r.Pass {
			t.Errorf("%s: %s: got %s, want %s", r.Rule, r.Example, r.Got, r.Want)
		}
	}
}

func TestFaultsOfFiles(t *testing.T) {
	for source, want := range map[string]string{
		"rules:\n- id: a\n  when: method == 3\n":                                             `f:3:16: when: invalid operation`,
		"rules:\n- id: a\n  when: 'methd == \"x\"'\n":                                        `f:3:10: when: unknown name methd`,
		"rules:\n- id: a\n  when: |\n    status == 3 and\n    methd == 3\n":                  `f:5:5: when: unknown name methd`,
		"rules:\n- id: a\n  when: >-\n    status == 3 and\n    status == 4 and methd == 3\n": `f:5:21: when: unknown name methd`,
		"rules:\n- id: A b\n  when: status == 3\n":                                           `f:2:7: id is made of`,
		"rules:\n- id: a\n":           `f:2:3: when is an expression`,
		"rules:\n- id: a\n  wen: x\n": `f:3:3: a rule has no key "wen"`,
		"rules:\n- id: a\n  when: status == 1\n  count: {at_least: 0, over: 1m}\n":                      `f:4:21: at_least is a whole number`,
		"rules:\n- id: a\n  when: status == 1\n  count: {at_least: 3, over: 1y}\n":                      `f:4:30: over is a time`,
		"rules:\n- id: a\n  when: status == 1\n  group_by: [flags]\n":                                   `f:4:13: "flags" is no field to group by`,
		"rules:\n- id: a\n  when: status == 1\n  title: 'x {nothing}'\n":                                `f:4:10: title: {nothing} is no value`,
		"rules:\n- id: a\n  when: status == 1\n  group_by: [client]\n  entity: user\n":                  `f:5:11: entity is one of`,
		"rules:\n- id: a\n  when: status == 1\n  severity: huge\n":                                      `f:4:13: severity is`,
		"rules:\n- &x {id: a, when: status == 1}\n- *x\n":                                               `f:3:3: aliases`,
		"rules:\n- id: a\n  when: status == 1\n  count: {at_least: 3, over: 1m}\n  ratio: {of: true}\n": `f:5:10: a rule has one of`,
		"rules:\n- id: a\n  when: status == 1\n  examples: [{calls: [{metod: GET}]}]\n":                 `f:4:23: a call has no field "metod"`,
		"rules: {":         `f:1:1: `,
		"- id: a":          `f:1:1: a rule file is a mapping`,
		"rules:\n  a: b\n": `f:2:3: rules is a list`,
		"\xff":             `f:1:1: it is not UTF-8`,
		"rules:\n- id: a\n  when: status == 1\n  distinct: {field: ids, at_least: 3, over: 1m}\n": `f:4:21: "ids" is no field whose values`,
	} {
		_, err := Parse("f", []byte(source))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", source, err, want)
		}
	}
}

func TestSetsAreBounded(t *testing.T) {
	words := strings.Repeat(`"abc",`, 3000)
	var list []*Rule
	for i := range 20 {
		l, err := Parse("f", fmt.Appendf(nil, "rules:\n- id: r%d\n  when: containsAny(path, [%s\"x\"])\n", i, words))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, l...)
	}
	if _, err := NewSet(list); err == nil || !strings.Contains(err.Error(), "steps for a call") {
		t.Errorf("%v", err)
	}
	if _, err := NewSet(append(list[:1:1], list[0])); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("%v", err)
	}
	if _, err := Parse("f", fmt.Appendf(nil, "rules:\n- id: r\n  when: containsAny(path, [%s\"x\"])\n", strings.Repeat(`"abc",`, MaxNodes))); err == nil {
		t.Error("an expression of any size is taken")
	}
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.yaml")
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(countRule)
	live := NewLive(nil)
	r := &Reloader{Live: live, Paths: []string{dir}}
	for step, want := range []struct {
		file    string
		changed bool
		fails   bool
		rules   int
	}{
		{countRule, true, false, 1},
		{countRule, false, false, 1},
		{"rules:\n- id: broken\n", true, true, 1},
		{"rules:\n- id: broken\n", false, false, 1}, // said once
		{countRule + "- {id: more, when: status == 500}\n", true, false, 2},
	} {
		write(want.file)
		changed, err := r.Check()
		if changed != want.changed || (err != nil) != want.fails || len(live.Set().Rules()) != want.rules {
			t.Errorf("step %d: changed %v, %v, %d rules", step, changed, err, len(live.Set().Rules()))
		}
	}
	if s := live.Stats(); s.Reloads != 2 || s.Refused != 1 {
		t.Errorf("%+v", s)
	}
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/rules.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(countRule))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := Parse("f", data)
		if err == nil {
			for _, r := range list {
				if r.ID == "" {
					t.Error("a rule without id")
				}
			}
		}
	})
}
