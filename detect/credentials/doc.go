// Package credentials judges attempts at authentication: credential stuffing
// from one place (many accounts, few tries each) and brute force (many tries
// at one account, or at one code).
//
// Both are likelihood-ratio CUSUMs against benign ceilings, in event counts
// and not in time: going slower buys nothing. Stuffing counts each account
// once in 30 days and key, so that retries, polling and a monitor with a wrong
// password add nothing. An address that several people share is held against
// only what stays unresolved: accounts that failed and did not come in from
// there within ten minutes.
//
// Promises. State is bounded; keys with evidence against them are not pushed
// out by new ones. Server errors, locks and answers that cannot be read count
// neither way. One source makes one incident: its accounts are reported as
// brute force besides stuffing only when one of them alone would deserve it.
package credentials
