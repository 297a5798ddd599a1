// Package rules judges calls by what the user declared: an expression over the
// fields of a call, and if wanted a count, a number of distinct values, a
// ratio, a sequence or a combination over a window of event time.
//
// A rule is plain: it weighs nothing and learns nothing. It says what its
// author said, so its alerts have the detector "custom_rule", the flag
// "rule:<id>" and evidence of zero.
//
// Promises. Rules are compiled once; the expression language is that of
// github.com/expr-lang/expr, of which the parser and the type checker are used,
// and a subset of which is compiled into functions that allocate nothing.
// Nothing in it reads a clock or the outside. Each rule is judged as if it were
// alone: adding, changing or removing another one changes none of its alerts.
// What a rule counts is kept under the hash of the rule and its group, and
// reaches that place as a fact, so that it can be in another process.
//
// Limits. The number of rules, their size, the steps that all of them take for
// a call, the groups that each remembers, and the size of each group are
// bounded by the constants below; what gives way is counted.
package rules

import "time"

const (
	// MaxFileBytes is the size of a rule file.
	MaxFileBytes = 1 << 20
	// MaxFiles is how many files a set is read from.
	MaxFiles = 1000
	// MaxRules is how many rules a set has. Each costs every call some tens of
	// nanoseconds at least.
	MaxRules = 500
	// MaxNodes is the size of one expression, in nodes of its tree: a list of a
	// thousand words is a thousand nodes.
	MaxNodes = 4000
	// MaxSteps is what all rules of a set may cost for one call: nodes of their
	// trees, and turns through lists. It is some hundred microseconds.
	MaxSteps = 100_000
	// MaxWindow is the longest window.
	MaxWindow = 7 * 24 * time.Hour
	// MaxThreshold bounds how many events, and MaxDistinct how many different
	// values, a rule can ask for.
	MaxThreshold = 1_000_000
	MaxDistinct  = 2000
	// MaxSteplist is how many steps a sequence has, repetitions unrolled.
	MaxSteplist = 64
	// MaxGroupBy is how many fields calls are grouped by.
	MaxGroupBy = 4
	// DefaultGroups is how many groups a rule remembers unless it says
	// otherwise, and DefaultTold how many if each call fires: those are groups with
	// an alert, of some 2 KB. A rule remembers at most MaxGroups, a set MaxSetGroups.
	DefaultGroups = 4096
	DefaultTold   = 1024
	MaxGroups     = 65_536
	MaxSetGroups  = 1_048_576

	maxText     = 2000 // characters of a title, summary, description
	maxShown    = 120  // characters of a value in an alert
	maxExamples = 100  // of one rule
)

// Detector is what alerts of rules have as their detector.
const Detector = "custom_rule"

// StageName is the name of the stage.
const StageName = "rules"
