package evaluate

import (
	"cmp"
	"slices"
	"strings"

	"lapwing/evaluate/baseline"
	"lapwing/event"
)

// A Report sums up scores. The zero value is ready to use.
type Report struct {
	About   About         `json:"about"`
	Runs    int           `json:"runs"`
	Calls   int64         `json:"calls"`
	Logins  int64         `json:"logins"`
	Objects int64         `json:"with_ids"`
	Seconds float64       `json:"seconds"` // of wall time, summed over goroutines
	Benign  []BenignClass `json:"benign"`  // everyday, hard, twins
	Attacks []AttackCell  `json:"attacks"` // by scenario and level
	Hard    []BenignCell  `json:"hard"`    // harmless scenarios and twins, by name
	Levels  []LevelRow    `json:"levels"`
	Rules   []RuleRow     `json:"rules"`

	// Precision is of alerts of medium severity and above in runs with an attack.
	Precision    Interval        `json:"precision"`
	Verdicts     map[Verdict]int `json:"verdicts"` // of those alerts
	Faithful     Interval        `json:"faithful"` // alerts whose explanation has no fault
	FaultSamples []string        `json:"fault_samples,omitempty"`
	FalseSamples []FalseSample   `json:"false_samples,omitempty"`
	Measured     *Measured       `json:"measured,omitempty"`
	Undetected   []Undetected    `json:"undetected,omitempty"`

	scores []*Score
}

// About says what a report is of.
type About struct {
	Version    string   `json:"version"`
	Command    string   `json:"command"`
	ConfigHash string   `json:"config_hash"` // of everything that detection is told beside calls
	SeedsHash  string   `json:"seeds_hash"`  // of the seeds, in order
	View       View     `json:"view"`
	Scenarios  []string `json:"scenarios"`
	Partial    bool     `json:"partial,omitempty"` // interrupted: Runs of Planned were done
	Planned    int      `json:"planned"`
}

// A BenignClass counts false alerts in runs without an attack.
type BenignClass struct {
	Class      string  `json:"class"` // everyday, hard, twins
	Runs       int     `json:"runs"`
	Calls      int64   `json:"calls"`
	Days       float64 `json:"tenant_days"`
	All        int     `json:"false_all"`
	Medium     int     `json:"false_medium"` // medium and above
	High       int     `json:"false_high"`   // high and above
	PerMillion float64 `json:"false_medium_per_million"`
	Upper      float64 `json:"false_medium_per_million_upper"` // one-sided 95 %
	PerDay     float64 `json:"false_medium_per_tenant_day"`
}

// An AttackCell is one scenario at one level.
type AttackCell struct {
	Scenario string   `json:"scenario"`
	Level    string   `json:"level"`
	Recall   Interval `json:"recall"`
	Noted    Interval `json:"noted"` // also below medium
	// Of the attacks that were found, until they were: median and 95th percentile.
	Calls   Spread `json:"calls_before"`
	Targets Spread `json:"targets_before"`
	Minutes Spread `json:"minutes_before"`
	Harm    Spread `json:"harm_before"`
	// HarmShare is the median share of all harm that was done before; 1 where an
	// attack was not found.
	HarmShare  float64        `json:"harm_share"`
	HarmUnit   string         `json:"harm_unit,omitempty"`
	Told       float64        `json:"alerts_per_attack"`
	TwinSilent Interval       `json:"twin_silent"`
	Listed     Interval       `json:"attribution_precision"` // of the callers that right alerts list
	Covered    Interval       `json:"attribution_recall"`    // of the callers there are
	Beside     float64        `json:"false_per_run"`         // medium and above
	BestRule   string         `json:"best_rule"`             // the static rule that finds most
	RuleRecall float64        `json:"best_rule_recall"`
	RuleFalse  float64        `json:"best_rule_false_per_million"`
	AnyRule    float64        `json:"any_rule_recall"`
	Severities map[string]int `json:"severities,omitempty"` // of the attacks found
}

