// Package snapshot writes the whole state of a running engine to a stream, and
// reads it into a freshly made one, which then goes on exactly as the first
// would have.
//
// Save and Load walk the graph of objects from a root by reflection, unexported
// fields included. Pointers keep their identity, cycles too: what was shared is
// shared again. Load fills the objects that the constructor made wherever the
// root has them, and makes new ones for the rest, so that functions, channels
// and configuration stay those of the constructor. Slices are copied: two that
// share an array do not share it afterwards, and a pointer to the inside of
// another object becomes a pointer to a copy; Check finds both.
//
// A field's tag says what is special about it:
//
//	snapshot:"-"     scratch or derived: left as the constructor made it
//	snapshot:"same"  configuration: not written, but part of the fingerprint;
//	                 state may point to what hangs below it
//
// A snapshot begins with a fingerprint of the types that are reached and of the
// configuration. One of another build, machine type or configuration is refused with
// ErrOther, and its reader has to learn again. Equal state gives equal bytes.
//
// Damage is found (CRC) and never panics; what a snapshot makes Load allocate
// is bounded. The bytes are not authenticated: who may write a snapshot decides
// what is detected, so it belongs where the calls themselves are kept.
//
// One goroutine; the root must not change meanwhile.
package snapshot

import "errors"

var (
	// ErrOther is returned by Load for the snapshot of another build or
	// configuration, before the root has been touched.
	ErrOther = errors.New("snapshot of another build or configuration")
	// ErrCorrupt is returned by Load for damaged bytes. The root is then half
	// filled, and must be thrown away.
	ErrCorrupt = errors.New("snapshot is damaged")
)

// A Typer says which types, named by any value of them, may stand in the
// interfaces below it. Asked are the root, and the zero value of each type.
type Typer interface{ SnapshotTypes() []any }

// A Restorer is told when everything has been read, and builds what was not
// written. Asked is every object that a pointer leads to.
type Restorer interface{ Restored() error }
