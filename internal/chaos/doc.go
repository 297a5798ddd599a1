// Package chaos tests Lapwing as it is deployed: real programs, a real Kafka, a
// real ClickHouse. It has no code of its own for anything but tests.
//
// End to end, what comes out of sensors, Kafka, detectors, archivers and the
// alerter is compared with what `lapwing analyze` says of the same inputs.
// Chaos kills and breaks every part at random moments while logs grow, and then
// counts: lines written against calls in the log by sequence number, calls in
// the log against rows in ClickHouse, alerts against a detection that nobody
// disturbed, and each process's own counters against each other.
//
// LAPWING_CHAOS chooses the length: quick (some ten kills) or long (hundreds);
// unset, the chaos tests are skipped. LAPWING_SEED repeats a run's decisions.
// LAPWING_CORPUS names a directory of captures and logs that the end-to-end
// test reads as well.
package chaos