// A Spread is the median and the 95th percentile of some numbers.
type Spread struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
}

// A BenignCell is one harmless scenario, or the twin of an attack.
type BenignCell struct {
	Name      string         `json:"name"`
	Runs      int            `json:"runs"`
	Calls     int64          `json:"calls"` // of its worlds
	Silent    Interval       `json:"silent"`
	About     int            `json:"false_about"` // false alerts about it, medium and above
	Else      int            `json:"false_else"`  // others in its worlds
	High      int            `json:"false_high"`
	Detectors map[string]int `json:"detectors,omitempty"`
	Rules     int            `json:"rules_false"` // alerts of all static rules
}

// A LevelRow sums up a level over scenarios.
type LevelRow struct {
	Level  string   `json:"level"`
	Recall Interval `json:"recall"` // over all runs
	Worst  string   `json:"worst"`  // scenario
	Lowest float64  `json:"lowest"` // its recall
	Tenth  float64  `json:"tenth"`  // 10th percentile of the scenarios' recall
	Rule   float64  `json:"any_rule_recall"`
}

// A RuleRow compares one static rule.
type RuleRow struct {
	Name       string  `json:"name"`
	Says       string  `json:"says"`
	Source     string  `json:"source"`
	Recall     float64 `json:"recall"` // over all attacks
	False      int     `json:"false"`  // in runs without an attack
	PerMillion float64 `json:"false_per_million"`
}

// A FalseSample shows a false alert of medium severity or above.
type FalseSample struct {
	Run  string `json:"run"`
	Seed uint64 `json:"seed"`
	Told
}

const (
	maxFalseSamples = 200
	maxFaultSamples = 50
)

// Add takes the score of a run.
func (r *Report) Add(s *Score) { r.scores = append(r.scores, s) }

// class says in which class of benign runs a run falls: "" with an attack.
func class(s *Score) string {
	c := "everyday"
	for i := range s.Parts {
		switch p := &s.Parts[i]; {
		case p.Attack:
			return ""
		case p.Twin:
			c = "twins"
		case c != "twins":
			c = "hard"
		}
	}
	return c
}

// wrong counts alerts that are not right and no finding: all, medium and above, high and above.
func wrong(s *Score) (all, medium, high int) {
	for v, counts := range s.Verdicts {
		if v == Right || v == Finding {
			continue
		}
		for severity, n := range counts {
			all += n
			if event.Severity(severity) >= event.Medium {
				medium += n
			}
			if event.Severity(severity) >= event.High {
				high += n
			}
		}
	}
	return all, medium, high
}

// Finish fills in the sums of what was added.
func (r *Report) Finish() {
	scores := r.scores
	*r = Report{About: r.About, Measured: r.Measured, Undetected: r.Undetected, Verdicts: map[Verdict]int{}, scores: scores}
	var right, told, faithful, explained int
	for _, s := range scores {
		r.Runs++
		r.Calls += s.Calls
		r.Logins += s.Logins
		r.Objects += s.Objects
		r.Seconds += s.Seconds
		r.samples(s)
		for i := range s.Alerts {
			explained++
			if len(s.Alerts[i].Faults) == 0 {
				faithful++
			}
		}
		if class(s) != "" {
			continue
		}
		for v, counts := range s.Verdicts {
			n := counts[event.Medium] + counts[event.High] + counts[event.Critical]
			r.Verdicts[v] += n
			if v == Finding {
				continue
			}
			told += n
			if v == Right {
				right += n
			}
		}
	}
	r.Precision, r.Faithful = NewInterval(right, told), NewInterval(faithful, explained)
	r.benign()
	r.rules()
	r.attacks()
	r.levels()
}

