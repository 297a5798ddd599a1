package clickhouse

import (
	"sync"
	"sync/atomic"
)

// Stats are totals since Open.
type Stats struct {
	Inserts uint64 // blocks that the server has answered for
	Rows    uint64 // calls in them
	Skipped uint64 // batches that were kept already
	Retries uint64 // attempts that failed and were repeated
	// Overloaded counts the retries that the server asked for: too many parts,
	// or no memory left.
	Overloaded uint64
	// Burnt are blocks that the server said it had and had not, after it was
	// killed in the wrong instant; they were inserted under another token.
	Burnt     uint64
	LastError string // of the last attempt that failed
}

type counters struct {
	inserts, rows, skipped, retries, overloaded, burnt atomic.Uint64
	mu                                                 sync.Mutex
	lastError                                          string
}

func (c *counters) retry(err error) {
	c.retries.Add(1)
	if code := codeOf(err); code == codeTooManyParts || code == codeMemoryLimit {
		c.overloaded.Add(1)
	}
	c.mu.Lock()
	c.lastError = err.Error()
	c.mu.Unlock()
}

// Stats returns the totals.
func (s *Store) Stats() Stats {
	c := &s.stats
	c.mu.Lock()
	last := c.lastError
	c.mu.Unlock()
	return Stats{Inserts: c.inserts.Load(), Rows: c.rows.Load(), Skipped: c.skipped.Load(), Retries: c.retries.Load(), Overloaded: c.overloaded.Load(), Burnt: c.burnt.Load(), LastError: last}
}
