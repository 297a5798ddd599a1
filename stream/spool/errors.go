package spool

import "fmt"

// A LostError says how many calls could not be written before the spool had
// to end.
type LostError struct {
	Calls int
	Err   error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("%d calls could not be written to the spool: %v", e.Calls, e.Err)
}

func (e *LostError) Unwrap() error { return e.Err }
