package exchange

import (
	"net/netip"
	"unsafe"

	"lapwing/event"
)

const (
	// chunkBytes is how much text is allocated at once. A call keeps the chunks
	// its strings lie in; whoever keeps single calls for long copies them.
	chunkBytes = 64 << 10
	// slabCalls is how many calls are allocated at once, about 14 KiB.
	slabCalls = 16
	// slabRefs is how many identifiers are allocated at once, 28 KiB.
	slabRefs = 512

	// maxInterned bounds the texts that recur (methods, hosts, agents, shapes),
	// maxInternedBytes each of them: 4 MiB at most. All are forgotten when the
	// bound is reached, which costs one copy of each that is still in use.
	maxInterned      = 8192
	maxInternedBytes = 512
	// maxAddresses bounds the addresses remembered with their text, about 100
	// bytes each: 3 MiB.
	maxAddresses = 32768
	// frontSlots is how many texts are found without hashing.
	frontSlots = 512
)

// An arena allocates what calls are made of, many at a time, and never reuses
// any of it.
type arena struct {
	chunk []byte
	calls []event.Call
	refs  []event.IDRef
	front *[frontSlots]string // of texts: the last that fell on each place
	texts map[string]string
	addrs map[netip.Addr]string
}

func newArena() arena {
	return arena{front: new([frontSlots]string), texts: map[string]string{}, addrs: map[netip.Addr]string{}}
}

func (a *arena) call() *event.Call {
	if len(a.calls) == 0 {
		a.calls = make([]event.Call, slabCalls)
	}
	c := &a.calls[0]
	a.calls = a.calls[1:]
	return c
}

// ids copies refs.
func (a *arena) ids(refs []event.IDRef) []event.IDRef {
	if len(refs) == 0 {
		return nil
	}
	if len(refs) > slabRefs/4 {
		return append([]event.IDRef(nil), refs...)
	}
	if len(a.refs) < len(refs) {
		a.refs = make([]event.IDRef, slabRefs)
	}
	out := a.refs[:len(refs):len(refs)]
	a.refs = a.refs[len(refs):]
	copy(out, refs)
	return out
}

// text copies b into a string of its own.
func (a *arena) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > chunkBytes/8 {
		return string(b)
	}
	if len(a.chunk) < len(b) {
		a.chunk = make([]byte, chunkBytes)
	}
	n := copy(a.chunk, b)
	// The bytes are written once, here, and never again: a string may share them.
	s := unsafe.String(&a.chunk[0], n)
	a.chunk = a.chunk[n:]
	return s
}

// slotOf spreads texts that are not empty over small tables in which each place
// holds the last that fell on it: cheaper than hashing, and no worse than
// looking further when it fails.
func slotOf(b []byte) uint {
	n := uint(len(b))
	return n*37 + uint(b[0])*5 + uint(b[n-1])*7 + uint(b[n/2])*3 + uint(b[n*3/4])*11
}

// intern returns one shared string for equal texts that are likely to recur.
func (a *arena) intern(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > maxInternedBytes {
		return a.text(b)
	}
	slot := &a.front[slotOf(b)%frontSlots]
	if *slot == string(b) {
		return *slot
	}
	s, ok := a.texts[string(b)]
	if !ok {
		if len(a.texts) >= maxInterned {
			clear(a.texts)
		}
		s = string(b)
		a.texts[s] = s
	}
	*slot = s
	return s
}

func (a *arena) address(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	if s, ok := a.addrs[ip]; ok {
		return s
	}
	if len(a.addrs) >= maxAddresses {
		clear(a.addrs)
	}
	s := ip.String()
	a.addrs[ip] = s
	return s
}
