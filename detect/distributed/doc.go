// Package distributed finds credential stuffing and password spraying that no
// single source shows: one attempt an address, at any pace, for weeks.
//
// What it counts is not failed logins but failures of strangers: the account
// was never entered from this address, network or program. People fail from
// where they always come in; a botnet cannot. Each attempt becomes a fact of its
// account, where that is decided, and from there a fact of its endpoint, where
// the shares of such failures are watched for everybody together and for every
// program, agent, network and class of networks by itself; a second time ten
// minutes later, when most people who mistyped have come in.
//
// A share that rises against its ceiling opens one campaign for the endpoint.
// It names the program that explains most of the rise, says how much of that
// program's traffic is the attack's (Herley and Schechter, "Distinguishing
// Attacks from Legitimate Authentication Traffic at Scale", NDSS 2019: the
// share of ordinary outcomes that is missing), and lists the accounts that were
// entered out of it.
//
// Attempts come from the stage "credentials", which judges single sources
// first: what one address, network, session or program answers for alone is not
// counted here.
//
// Promises. State is bounded and keyed by account and by endpoint; what is
// compared across endpoints is a model that changes at ticks only. Attempts
// without a visible account are not judged.
package distributed
