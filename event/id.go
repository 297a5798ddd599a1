package event

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// An ID names a call. It is derived from what was observed and where, so that
// reading the same input again yields the same ID. Its text form is 32 hex
// digits.
type ID [16]byte

// MakeID builds an ID from two 64-bit hashes.
func MakeID(hi, lo uint64) (id ID) {
	binary.BigEndian.PutUint64(id[:8], hi)
	binary.BigEndian.PutUint64(id[8:], lo)
	return id
}

// IsZero reports whether the ID was never set.
func (id ID) IsZero() bool { return id == ID{} }

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Compare orders IDs by their bytes: -1, 0 or 1.
func (id ID) Compare(o ID) int {
	for i := range id {
		if id[i] != o[i] {
			if id[i] < o[i] {
				return -1
			}
			return 1
		}
	}
	return 0
}

// AppendText appends the 32 hex digits of the ID.
func (id ID) AppendText(b []byte) ([]byte, error) { return hex.AppendEncode(b, id[:]), nil }

// MarshalText returns the 32 hex digits of the ID.
func (id ID) MarshalText() ([]byte, error) { return id.AppendText(nil) }

// UnmarshalText reads what MarshalText writes.
func (id *ID) UnmarshalText(b []byte) error {
	if len(b) != 32 {
		return fmt.Errorf("call id has %d characters, want 32", len(b))
	}
	if _, err := hex.Decode(id[:], b); err != nil {
		return errors.New("call id is not hexadecimal")
	}
	return nil
}
