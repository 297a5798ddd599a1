package spool

import "time"

// A Pause is an error of a Sender together with how long to wait at least
// before the next attempt: what the other end asked for, or a long time when
// only a person can mend it, such as after wrong credentials.
type Pause struct {
	Err   error
	After time.Duration
}

func (p *Pause) Error() string { return p.Err.Error() }
func (p *Pause) Unwrap() error { return p.Err }
