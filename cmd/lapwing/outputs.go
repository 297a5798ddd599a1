package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"lapwing/parse/pseudonym"
)

// outputs are files that appear whole or not at all: each is written beside
// its place and renamed when everything has succeeded. What is no regular file
// (a pipe, /dev/stdout) is written in place.
type outputs struct {
	open []*output
}

type output struct {
	*bufio.Writer
	file  *os.File
	final string // "" if written in place
}

func (o *outputs) create(path string) (io.Writer, error) {
	info, err := os.Stat(path)
	inPlace := err == nil && !info.Mode().IsRegular()
	var f *os.File
	final := ""
	if inPlace {
		f, err = os.OpenFile(path, os.O_WRONLY, 0)
	} else {
		f, err = os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
		final = path
	}
	if err != nil {
		return nil, err
	}
	out := &output{bufio.NewWriterSize(f, 256<<10), f, final}
	o.open = append(o.open, out)
	return out, nil
}

func (o *outputs) writeJSON(path string, v any, keys *pseudonym.Keyring) error {
	w, err := o.create(path)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, keys.Reveal(string(data), pseudonym.JSON)+"\n")
	return err
}

func (o *outputs) commit() error {
	var errs []error
	for _, out := range o.open {
		err := errors.Join(out.Flush(), out.file.Close())
		if err == nil && out.final != "" {
			err = errors.Join(os.Chmod(out.file.Name(), 0o644), os.Rename(out.file.Name(), out.final))
		}
		errs = append(errs, err)
	}
	o.open = nil
	return errors.Join(errs...)
}

// abort removes what was not committed.
func (o *outputs) abort() {
	for _, out := range o.open {
		out.file.Close()
		if out.final != "" {
			os.Remove(out.file.Name())
		}
	}
}
