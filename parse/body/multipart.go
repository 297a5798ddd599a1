package body

import (
	"bytes"
)

const (
	// maxParts bounds the parts of a multipart body.
	maxParts = 256
	// maxBoundaryBytes is RFC 2046 §5.1.1.
	maxBoundaryBytes = 70
	// maxPartHead bounds the header block of a part.
	maxPartHead = 4096
)

// multipart reads form data (RFC 7578): names of fields and files, and values
// that are small. Nested multiparts are files to it.
func (r *Reader) multipart(d *Doc, contentType, s []byte) {
	boundary := Param(contentType, "boundary")
	if len(boundary) == 0 || len(boundary) > maxBoundaryBytes {
		// The body shows its own boundary in the first line.
		line, _, _ := bytes.Cut(s[:min(len(s), maxBoundaryBytes+4)], []byte("\n"))
		line = bytes.TrimRight(line, "\r ")
		if len(line) < 3 || line[0] != '-' || line[1] != '-' {
			d.Type = "binary"
			return
		}
		boundary = line[2:]
	}
	var room [maxBoundaryBytes + 2]byte
	mark := append(append(room[:0], "--"...), boundary...)
	i := bytes.Index(s, mark)
	prev := int32(0)
	r.object++
	for n := 0; i >= 0; n++ {
		if n == maxParts {
			d.More = true
			return
		}
		s = s[i+len(mark):]
		if bytes.HasPrefix(s, []byte("--")) {
			return
		}
		end := bytes.Index(s, mark)
		part := s
		if end >= 0 {
			part = s[:end]
		}
		prev = r.part(d, prev, part, end >= 0)
		i = end
	}
}

func (r *Reader) part(d *Doc, prev int32, part []byte, whole bool) int32 {
	part = bytes.TrimLeft(part, " \t")
	part = bytes.TrimPrefix(bytes.TrimPrefix(part, []byte("\r")), []byte("\n"))
	head, _, found := bytes.Cut(part[:min(len(part), maxPartHead)], []byte("\r\n\r\n"))
	gap := 4
	if !found {
		if head, _, found = bytes.Cut(part[:min(len(part), maxPartHead)], []byte("\n\n")); !found {
			return prev
		}
		gap = 2
	}
	value := part[len(head)+gap:]
	var name []byte
	file := false
	for len(head) > 0 {
		var line []byte
		line, head, _ = bytes.Cut(head, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		const disposition = "content-disposition:"
		if len(line) > len(disposition) && bytes.EqualFold(line[:len(disposition)], []byte(disposition)) {
			name = Param(line[len(disposition):], "name")
			file = len(Param(line[len(disposition):], "filename")) > 0
		}
	}
	if len(name) == 0 || len(name) > 4*maxNameBytes {
		return prev
	}
	if file {
		return r.field(d, prev, name, nil, File)
	}
	if whole {
		value = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("\n")), []byte("\r"))
	}
	if len(value) > maxFieldBytes {
		d.More = true
		value = nil
	}
	return r.field(d, prev, name, value, String)
}

// Param returns a parameter of a header value such as Content-Type, unquoted
// (RFC 9110 §5.6.6); nil if it is not there. Backslashes inside quotes stay.
func Param(value []byte, name string) []byte {
	for i := bytes.IndexByte(value, ';'); i >= 0; {
		value = bytes.TrimLeft(value[i+1:], " \t")
		eq := bytes.IndexByte(value, '=')
		if eq < 0 {
			return nil
		}
		key := bytes.TrimSpace(value[:eq])
		v := bytes.TrimLeft(value[eq+1:], " \t")
		var text []byte
		if len(v) > 0 && v[0] == '"' {
			end := 1
			for end < len(v) && v[end] != '"' {
				if v[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end, len(v))
			text, value = v[1:end], v[end:]
		} else {
			end := bytes.IndexByte(v, ';')
			if end < 0 {
				end = len(v)
			}
			text, value = bytes.TrimRight(v[:end], " \t"), v[end:]
		}
		if bytes.EqualFold(key, []byte(name)) {
			return text
		}
		i = bytes.IndexByte(value, ';')
	}
	return nil
}
