// Package ceiling learns how often harmless actors of one kind do what an
// attacker does: the p0 of a test, and with it p1.
//
// A ceiling is not a mean. A harmless actor at twice the rate that a test
// assumes raises its false alarms a hundredfold, one at a fifth of it hardly
// raises any at all; so p0 is the rate of the thousandth actor and a quarter
// more, within bounds that belong to the detector. Rates of actors with few
// events are drawn towards those of their kind (empirical Bayes, a beta prior
// fitted by moments: Kleinman 1973), or chance would set the ceiling.
//
// Use: once an hour, in Advance and in the canonical order of a table, Begin,
// Add every actor against whom there is no evidence, and Learn. In between, Test
// says what to judge by. Before 500 events of 50 actors the detector's own test
// holds, and the verdict is marked cold.
//
// Promises. A Cohort takes under 400 bytes and no allocation; it is a plain
// value, and snapshots can write it. No clock.
package ceiling
