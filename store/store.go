// Package store says what is kept and what can be asked, whatever database
// keeps it.
//
// AppendCalls is atomic: the calls of a batch and the progress of their sources
// become visible together or not at all. That is what lets a source resume
// after a crash with nothing lost and nothing doubled.
package store

import (
	"context"
	"time"

	"lapwing/event"
)

// A Writer keeps what it is given. Methods return once the data is durable.
type Writer interface {
	// AppendCalls adds calls, and notes how far their sources have been read.
	AppendCalls(ctx context.Context, calls []*event.Call, progress []event.Progress) error
	// PutAlerts keeps alerts by ID; a revision not newer than the kept one is ignored.
	PutAlerts(ctx context.Context, alerts []event.Alert) error
	// PutEndpoints replaces the inventory.
	PutEndpoints(ctx context.Context, endpoints []event.Endpoint) error
	// Retain deletes calls that ended before the given time, and resolved
	// alerts last seen before it. It returns how many calls it deleted.
	Retain(ctx context.Context, before time.Time) (int64, error)
}

// A Reader answers questions about what is kept.
type Reader interface {
	// Progress returns how far each source has been read.
	Progress(ctx context.Context) (map[string]int64, error)
	// Calls hands every call that matches to fn, in order of (end, id), until
	// fn returns an error, which Calls then returns.
	Calls(ctx context.Context, q CallQuery, fn func(*event.Call) error) error
	// CountCalls counts them.
	CountCalls(ctx context.Context, q CallQuery) (int64, error)
	// Alerts returns the newest revision of every alert that matches, by (detected, id).
	Alerts(ctx context.Context, q AlertQuery) ([]event.Alert, error)
	// Endpoints returns the inventory by (host, route, method).
	Endpoints(ctx context.Context) ([]event.Endpoint, error)
}

// A CallQuery selects calls; zero fields select nothing away.
type CallQuery struct {
	Since, Until time.Time // by the end of the call: Since ≤ end < Until
	Client       string
	Actor        string // value of the actor, or of its user or token
	Host         string
	PathPrefix   string
	Limit        int // 0: all
}

// An AlertQuery selects alerts; zero fields select nothing away.
type AlertQuery struct {
	ID       string // whole, or its beginning
	Detector string
	Severity event.Severity // at least
	Status   event.Status
	Since    time.Time // last seen
	Limit    int       // the newest so many; 0: all
}

// An Eraser forgets a person.
type Eraser interface {
	// Erase deletes every call whose actor, user, token or account is the
	// given value, for good, and returns how many there were. Calls that
	// arrive later are not affected.
	Erase(ctx context.Context, actor string) (int64, error)
}