func (r *Report) samples(s *Score) {
	for i := range s.Alerts {
		t := &s.Alerts[i]
		for _, f := range t.Faults {
			if len(r.FaultSamples) < maxFaultSamples {
				r.FaultSamples = append(r.FaultSamples, s.Name+": "+t.Detector+": "+f)
			}
		}
		if t.Severity >= event.Medium && t.Verdict != Right && t.Verdict != Finding && len(r.FalseSamples) < maxFalseSamples {
			r.FalseSamples = append(r.FalseSamples, FalseSample{s.Name, s.Seed, *t})
		}
	}
}

func (r *Report) benign() {
	classes := map[string]*BenignClass{}
	cells := map[string]*BenignCell{}
	for _, s := range r.scores {
		name := class(s)
		if name == "" {
			continue
		}
		c := classes[name]
		if c == nil {
			c = &BenignClass{Class: name}
			classes[name] = c
		}
		all, medium, high := wrong(s)
		c.Runs++
		c.Calls += s.Calls
		c.Days += s.Days
		c.All, c.Medium, c.High = c.All+all, c.Medium+medium, c.High+high
		r.cell(cells, s, medium, high)
	}
	for _, name := range []string{"everyday", "hard", "twins"} {
		if c := classes[name]; c != nil {
			millions := float64(c.Calls) / 1e6
			c.PerMillion, c.Upper = ratio(float64(c.Medium), millions), ratio(PoissonUpper(c.Medium), millions)
			c.PerDay = ratio(float64(c.Medium), c.Days)
			r.Benign = append(r.Benign, *c)
		}
	}
	for _, c := range cells {
		c.Silent = NewInterval(c.Silent.Hits, c.Runs)
		r.Hard = append(r.Hard, *c)
	}
	slices.SortFunc(r.Hard, func(a, b BenignCell) int { return cmp.Compare(a.Name, b.Name) })
}

func (r *Report) cell(cells map[string]*BenignCell, s *Score, medium, high int) {
	c := cells[s.Name]
	if c == nil {
		c = &BenignCell{Name: s.Name, Detectors: map[string]int{}}
		cells[s.Name] = c
	}
	about := 0
	for i := range s.Parts {
		about += s.Parts[i].FalseAbout
	}
	c.Runs++
	c.Calls += s.Calls
	c.About, c.Else, c.High = c.About+about, c.Else+medium-about, c.High+high
	if medium == 0 {
		c.Silent.Hits++
	}
	for i := range s.Alerts {
		if t := &s.Alerts[i]; t.Severity >= event.Medium && t.Verdict == False {
			c.Detectors[t.Detector]++
		}
	}
	for _, n := range s.Rules {
		c.Rules += n
	}
}

// rules sums up the static rules.
func (r *Report) rules() {
	found, wrong, attacks, calls := map[string]int{}, map[string]int{}, 0, int64(0)
	for _, s := range r.scores {
		if class(s) != "" {
			calls += s.Calls
			for name, n := range s.Rules {
				wrong[name] += n
			}
		}
		for i := range s.Parts {
			if p := &s.Parts[i]; p.Attack {
				attacks++
				for _, name := range p.Rules {
					found[name]++
				}
			}
		}
	}
	for _, b := range baseline.Rules() {
		r.Rules = append(r.Rules, RuleRow{
			Name: b.Name, Says: b.Says, Source: b.Source, Recall: ratio(float64(found[b.Name]), float64(attacks)),
			False: wrong[b.Name], PerMillion: ratio(float64(wrong[b.Name]), float64(calls)/1e6),
		})
	}
}

func (r *Report) attacks() {
	type key struct{ scenario, level string }
	runs := map[key][]*PartScore{}
	wrongs, silent, twins := map[key]int{}, map[key]int{}, map[key]int{}
	for _, s := range r.scores {
		_, medium, _ := wrong(s)
		for i := range s.Parts {
			p := &s.Parts[i]
			k := key{p.Scenario, p.Level}
			switch {
			case p.Attack:
				runs[k] = append(runs[k], p)
				wrongs[k] += medium
			case p.Twin:
				twins[k]++
				if p.FalseAbout == 0 {
					silent[k]++
				}
			}
		}
	}
	for k, list := range runs {
		c := attackCell(list)
		c.Scenario, c.Level = k.scenario, k.level
		c.TwinSilent = NewInterval(silent[k], twins[k])
		c.Beside = float64(wrongs[k]) / float64(len(list))
		for i := range r.Rules {
			if r.Rules[i].Name == c.BestRule {
				c.RuleFalse = r.Rules[i].PerMillion
			}
		}
		r.Attacks = append(r.Attacks, c)
	}
	slices.SortFunc(r.Attacks, func(a, b AttackCell) int {
		return cmp.Or(strings.Compare(a.Scenario, b.Scenario), strings.Compare(a.Level, b.Level))
	})
}

