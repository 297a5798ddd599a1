package har

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"lapwing/parse/exchange"
)

// maxEntryBytes bounds what one entry may hold in memory: browsers themselves
// stop keeping bodies far below.
const maxEntryBytes = 64 << 20

// An EntryError names the entry that an error is about.
type EntryError struct {
	Index int // from 0, in log.entries
	Err   error
}

func (e *EntryError) Error() string { return fmt.Sprintf("har: entry %d: %v", e.Index, e.Err) }

func (e *EntryError) Unwrap() error { return e.Err }

// A SkippedError is what Read ends with when it could read the file but not
// every entry of it; all other entries were emitted.
type SkippedError struct {
	Skipped, Entries int
	First            *EntryError
}

func (e *SkippedError) Error() string {
	return fmt.Sprintf("%d of %d entries skipped, the first: %v", e.Skipped, e.Entries, e.First)
}

func (e *SkippedError) Unwrap() error { return e.First }

var (
	errNoEntries = errors.New("har: no log.entries in it")
	errTooLarge  = fmt.Errorf("larger than %d MiB", maxEntryBytes>>20)
)

// Read emits each entry of the archive r as an exchange. An error of emit ends
// it and is returned in an *EntryError; so is broken JSON. A *SkippedError
// says that some entries could not be understood.
func Read(r io.Reader, emit func(*exchange.Raw) error) error {
	in := &budget{r: skipMark(r), left: maxEntryBytes}
	dec := json.NewDecoder(in)
	found, err := enter(dec, in, "log")
	if err == nil && found {
		found, err = enter(dec, in, "entries")
	}
	if err != nil {
		return fmt.Errorf("har: head: %w", err)
	}
	if !found {
		return errNoEntries
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return fmt.Errorf("har: log.entries is no array: %w", errNoEntries)
	}
	skipped := &SkippedError{}
	var raw exchange.Raw
	for ; dec.More(); skipped.Entries++ {
		in.left = maxEntryBytes
		var e entry
		err := dec.Decode(&e)
		var wrongType *json.UnmarshalTypeError
		if err != nil && !errors.As(err, &wrongType) {
			return &EntryError{skipped.Entries, unexpected(err)}
		}
		if err == nil {
			err = e.fill(&raw, skipped.Entries)
		}
		if err != nil {
			skipped.Skipped++
			if skipped.First == nil {
				skipped.First = &EntryError{skipped.Entries, err}
			}
			continue
		}
		if err := emit(&raw); err != nil {
			return &EntryError{skipped.Entries, err}
		}
	}
	if _, err := dec.Token(); err != nil {
		return &EntryError{skipped.Entries, unexpected(err)}
	}
	if skipped.Skipped > 0 {
		return skipped
	}
	return nil
}

// unexpected says of an end of input that it came too early.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// enter opens the object at hand and stops before the value of key; false if
// the object does not hold it.
func enter(dec *json.Decoder, in *budget, key string) (bool, error) {
	t, err := dec.Token()
	if err != nil {
		return false, unexpected(err)
	}
	if t != json.Delim('{') {
		return false, nil
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return false, unexpected(err)
		}
		if t == key {
			return true, nil
		}
		in.left = maxEntryBytes
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			return false, unexpected(err)
		}
	}
	return false, nil
}

// A budget is a reader that refuses to deliver more than left bytes; the
// decoder reads ahead a little, which the next refill makes up for.
type budget struct {
	r    io.Reader
	left int
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// skipMark drops a byte order mark, which some exporters write.
func skipMark(r io.Reader) io.Reader {
	b := bufio.NewReaderSize(r, 64<<10)
	if head, err := b.Peek(3); err == nil && string(head) == "\xef\xbb\xbf" {
		_, _ = b.Discard(3) // three bytes are buffered: it cannot fail
	}
	return b
}
