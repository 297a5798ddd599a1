package report

import (
	"fmt"
	"strings"
	"time"

	"lapwing/event"
)

// CallColumns are the columns of the table of calls.
var CallColumns = []string{"time", "client", "method", "host", "path", "status#", "request#", "response#", "ms#", "actor", "notes"}

// CallRow is one row of it.
func CallRow(c *event.Call) []string {
	path := c.Path
	if c.Query != "" {
		path += "?" + c.Query
	}
	client := ""
	if c.Client.IsValid() {
		client = c.Client.String()
	}
	status := "-"
	if c.Status != 0 {
		status = fmt.Sprint(c.Status)
	}
	notes := c.Flags.Names()
	switch {
	case c.Gap.NoRequest:
		notes = append(notes, "no_request")
	case c.Gap.NoResponse:
		notes = append(notes, "no_response")
	}
	if n := c.Gap.Request + c.Gap.Response; n > 0 {
		notes = append(notes, fmt.Sprintf("%d_bytes_lost", n))
	}
	actor := ""
	if c.Actor.Kind != event.KindClient {
		actor = string(c.Actor.Kind) + " " + c.Actor.Value
	}
	return []string{c.Time.UTC().Format("2006-01-02 15:04:05.000"), client, c.Method, c.Host, path, status,
		fmt.Sprint(c.RequestBytes), fmt.Sprint(c.ResponseBytes), fmt.Sprintf("%.1f", float64(c.Duration)/float64(time.Millisecond)), actor, strings.Join(notes, ",")}
}

// EndpointColumns are the columns of the inventory.
var EndpointColumns = []string{"state", "method", "host", "route", "calls#", "clients#", "auth", "statuses", "last seen", "why"}

// EndpointRow is one row of it.
func EndpointRow(e *event.Endpoint) []string {
	last := ""
	if !e.LastSeen.IsZero() {
		last = stamp(e.LastSeen)
	}
	return []string{string(e.State), e.Method, e.Host, e.Route, fmt.Sprint(e.Calls), fmt.Sprint(e.Clients),
		strings.Join(e.Auth, ","), strings.Trim(fmt.Sprint(e.Statuses), "[]"), last, e.Reason}
}

// DriftColumns are the columns of what departs from the API descriptions.
var DriftColumns = []string{"method", "host", "route", "what", "name", "calls#", "first seen", "last seen"}

// DriftRows are the rows of one endpoint in it.
func DriftRows(e *event.Endpoint) [][]string {
	rows := make([][]string, len(e.Drift))
	for i, d := range e.Drift {
		rows[i] = []string{e.Method, e.Host, e.Route, string(d.Kind), d.Name, fmt.Sprint(d.Calls), stamp(d.FirstSeen), stamp(d.LastSeen)}
	}
	return rows
}
