package wire

import (
	"encoding/json"
	"fmt"
	"io"

	"lapwing/simulate"
)

// WriteTruth writes what a run holds as indented JSON, for people and scorers.
func WriteTruth(w io.Writer, t *simulate.Truth) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(t); err != nil {
		return fmt.Errorf("write truth: %w", err)
	}
	return nil
}
