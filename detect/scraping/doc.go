// Package scraping finds those who take a catalogue: many distinct objects and
// pages, read the way a program reads.
//
// How many distinct things an actor read, beside what others read of the same
// host, says whether there is anything to explain; how it read them says who
// did. Evidence is the sum of three groups (volume, timing, coverage), each
// bounded, and of what kind of caller it is. Nothing is counted per hour or
// day: distinct things add up for 30 days, so slowness alone hides nobody.
//
// Objects that no answer had disclosed are enumeration, which another stage
// reports; an actor that mostly asks for those is left to it. Works on packets
// and logs. Every table is bounded and protects what has evidence against it.
// One goroutine, no clock, no randomness.
package scraping
