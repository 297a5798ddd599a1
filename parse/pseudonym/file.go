package pseudonym

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Load reads a deployment key from a file that holds it as 64 hex digits. A
// file that others may read is refused: whoever has the key can reveal names.
func Load(path string) (*Keyring, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("deployment key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("deployment key: %w", err)
	}
	// Group read is what mounted secrets of container platforms have.
	if info.Mode().IsRegular() && info.Mode().Perm()&0o037 != 0 {
		return nil, fmt.Errorf("deployment key %s: mode %04o lets others in, want 0600 or 0640", path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, 1024)) // 64 digits and blanks; a longer file is no key
	if err != nil {
		return nil, fmt.Errorf("deployment key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != KeyBytes {
		return nil, fmt.Errorf("deployment key %s: want %d hex digits", path, 2*KeyBytes)
	}
	return New(key)
}

// Create makes a new random deployment key, writes it to path with mode 0600
// and returns its Keyring. An existing file is never overwritten: the error
// then satisfies errors.Is(err, os.ErrExist).
func Create(path string) (*Keyring, error) {
	key := make([]byte, KeyBytes)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("new deployment key: %w", err)
	}
	k, err := New(key)
	if err != nil {
		return nil, err
	}
	// Written beside and linked into place, so that a crash leaves no half key
	// and two starts at once agree on one.
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("new deployment key: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	if err != nil {
		return nil, fmt.Errorf("new deployment key: %w", err)
	}
	return k, nil
}
