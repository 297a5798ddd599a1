package simulate

import "net/netip"

// An Exchange is one HTTP request and its answer as they crossed the wire in
// front of the application. Its slices are valid until emit returns.
type Exchange struct {
	AtNS       int64          // first byte of the request, Unix ns
	DurationNS int64          // to the last byte of the answer
	Peer       netip.AddrPort // the socket's client end: a caller, or a proxy before the application
	Server     netip.AddrPort
	Conn       uint64 // exchanges of one TCP connection share it; they never overlap

	Method          string
	Target          string // origin form, with query
	Host            string
	RequestHeaders  []Header // in the order sent, Host among them
	RequestBody     []byte
	Status          int
	ResponseHeaders []Header
	ResponseBody    []byte

	// What no sensor sees.
	Caller netip.Addr // who called; Peer's address unless there is a proxy
	User   string     // the account behind it, "" if none
	Part   int        // 0: everyday traffic; n: belongs to Truth.Parts[n-1]
	// Trace is set on attack calls that did harm: a secret guessed, a foreign
	// object read, a new item taken. What counts is said by Part.HarmUnit.
	Harm int
}

// A Header is one header line.
type Header struct{ Name, Value string }
