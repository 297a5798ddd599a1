// Package exchange turns one observed HTTP exchange into an event.Call that
// may leave the sensor: it finds out who called, hides what is secret, hashes
// what identifies, and describes bodies by their shape.
package exchange
