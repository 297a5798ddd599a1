package evaluate

// A Scenario is one that worlds can have.
type Scenario struct {
	ID     string   // A01 …, B01 …
	Name   string   // a few words
	Levels []string // L1 … L4; empty for those without levels
	Attack bool
	Twin   bool // there is a harmless double
	Says   string
}
