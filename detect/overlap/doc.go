// Package overlap finds a catalogue that many take together, each a part.
//
// People who read the same catalogue meet: what is popular is read by many,
// and even readers who pick at random pick the same thing now and then, as
// people share birthdays. Workers who divide a catalogue among themselves
// never do. So the stage counts, for the callers of one program at one place,
// how often an object is read by a second of them, and compares it with the
// least that independent readers of that place would show. Nothing depends on
// rates, addresses or accounts; a reader counts once for each object.
//
// What belongs to somebody is read by its owner alone and never met: where
// nobody meets, the least that is expected is nothing, and nothing is said.
//
// Package objects tells it of the first read of each (actor, object) as facts
// keyed by place; all state is keyed by place. Sizes are bounded: a sample of
// objects a place, the busiest programs of it, and one budget for the sets of
// what they took, which are thinned where they grow. One goroutine, no clock,
// no randomness.
package overlap
