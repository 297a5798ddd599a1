package detecting

import (
	"log/slog"
	"strings"
	"testing"

	"lapwing/stream/wire"
)

// A sensor with another key is told of once, by name; one that does not say,
// and one with the right key, are not.
func TestSensorsWithAnotherKeyAreToldOf(t *testing.T) {
	var said strings.Builder
	d := New(Config{KeyMark: 7, Log: slog.New(slog.NewTextHandler(&said, nil))}, nil)
	for range 3 {
		for name, mark := range map[string]uint32{"right": 7, "silent": 0, "wrong": 9} {
			d.compare(&wire.Record{Sensor: name, KeyMark: mark})
		}
	}
	if s := d.Stats(); s.OtherKeys != 1 {
		t.Errorf("%d sensors with another key, want 1", s.OtherKeys)
	}
	if text := said.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "sensor=wrong") || !strings.Contains(text, "identity.key_file") {
		t.Errorf("said %q", text)
	}
}
