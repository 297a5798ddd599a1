package http1

import "lapwing/event"

// A Side says which kind of message a direction carries.
type Side uint8

const (
	Requests Side = iota
	Responses
)

// A Span is a part of Head.Bytes: bytes [Start, End).
type Span struct{ Start, End uint32 }

// In returns the part of head that the span names.
func (s Span) In(head []byte) []byte { return head[s.Start:s.End] }

// A FieldSpan is one header line, without the blanks around its value.
type FieldSpan struct{ Name, Value Span }

// Version is the protocol version of a message.
type Version uint8

const (
	VersionNone  Version = iota // not stated (a request of HTTP/0.9)
	Version10                   // HTTP/1.0
	Version11                   // HTTP/1.1, and any later 1.x
	VersionOther                // anything else; read as HTTP/1.1
)

// A Head is the start of a message. Everything in it is borrowed until
// Handler.Head returns. Spans index Bytes, so that a copy of Bytes and Fields
// is a copy of the head.
type Head struct {
	Bytes   []byte // from the first byte of the start line; folds replaced by spaces
	Method  Span   // requests
	Target  Span   // requests: as sent
	Status  int    // responses: 100…999
	Version Version
	Fields  []FieldSpan // at most Config.Fields, in the order sent

	StartSeq uint32 // sequence number of the first byte
	StartNS  int64  // when it was seen, Unix nanoseconds

	Flags event.Flags
	Lost  int64 // bytes of the head itself that are missing; the head is then cut

	Upgrade        Span // value of the last Upgrade field
	ExpectContinue bool // Expect: 100-continue
}

// A Rule is what a Handler knows about the body of a message that the message
// itself cannot say.
type Rule uint8

const (
	RuleFramed  Rule = iota // the fields tell
	RuleNoBody              // none, whatever the fields say: the answer to HEAD
	RuleUnasked             // the fields tell, but the request is not known: it may have been HEAD
	RuleSwitch              // none, and what follows is no HTTP/1: it goes to Handler.Rest
)

// A Finish says how a message ended.
type Finish struct {
	Complete bool        // all of it was there, holes apart
	Flags    event.Flags // what was learnt after the head
	LastNS   int64       // when its last byte was seen, Unix nanoseconds
}

// A Handler is told of messages. A call to Head is followed by any number of
// Body and Lost calls and one End; Rest is called between messages only.
type Handler interface {
	// Ready is asked before each message. False pauses the decoder: Data
	// returns and the rest of its bytes must be offered again.
	Ready() bool
	// Head reports the start of a message.
	Head(h *Head) Rule
	// Body reports part of its body, transfer coding removed, borrowed.
	Body(b []byte)
	// Lost reports n bytes of its body missing.
	Lost(n int64)
	// End reports the end of the message.
	End(f Finish)
	// Unread reports n bytes that belong to no message: what was passed over
	// in search of the next one.
	Unread(n int)
	// Hole reports n missing bytes that may have held whole messages.
	Hole(n int64)
	// Rest reports bytes of the protocol that follows after RuleSwitch.
	Rest(b []byte)
}
