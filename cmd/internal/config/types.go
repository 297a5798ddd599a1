package config

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A Duration reads "90s", "72h" or "30d".
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	s := strings.TrimSpace(string(b))
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil {
			return fmt.Errorf("%q is no duration (examples: 90s, 72h, 30d)", s)
		}
		*d = Duration(n * 24 * float64(time.Hour))
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("%q is no duration (examples: 90s, 72h, 30d)", s)
	}
	*d = Duration(v)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) {
	v := time.Duration(d)
	if v != 0 && v%(24*time.Hour) == 0 {
		return fmt.Appendf(nil, "%dd", v/(24*time.Hour)), nil
	}
	return []byte(v.String()), nil
}

// Bytes reads "64KiB", "512MiB", "20GiB" or a plain number.
type Bytes int64

var units = []struct {
	suffix string
	factor int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"B", 1}, {"", 1}}

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Bytes) UnmarshalText(b []byte) error {
	s := strings.TrimSpace(string(b))
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.factor {
			break
		}
		*v = Bytes(n * u.factor)
		return nil
	}
	return fmt.Errorf("%q is no size (examples: 64KiB, 512MiB, 20GiB)", s)
}

// MarshalText implements encoding.TextMarshaler.
func (v Bytes) MarshalText() ([]byte, error) {
	for i := 3; i >= 0; i-- {
		if u := units[i]; v != 0 && int64(v)%u.factor == 0 {
			return fmt.Appendf(nil, "%d%s", int64(v)/u.factor, u.suffix), nil
		}
	}
	return strconv.AppendInt(nil, int64(v), 10), nil
}

// A Secret is a value that never shows itself: printing and marshalling give
// "(hidden)". Beside each key of this type stands one with "_file" appended,
// which names a file that holds the secret instead.
type Secret string

const hidden = "(hidden)"

// Reveal returns the secret.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString keeps %#v from showing the secret.
func (s Secret) GoString() string { return fmt.Sprintf("config.Secret(%q)", s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Secret) UnmarshalText(b []byte) error {
	if string(b) == hidden {
		return fmt.Errorf("%s is what a printed configuration shows in place of a secret", hidden)
	}
	*s = Secret(b)
	return nil
}

// readSecret reads the file of a secret; trailing line ends are cut.
func readSecret(path string) (Secret, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	s := strings.TrimRight(string(data), "\r\n")
	if s == "" {
		return "", errors.New(path + " is empty")
	}
	return Secret(s), nil
}
