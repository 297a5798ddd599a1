// Command makesample writes the bundled recording and its truth: the same bytes
// every time for the same seed.
//
//	go run ./internal/sample/cmd/makesample [-seed N] [-out examples] [-stretch N]
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"lapwing/internal/sample"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "makesample:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	fs := flag.NewFlagSet("makesample", flag.ContinueOnError)
	seed := fs.Uint64("seed", 0, "another day of the same shop")
	dir := fs.String("out", "examples", "where to write shop.pcap.gz and shop.truth.json")
	factor := fs.Int("stretch", 1, "slow the recording down by this factor (the truth keeps the original times)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *factor < 1 {
		return fmt.Errorf("-stretch %d: at least 1", *factor)
	}
	r, err := sample.Make(sample.Options{Seed: *seed})
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := sample.WriteGzip(&file, sample.Stretch(r.Packets, *factor)); err != nil {
		return err
	}
	truth, err := json.MarshalIndent(r.Truth, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(*dir, r.Truth.Capture), file.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(*dir, "shop.truth.json"), append(truth, '\n'), 0o644)
}
