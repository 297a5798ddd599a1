// Package probing finds those who look for what is not there: scanners with
// word lists, forced browsing, guesses at methods and versions.
//
// Each distinct path that nothing ever confirmed and that is not found counts
// against the one who asked for it, and each distinct path that is answered
// counts for them; the same path counts once in 30 days, at whatever pace.
// Names that only scanners ask for weigh more. What many different clients
// miss alike is a broken link and counts no longer. The evidence is kept for a
// network principal, a client, an authenticated actor and a network of
// clients; the narrowest of them that explains it is the one reported. What is
// divided among many networks is judged by the program that its workers share.
//
// Paths that are answered create no state, so benign traffic costs a few table
// look-ups. Every table is bounded and protects what has evidence against it.
// Works on packets and logs alike. One goroutine, no clock, no randomness.
package probing
