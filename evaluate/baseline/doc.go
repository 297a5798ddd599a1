// Package baseline holds static rules as others publish them, so that
// detection can be compared with them on the same calls.
//
// Each rule is reimplemented from its published numbers, as counters over
// event time. Where a product has the operator configure which path is the
// login and how a failure looks, the rule is told so by what the call itself
// shows (a secret was presented; a credential was or was not handed out), the
// same for every rule: better than most configurations, since it needs no
// upkeep. A rule tells of an entity at most once a day.
//
// Calls are observed in the order of their time. A Set is used by one
// goroutine. Its memory is bounded by the entities active within the longest
// window of a rule, at most 4,096 events each.
package baseline
