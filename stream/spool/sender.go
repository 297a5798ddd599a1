package spool

import (
	"context"
	"fmt"
)

// A Packed record is ready to travel: an encoded wire.Record and what must be
// known of it to send it. It is the same bytes each time it is sent.
type Packed struct {
	Partition int    // of the calls topic
	Boot      uint64 // of the process that numbered the calls, Unix ms
	First     uint64 // sequence number of the first call
	Calls     uint64 // how many calls are in it; 0: it only tells the time
	Value     []byte // the encoded wire.Record; valid until Send returns
}

// A Sender carries records out of the spool. It is used by one goroutine.
type Sender interface {
	// Send returns nil once all records are durable at the other end. The
	// records of one partition must arrive in their order. After an error the
	// outcome is unknown, and the same records are sent again in the same
	// order, after a pause that the spool chooses.
	//
	// Three kinds of errors steer the spool: a *Rejection says that one record
	// will never be taken, a *Partial that some were taken, a *Pause when to
	// try again.
	Send(ctx context.Context, recs []Packed) error
}

// A Rejection is a Sender's word that a record will be refused for ever, such
// as one that the other end cannot decode. The spool sets it aside, counts its
// calls as dropped, and goes on with those behind it. Records before Index
// count as sent.
type Rejection struct {
	Index  int    // of the record among those that were sent
	Reason string // for people
}

// A Partial is an error after the first Sent records were taken: they are not
// sent again.
type Partial struct {
	Sent int
	Err  error
}

func (p *Partial) Error() string { return p.Err.Error() }
func (p *Partial) Unwrap() error { return p.Err }

func (r *Rejection) Error() string {
	return fmt.Sprintf("record %d was rejected: %s", r.Index, r.Reason)
}
