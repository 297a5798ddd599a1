package event

import "fmt"

func errUnknown(what string, b []byte) error {
	if len(b) > 64 {
		b = b[:64]
	}
	return fmt.Errorf("unknown %s %q", what, b)
}
