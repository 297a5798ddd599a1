// Package network says where an address belongs: autonomous system, country,
// and what kind of network it is. What it knows is in files that the user
// brings; without them nothing is known, and no detector needs it.
//
// Two kinds of files are read. Databases in MaxMind's format (.mmdb; the format
// is published at https://maxmind.github.io/MaxMind-DB/) of any vendor that
// names its fields as MaxMind, DB-IP or IPinfo do. And tables of classes, as
// CSV or YAML: autonomous system or prefix, and a class.
//
// Facts of networks are configuration, not observation: a file that changes is
// read again, and calls judged after that have the new facts; a replay has the
// facts of today. A file that cannot be read keeps the one before in force.
//
// Concurrency: a Lookup is for any goroutine; a function that ForEngine
// returns is for one.
//
// Limits: files of 1 GiB, tables of a million entries. Files are read into
// memory as a whole: one that is overwritten in place while it is mapped would
// end the process. Answers are remembered in 8,192 places for each engine.
package network
