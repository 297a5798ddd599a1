package wire

import (
	"errors"
	"fmt"
)

// Major is the version of the form that this package writes and reads. It
// grows only when fields change their meaning; what is merely added leaves it
// as it is, and older readers skip it.
const Major = 1

// ErrNewer is wrapped by Decode's error for a record of a later major version.
// Such a record is sound: keep it, and read it with a later Lapwing.
var ErrNewer = errors.New("record is of a newer form")

// ErrMalformed is wrapped by Decode's error for bytes that are no record. They
// will never be one: set them aside.
var ErrMalformed = errors.New("malformed record")

func errNewer(major uint64) error {
	return fmt.Errorf("%w: its version is %d and this Lapwing reads up to %d; upgrade those who read before those who send", ErrNewer, major, Major)
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}
