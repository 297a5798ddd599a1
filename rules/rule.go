package rules

import (
	"time"

	"lapwing/event"
)

// A Rule is one declaration, as read and checked.
type Rule struct {
	ID          string // lower-case words with dashes, unique in a set
	Title       string // template, see Template
	Summary     string // template; "" is made from the form of the rule
	Description string
	NextStep    string
	Severity    event.Severity
	Version     int // part of the identity of its alerts; from 1
	Benign      []string
	References  []string
	Tags        event.Tags

	When    string   // expression; "" only where every part has its own
	GroupBy []string // fields; empty: all calls together
	Entity  string   // the field of GroupBy that alerts are about; "" if there is none
	Groups  int      // how many are remembered

	Form     Form
	Over     time.Duration // the window; 0 where each call fires
	AtLeast  int           // events, different values, or events that a share is of
	Distinct string        // field
	Share    float64       // FormRatio: 0 … 1
	Of       string        // FormRatio: expression for the part
	Steps    []Step        // FormSequence and FormTogether

	Examples []Example

	File   string
	Line   int
	Source string // of the rule in its file, for those who copy it

	key     uint64 // hash of what decides when the rule fires
	when    predicate
	of      predicate
	steps   []predicate // repetitions unrolled
	again   uint64      // by bit: the step repeats the one before
	group   []*field
	value   *field // of Distinct
	title   template
	summary template
}

// A Step is one event of a sequence or combination.
type Step struct {
	When  string
	Times int // FormSequence: how often it must come in a row of steps; from 1
}

// Form says what a rule asks for.
type Form uint8

const (
	FormEach     Form = iota // every call that matches
	FormCount                // AtLeast calls that match, within Over
	FormDistinct             // AtLeast different values of Distinct in calls that match, within Over
	FormRatio                // of at least AtLeast calls that match within Over, Of holds for Share
	FormSequence             // a call for each of Steps, in that order, within Over
	FormTogether             // a call for each of Steps, in any order, within Over
)

var formNames = [...]string{"each", "count", "distinct", "ratio", "sequence", "together"}

// String names the form as rule files do.
func (f Form) String() string {
	if int(f) >= len(formNames) {
		return "invalid"
	}
	return formNames[f]
}

// An Example is a labelled piece of traffic, kept beside the rule.
type Example struct {
	Name   string
	Calls  []ExampleCall
	Alerts int    // how many alerts the rule raises; 0: none
	Entity string // of one of them; "" is not checked
	Line   int
}

// Cost is how many steps the rule takes for a call, walks through lists not counted.
func (r *Rule) Cost() int {
	n := 1 + r.when.steps + r.of.steps
	for _, p := range r.steps {
		n += p.steps
	}
	return n
}

// A Set is all rules in force, in the order of their IDs. It is never changed.
type Set struct {
	rules []*Rule
	byKey map[uint64]int
}

// Rules returns the rules in the order of their IDs. The caller does not change them.
func (s *Set) Rules() []*Rule {
	if s == nil {
		return nil
	}
	return s.rules
}
