package event

// A Heartbeat is how a source of calls tells the time: every call of it that
// ended before LowNS has been published. It is how wall-clock time enters
// detection: as data.
type Heartbeat struct {
	Source  string
	LowNS   int64
	Retired bool // the source has ended; nobody waits for it any longer
}
