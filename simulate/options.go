package simulate

import "time"

// Options say what to make up. The zero value is a small world without attack.
type Options struct {
	Seed   uint64
	App    string        // kind of application; "" lets the seed choose
	Users  int           // people with an account; 0 lets the seed choose between 200 and 2,000
	Length time.Duration // 0 means 24 hours, or as long as its scenarios need
	Start  time.Time     // zero: 2026-03-02 00:00 UTC, a Monday
	// Rate multiplies how often people come; 0 means 1.
	Rate float64
	// Scenarios that happen besides everyday life, such as A15 at L3.
	Scenarios []Choice
}

// A Choice is one scenario of a run.
type Choice struct {
	ID    string // A01 …, B01 …
	Level string // L1 … L4; "" for those without levels
	// Twin makes, instead of the attack, its harmless double: the same pace,
	// addresses, programs and shares of answers, with legitimate structure.
	Twin bool
}
