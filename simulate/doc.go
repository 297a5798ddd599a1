// Package simulate makes up API traffic with the truth beside it: applications
// with vocabularies, identifiers, logins and answers of their own, the people
// and machines that use them, and those who abuse them.
//
// Equal Options give equal exchanges on every machine: all randomness comes
// from the seed, all time from the simulation. Exchanges come in the order of
// their begin. The memory of a run is bounded by its people and objects, not
// by its length. A World is used by one goroutine and runs once; different
// worlds may run at the same time.
//
// The parts: world.go lets agents act in the order of their times (agent.go);
// app*.go are the application (kinds, resources, operations, answers);
// people.go, screens.go and machine.go are everyday life; net.go and program.go
// say from where and with what; scenario.go says how a scenario is written,
// benign*.go and attack*.go are the scenarios.
//
// The package knows nothing about how Lapwing detects and imports nothing of
// it: what it makes is judged by programs that share no code and no constants
// with it.
package simulate
