// Package https carries encoded wire records from a sensor to a lapwing that
// has no Kafka: POST /v1/records with one record as the body.
//
// What it promises:
//
//   - Loss: 200 is answered only once the calls and the progress that names
//     them are stored, in one commit. A record whose answer was lost is sent
//     again, and recognised by (sensor, boot, sequence), across restarts of
//     either end.
//   - Order: a Sender sends one record after the other; a Receiver takes the
//     records of one sensor one at a time.
//   - Refusal: 422 says that a record will never be taken; the sender's spool
//     sets it aside. Anything else is tried again, slowly where only a person
//     can mend it.
//   - Limits: bodies are bounded packed and unpacked, before and after they
//     are decoded, and so are the sensors that are remembered.
//
// The protocol is plain HTTP (RFC 9110) with bearer tokens (RFC 6750) or
// mutual TLS.
package https
