package rules

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	yaml "github.com/oasdiff/yaml3"

	"lapwing/event"
)

// Load reads rules from files, and from all .yaml and .yml files below
// directories. The error says everything that is wrong, each fault with its
// file, line and column; there is no set then.
func Load(paths ...string) (*Set, error) {
	files, err := Files(paths...)
	if err != nil {
		return nil, err
	}
	var all []*Rule
	var errs []error
	for _, name := range files {
		data, err := readFile(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list, err := Parse(name, data)
		all, errs = append(all, list...), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return NewSet(all)
}

// Files lists the rule files that paths name, each once, sorted.
func Files(paths ...string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("rules: %w", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && name != path && strings.HasPrefix(entry.Name(), ".") {
				return fs.SkipDir // also ..data, where Kubernetes keeps what it links to
			}
			if ext := filepath.Ext(name); !entry.IsDir() && (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(entry.Name(), ".") {
				files = append(files, name)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("rules: %w", err)
		}
	}
	slices.Sort(files)
	files = slices.Compact(files)
	if len(files) > MaxFiles {
		return nil, fmt.Errorf("rules: %d files are more than %d", len(files), MaxFiles)
	}
	return files, nil
}

func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err == nil && info.Size() > MaxFileBytes {
		err = fmt.Errorf("%s is larger than %d bytes", name, MaxFileBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return data, nil
}

// NewSet puts rules together and checks what they cost together.
func NewSet(list []*Rule) (*Set, error) {
	list = slices.SortedFunc(slices.Values(list), func(a, b *Rule) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	var errs []error
	s := &Set{rules: list, byKey: make(map[uint64]int, len(list))}
	cost, groups := 0, 0
	for i, r := range list {
		if i > 0 && list[i-1].ID == r.ID {
			errs = append(errs, fmt.Errorf("%s:%d: the rule %s is there already (%s:%d)", r.File, r.Line, r.ID, list[i-1].File, list[i-1].Line))
		}
		s.byKey[r.key] = i
		cost += r.Cost()
		groups += r.Groups
	}
	if len(list) > MaxRules {
		errs = append(errs, fmt.Errorf("%d rules are more than %d", len(list), MaxRules))
	}
	if cost > MaxSteps/2 {
		errs = append(errs, fmt.Errorf("all rules together take %d steps for a call, more than %d: half of the steps are for walks through lists", cost, MaxSteps/2))
	}
	if groups > MaxSetGroups {
		errs = append(errs, fmt.Errorf("all rules together remember %d groups, more than %d: give some of them fewer with groups", groups, MaxSetGroups))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// Parse reads the rules of one file. name is what faults and rules call it.
func Parse(name string, data []byte) ([]*Rule, error) {
	d := &document{name: name}
	if len(data) > MaxFileBytes {
		d.failAt(1, 1, "the file is larger than %d bytes", MaxFileBytes)
		return nil, errors.Join(d.faults...)
	}
	root := d.parse(data)
	var list []*Rule
	if root != nil {
		if node := d.mapping(root, "a rule file", "rules").keys["rules"]; node == nil {
			d.fail(root, "a rule file has the key rules, with a list of rules")
		} else if node.Kind != yaml.SequenceNode {
			d.fail(node, "rules is a list")
		} else {
			for i, n := range node.Content {
				if r := d.rule(n); r != nil {
					end := len(d.lines)
					if i+1 < len(node.Content) {
						end = node.Content[i+1].Line - 1
					}
					r.Source = strings.Join(d.lines[max(0, n.Line-1):max(n.Line-1, end)], "\n")
					list = append(list, r)
				}
			}
		}
	}
	if err := errors.Join(d.faults...); err != nil {
		return nil, err
	}
	return list, nil
}

var ruleKeys = []string{"id", "title", "summary", "description", "severity", "version", "when", "group_by", "entity", "groups",
	"count", "distinct", "ratio", "sequence", "together", "tags", "benign", "references", "next_step", "disabled", "examples"}

// rule reads one rule; nil if it is disabled or none.
func (d *document) rule(n *yaml.Node) *Rule {
	m := d.mapping(n, "a rule", ruleKeys...)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	r := &Rule{
		ID: m.text("id", 64), Title: m.text("title", maxText), Summary: m.text("summary", maxText), Description: m.text("description", 4*maxText),
		NextStep: m.text("next_step", maxText), Severity: event.Medium, Version: m.integer("version", 1, 1_000_000, 1),
		Benign: m.list("benign", 10, maxText), References: m.list("references", 20, maxText),
		GroupBy: m.list("group_by", MaxGroupBy, 64), Entity: m.text("entity", 64), Groups: m.integer("groups", 1, MaxGroups, DefaultGroups),
		File: d.name, Line: n.Line,
	}
	if !ruleID(r.ID) {
		d.fail(m.at("id"), "id is made of up to 64 lower-case letters, digits, dots, dashes and underscores (got %q)", r.ID)
	}
	if r.Title == "" {
		r.Title = "Rule " + r.ID
	}
	if m.has("severity") {
		s, ok := event.ParseSeverity(m.text("severity", 20))
		if r.Severity = s; !ok {
			d.fail(m.at("severity"), "severity is info, low, medium, high or critical")
		}
	}
	if m.has("tags") {
		t := d.mapping(m.at("tags"), "tags", "owasp", "oat", "attack")
		r.Tags = event.Tags{OWASP: t.list("owasp", 20, 40), OAT: t.list("oat", 20, 40), Attack: t.list("attack", 20, 40)}
	}
	d.form(r, m)
	if r.Form == FormEach && !m.has("groups") {
		r.Groups = DefaultTold
	}
	d.grouping(r, m)
	r.title = d.template(m.at("title"), "title", r.Title, r)
	if r.Summary == "" {
		r.Summary = defaultSummary(r)
	}
	r.summary = d.template(m.at("summary"), "summary", r.Summary, r)
	r.key = r.hash()
	d.examples(r, m)
	if off := m.text("disabled", 10); off == "true" {
		return nil
	} else if off != "" && off != "false" {
		d.fail(m.at("disabled"), "disabled is true or false")
	}
	return r
}

func ruleID(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// form reads what the rule asks for.
func (d *document) form(r *Rule, m *mapping) {
	for f := FormCount; f <= FormTogether; f++ {
		if !m.has(f.String()) {
			continue
		}
		if r.Form != FormEach {
			d.fail(m.at(f.String()), "a rule has one of count, distinct, ratio, sequence, together; this one has %s already", r.Form)
			return
		}
		r.Form = f
	}
	if r.Form < FormSequence || m.has("when") {
		r.When, r.when = m.expression("when")
	}
	n := m.at(r.Form.String())
	switch r.Form {
	case FormCount:
		f := d.mapping(n, "count", "at_least", "over")
		r.AtLeast, r.Over = f.integer("at_least", 1, MaxThreshold, 0), f.duration("over", MaxWindow)
		if r.AtLeast == 0 && !f.has("at_least") {
			d.fail(n, "count has no at_least")
		}
	case FormDistinct:
		f := d.mapping(n, "distinct", "field", "at_least", "over")
		r.Distinct, r.AtLeast, r.Over = f.text("field", 64), f.integer("at_least", 2, MaxDistinct, 0), f.duration("over", MaxWindow)
		if r.AtLeast == 0 && !f.has("at_least") {
			d.fail(n, "distinct has no at_least")
		}
		if r.value = countable(r.Distinct); r.value == nil {
			d.fail(f.at("field"), "%q is no field whose values can be counted; there are %s", r.Distinct, strings.Join(fieldNames(), ", "))
		}
	case FormRatio:
		f := d.mapping(n, "ratio", "of", "share", "at_least", "over")
		r.Of, r.of = f.expression("of")
		r.Share, r.AtLeast, r.Over = f.share("share"), f.integer("at_least", 1, MaxThreshold, 10), f.duration("over", MaxWindow)
	case FormSequence, FormTogether:
		f := d.mapping(n, r.Form.String(), "steps", "within")
		r.Over = f.duration("within", MaxWindow)
		steps := f.at("steps")
		if steps == f.node || steps.Kind != yaml.SequenceNode || len(steps.Content) < 2 || len(steps.Content) > MaxSteplist {
			d.fail(steps, "steps is a list of 2 to %d steps", MaxSteplist)
			return
		}
		for _, s := range steps.Content {
			sm := d.mapping(s, "a step", "when", "times")
			source, p := sm.expression("when")
			step := Step{When: source, Times: sm.integer("times", 1, MaxSteplist, 1)}
			if r.Form == FormTogether && step.Times > 1 {
				d.fail(sm.at("times"), "times is for the steps of a sequence")
			}
			r.Steps = append(r.Steps, step)
			for n := range step.Times {
				if n > 0 {
					r.again |= 1 << len(r.steps)
				}
				r.steps = append(r.steps, p)
			}
		}
		if r.AtLeast = len(r.steps); r.AtLeast > MaxSteplist {
			d.fail(steps, "the steps are %d with all repetitions, more than %d", r.AtLeast, MaxSteplist)
		}
	}
}

func countable(name string) *field {
	if f := fields[name]; f != nil && f.list == nil && f.truth == nil {
		return f
	}
	return nil
}

// grouping reads by what calls are grouped, and what alerts are about.
func (d *document) grouping(r *Rule, m *mapping) {
	if !m.has("group_by") {
		r.GroupBy = []string{"actor"}
	}
	for _, name := range r.GroupBy {
		f := countable(name)
		if f == nil {
			d.fail(m.at("group_by"), "%q is no field to group by; there are %s", name, strings.Join(fieldNames(), ", "))
			f = fields["actor"]
		}
		r.group = append(r.group, f)
	}
	switch {
	case r.Entity == "":
		for _, f := range r.group {
			if f.entity != "" || f.name == "actor" {
				r.Entity = f.name
				break
			}
		}
	case !slices.Contains(r.GroupBy, r.Entity):
		d.fail(m.at("entity"), "entity is one of the fields of group_by, which is what an alert is about")
	default:
		if f := countable(r.Entity); f != nil && f.entity == "" && f.name != "actor" {
			d.fail(m.at("entity"), "an alert cannot be about a %s; it can be about actor, client, user, account, token, fingerprint, object, endpoint, host, network.prefix, sensor", r.Entity)
		}
	}
}

// hash sums up what decides when the rule fires. Words that are only shown are
// no part of it: who corrects a title does not begin to count anew.
func (r *Rule) hash() uint64 {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %d %v %d %q %v %q %d", r.ID, r.When, r.GroupBy, r.Entity, r.Form, r.Over, r.AtLeast, r.Distinct, r.Share, r.Of, r.Version)
	for _, s := range r.Steps {
		fmt.Fprintf(h, " %q %d", s.When, s.Times)
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}
