// Package evaluate measures detection: it leads made-up traffic through the
// same steps as real traffic (exchanges become calls, calls are detected over
// in event time), beside static rules as others publish them, and compares
// what was told with what was done.
//
// A Runner does Runs, each one world: everyday life, and usually one scenario
// in it. A Score is what came of one run; a Report sums Scores up, with exact
// binomial intervals. There is one configuration of detection for all runs,
// and its hash stands in the report; what a run holds reaches detection as
// calls alone.
//
// Promises. Equal plans give equal reports but for the figures of speed and
// memory, which are of the machine. A run's memory is bounded by the people
// and objects of its world, the attack's calls (at most 1,000,000 are told
// apart) and the alerts (at most 20,000). Runs are independent and are done
// on several goroutines; everything else is used by one.
//
// What is right. An alert is right if it names an entity that the truth lists,
// under a detector that the truth lists, between the begin of the attack and
// an hour after its end. Every other alert is false, also one that tells a
// real attack under a wrong name; which of the two is told apart in the
// report. An attack counts as found with a right alert of medium severity or
// above.
package evaluate
