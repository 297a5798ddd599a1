// Package detecting runs detection over a partitioned log of calls: it reads
// all partitions, judges, tells alerts and endpoints, and keeps snapshots so
// that another process goes on where this one stopped.
//
// Promises.
//
//   - What is said is a function of the log. Within a partition records are
//     taken in order and each once: offsets fence what a client hands out
//     again, sequence numbers drop what a sensor sent twice. Across partitions
//     any interleaving gives the same alerts as long as no call is late, that
//     is, as long as sensors keep their promises of time; a late call is judged
//     in the next second and counted.
//   - A snapshot holds the whole state with the offsets it belongs to. Alerts
//     raised since the last snapshot are told again by a successor, under the
//     same identities and revisions: none is lost, and repetition is harmless.
//     Alerts are in their topic before an offset behind them is committed.
//   - Time comes from the log alone. Where the wall clock has to decide (a
//     sensor that fell silent), the decision is written into the log first and
//     taken from there, so that a replay decides the same.
//
// Limits: two fetches a partition are held in memory; a thousand sensors with
// ten sources each are known at once.
//
// A Follower is the part that decides, without any input or output; a Detector
// runs it.
package detecting
