// Package alerting turns alerts into incidents, and incidents into messages
// that people and machines get.
//
// Promises: once Accept has returned nil, the alerts are on stable storage and
// everybody who is to be told about them will be: every destination gets each
// notification at least once, in order, across restarts and outages, until it
// is older than Config.MaxAge; then it is counted as dead. What was delivered
// is remembered, so that a restart repeats at most the one message that was in
// flight. An alert that was accepted before, in the same or a later revision,
// changes nothing.
//
// Concurrency: all methods of Pipeline may be called from any goroutine. Run
// delivers with one goroutine per destination; a slow or dead destination
// delays no other.
//
// Limits: incidents, alerts per incident, silences and pending notifications
// are bounded; what gives way is counted. When more messages than a
// destination's rate are due in a minute, the surplus is folded into one
// message that says how many were folded.
//
// Time: everything is decided by Config.Now, which people live by, not by event
// time: an incident of yesterday's traffic is still news.
package alerting
