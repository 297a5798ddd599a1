package input

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// tell says whether what is no capture is a HAR file or text.
func tell(r *bufio.Reader) (Kind, error) {
	if _, err := r.Peek(1); err != nil {
		return 0, err
	}
	// What one read brought is enough for the question whether it is text; a
	// pipe that is written slowly must not be waited for.
	head, _ := r.Peek(r.Buffered())
	if !printable(head) {
		return 0, fmt.Errorf("not a capture, log or HAR (starts with % x%s)", head[:min(8, len(head))], known(head))
	}
	for {
		switch har(head) {
		case yes:
			return KindHAR, nil
		case no:
			return KindText, nil
		}
		if _, err := r.Peek(len(head) + 1); err != nil { // the end, or the buffer is full of what is no HAR
			return KindText, nil
		}
		head, _ = r.Peek(r.Buffered())
	}
}

// printable reports whether b may be the beginning of a text in UTF-8, Latin-1
// or another superset of ASCII. Logs hold a stray control byte at times, but
// no zero byte.
func printable(b []byte) bool {
	b = b[:min(4096, len(b))]
	odd := 0
	for _, c := range b {
		switch {
		case c == 0:
			return false
		case c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b, c == 0x7f:
			odd++
		}
	}
	return odd*20 <= len(b)
}

// known names the format of files that are given by mistake.
func known(b []byte) string {
	for _, f := range []struct{ magic, name string }{
		{"BZh", "bzip2"}, {"\xfd7zXZ\x00", "xz"}, {"PK\x03\x04", "zip"}, {"PAR1", "Parquet"}, {"\x7fELF", "a program"},
		{"\xff\xfe", "text in UTF-16, convert it to UTF-8"}, {"\xfe\xff", "text in UTF-16, convert it to UTF-8"},
		{"SQLite format 3\x00", "SQLite"}, {"\x04\x22\x4d\x18", "lz4"},
	} {
		if bytes.HasPrefix(b, []byte(f.magic)) {
			return ": " + f.name
		}
	}
	return ""
}

type answer uint8

const (
	no answer = iota
	yes
	perhaps // more bytes are needed
)

// har reports whether b begins a JSON object that has, at its top, an object
// "log" whose first key HTTP Archive 1.2 knows. That tells it from the lines of
// container logs, where "log" is a string, and of loggers that nest their own
// fields below "log".
func har(b []byte) answer {
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) == 0 {
		return perhaps
	}
	if b[0] != '{' {
		return no
	}
	d := json.NewDecoder(bytes.NewReader(b))
	depth, key, inLog, isKey := 0, "", false, false
	for {
		tok, err := d.Token()
		if err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return perhaps
			}
			return no
		}
		if delim, ok := tok.(json.Delim); ok {
			switch delim {
			case '{':
				inLog = depth == 1 && key == "log"
				depth++
				isKey = depth == 1
			case '[':
				if depth == 1 && key == "log" {
					return no
				}
				depth++
			case '}', ']':
				depth--
				if depth == 0 || inLog {
					return no
				}
				isKey = depth == 1
			}
			continue
		}
		if inLog {
			switch tok {
			case "version", "creator", "browser", "pages", "entries", "comment":
				return yes
			}
			return no
		}
		if depth != 1 {
			continue
		}
		if isKey {
			key, _ = tok.(string)
		} else if key == "log" {
			return no
		}
		isKey = !isKey
	}
}
