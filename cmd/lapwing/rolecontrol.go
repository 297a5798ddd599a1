package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"lapwing/alerting"
	"lapwing/event"
	"lapwing/store"
)

// control is what the socket of a process answers from. A part that the
// process does not have gives an error that says where it is.
type control struct {
	alerts    func(ctx context.Context, q store.AlertQuery) ([]event.Alert, error)
	endpoints func(ctx context.Context) ([]event.Endpoint, error)
	pipeline  func(ctx context.Context) (*alerting.Pipeline, error)
}

// errElsewhere marks an answer about what another process has.
type errElsewhere struct{ error }

func (e errElsewhere) Unwrap() error { return e.error }

func (fl *fleet) listenControl() (func(context.Context) error, error) {
	listener, err := listenControl(fl.env.cfg.path(controlSocket))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return serve(ctx, listener, fl.control().handler()) }, nil
}

// control answers from the store and the alerter, if this process has them.
func (fl *fleet) control() *control {
	var names []string
	var alerter *alerterRole
	for _, r := range fl.roles {
		names = append(names, r.Name())
		if a, ok := r.(*alerterRole); ok {
			alerter = a
		}
	}
	elsewhere := func(what, who string) error {
		return errElsewhere{fmt.Errorf("this lapwing is %s, and %s: ask %s", strings.Join(names, ", "), what, who)}
	}
	c := &control{
		alerts: func(ctx context.Context, q store.AlertQuery) ([]event.Alert, error) {
			if fl.env.store == nil {
				return nil, elsewhere("it keeps no alerts", "an alerter, or give the configuration that names the ClickHouse and another --data")
			}
			return fl.env.store.Alerts(ctx, q)
		},
		endpoints: func(ctx context.Context) ([]event.Endpoint, error) {
			if fl.env.store == nil {
				return nil, elsewhere("it keeps no inventory", "an archiver, or give the configuration that names the ClickHouse and another --data")
			}
			return fl.env.store.Endpoints(ctx)
		},
		pipeline: func(ctx context.Context) (*alerting.Pipeline, error) {
			if alerter == nil {
				return nil, elsewhere("incidents and silences are not with it", "the active alerter")
			}
			if p := alerter.pipeline(); p != nil {
				return p, nil
			}
			return nil, errElsewhere{alerter.activeElsewhere(ctx)}
		},
	}
	return c
}

// status is the HTTP status of an answer that failed.
func status(err error) int {
	var elsewhere errElsewhere
	switch {
	case errors.As(err, &elsewhere):
		return http.StatusMisdirectedRequest
	case errors.Is(err, alerting.ErrRefused):
		return http.StatusBadRequest
	case errors.Is(err, alerting.ErrUnknown):
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}