func attackCell(list []*PartScore) AttackCell {
	c := AttackCell{Severities: map[string]int{}}
	var found, noted, any, right, wrong, callers int
	var calls, targets, minutes, harm, shares []float64
	rules := map[string]int{}
	for _, p := range list {
		c.HarmUnit = p.HarmUnit
		if p.Noted {
			noted++
		}
		if len(p.Rules) > 0 {
			any++
		}
		for _, name := range p.Rules {
			rules[name]++
		}
		share := 1.0
		if p.Found {
			found++
			c.Severities[p.Severity.String()]++
			c.Told += float64(p.Told)
			calls, targets = append(calls, float64(p.CallsBefore)), append(targets, float64(p.TargetsBefore))
			minutes, harm = append(minutes, p.MinutesBefore), append(harm, float64(p.HarmBefore))
			right, wrong, callers = right+p.CallersRight, wrong+p.CallersWrong, callers+p.Callers
			if share = 0; p.Harm > 0 {
				share = float64(p.HarmBefore) / float64(p.Harm)
			}
		}
		if p.Harm > 0 {
			shares = append(shares, share)
		}
	}
	n := len(list)
	c.Recall, c.Noted = NewInterval(found, n), NewInterval(noted, n)
	c.Calls, c.Targets, c.Minutes, c.Harm = spread(calls), spread(targets), spread(minutes), spread(harm)
	c.HarmShare, c.Told = spread(shares).Median, ratio(c.Told, float64(found))
	c.Listed, c.Covered = NewInterval(right, right+wrong), NewInterval(min(right, callers), callers)
	c.AnyRule = float64(any) / float64(n)
	for _, b := range baseline.Rules() { // in order, so that ties have one answer
		if hits := rules[b.Name]; float64(hits)/float64(n) > c.RuleRecall {
			c.BestRule, c.RuleRecall = b.Name, float64(hits)/float64(n)
		}
	}
	return c
}

func (r *Report) levels() {
	byLevel := map[string][]AttackCell{}
	for _, c := range r.Attacks {
		byLevel[c.Level] = append(byLevel[c.Level], c)
	}
	for level, cells := range byLevel {
		row := LevelRow{Level: level, Lowest: 2}
		hits, tries, any := 0, 0, 0.0
		var rates []float64
		for _, c := range cells {
			hits, tries = hits+c.Recall.Hits, tries+c.Recall.Tries
			any += c.AnyRule * float64(c.Recall.Tries)
			rates = append(rates, c.Recall.Rate)
			if c.Recall.Rate < row.Lowest {
				row.Lowest, row.Worst = c.Recall.Rate, c.Scenario
			}
		}
		slices.Sort(rates)
		row.Tenth = rates[(len(rates)-1)/10]
		row.Recall, row.Rule = NewInterval(hits, tries), ratio(any, float64(tries))
		r.Levels = append(r.Levels, row)
	}
	slices.SortFunc(r.Levels, func(a, b LevelRow) int { return strings.Compare(a.Level, b.Level) })
}

// spread takes nearest-rank percentiles.
func spread(v []float64) Spread {
	if len(v) == 0 {
		return Spread{}
	}
	slices.Sort(v)
	n := len(v)
	return Spread{N: n, Median: v[(n-1)/2], P95: v[min(n-1, (95*n+99)/100-1)]}
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
