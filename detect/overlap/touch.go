package overlap

import "lapwing/event"

// Name is what facts to this stage are addressed to.
const Name = "overlap"

// A Touch tells the stage that an actor read an object that it had not read
// before. The fact's key is the place: the route and the parameter.
type Touch struct {
	Object  uint64
	Program uint64 // key of the fingerprint, else of the Family; 0: unknown
	// Reads is how many distinct objects the actor has read here, this one
	// included.
	Reads int32
	// Untold is how many of them no answer had told the actor of, this one
	// included; 0 if it had been told of this one, or answers are not seen.
	Untold    int32
	Sensitive bool    // the answer held sensitive data
	From      *Origin // with the first read of an actor, else nil
}

// An Origin is what an alert says of a place and a program.
type Origin struct {
	Fingerprint, UserAgent string
	Host, Method, Route    string
	Sample                 event.CallSample
}

// longestAgent is how much of a user agent is looked at.
const longestAgent = 256

// Family is a user agent without its versions, which is what names a program
// where a source shows no fingerprint.
func Family(userAgent string) string {
	var buf [longestAgent]byte
	b := buf[:0]
	for i := range min(len(userAgent), longestAgent) {
		if c := userAgent[i]; (c < '0' || c > '9') && c != '.' && c != '_' {
			b = append(b, c)
		}
	}
	return string(b)
}
