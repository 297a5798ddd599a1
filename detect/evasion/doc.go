// Package evasion finds those who keep changing what they look like: the other
// detectors count by address, by program, by token, and whoever is somebody new
// with every call is counted by none of them. What it tells is low: it says where
// the counting is evaded, not what for.
//
//	an address whose calls come under ever new programs
//	a program, or a network, in which ever new addresses appear, by its own past
//
// Promises. An address is judged where its calls are observed. Programs and
// networks are counted as calls are observed, added up every ten seconds, which
// does not depend on their order, and judged by fact under their own key. State
// is bounded.
package evasion
