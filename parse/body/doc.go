// Package body reads message bodies far enough to describe them: which keys of
// which types, which identifiers and credentials, which classes of sensitive
// data, how the operation went.
//
// Input is foreign: every format is read by a tolerant scanner that never
// fails, reads each byte a bounded number of times and stops at stated limits.
// What a limit cut off is said in Doc.More and Doc.Flags. Nothing of a Doc
// survives the next Read into it: leaves point into the input and into buffers
// of the Reader. A Reader is used by one goroutine.
package body
