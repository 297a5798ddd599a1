package main

import (
	"fmt"
	"os"
	"path/filepath"

	"lapwing/examples"
)

// bundledSample writes the recording and its specification, which this binary
// carries, into the data directory, and has detection use the specification.
func bundledSample(cfg *Config) (capture string, err error) {
	dir := cfg.path("sample")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("sample: %w", err)
	}
	for _, name := range []string{examples.Capture, examples.Spec} {
		data, err := examples.Files.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("sample: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return "", fmt.Errorf("sample: %w", err)
		}
	}
	cfg.Detect.Specs = append(cfg.Detect.Specs, filepath.Join(dir, examples.Spec))
	return filepath.Join(dir, examples.Capture), nil
}
