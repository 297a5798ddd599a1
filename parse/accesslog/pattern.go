package accesslog

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"lapwing/parse/exchange"
)

// An op is one step of a compiled pattern: the text that must stand there, then
// a field that reaches to the next op's text.
type op struct {
	text   []byte
	kind   kind
	name   []byte // of a header
	layout string // strftime, for a time of the user's own form
	quoted bool   // the field stands in quotes
}

// A variable is what a format string's placeholder means.
type variable struct {
	kind   kind
	name   string
	before string // literal text that belongs to it: Apache's %t brings its brackets
	after  string
	layout string
}

// A tokenizer reads the placeholder at the start of s: what it means and how
// long it is; 0 if there is none, an error if it is malformed or unknown.
type tokenizer func(s string) (v variable, n int, err error)

// A pattern scans lines by a compiled format string, left to right, without
// going back.
type pattern struct {
	name string
	ops  []op
	tail []byte // text after the last field
	rec  record
}

func (f *pattern) Name() string { return f.name }

// compilePattern turns a format string into a scanner.
func compilePattern(name, spec string, tok tokenizer) (Format, error) {
	f := &pattern{name: name}
	f.rec.quotedURLs = name == "alb" || name == "elb"
	text := ""
	seen := map[kind]bool{}
	for i := 0; i < len(spec); {
		v, n, err := tok(spec[i:])
		if err != nil {
			return nil, &SpecError{Reason: err.Error(), Column: i + 1}
		}
		if n == 0 {
			text += spec[i : i+1]
			i++
			continue
		}
		if v.kind == kIgnore && v.name == "%" { // %% is a percent sign
			text += "%"
			i += n
			continue
		}
		text += v.before
		if len(f.ops) > 0 && text == "" {
			if !f.join(v) {
				return nil, &SpecError{Reason: fmt.Sprintf("nothing stands between %s and the field before it: where one ends cannot be told", spec[i:i+n]), Column: i + 1}
			}
			i += n
			continue
		}
		f.ops = append(f.ops, op{text: []byte(text), kind: v.kind, name: []byte(v.name), layout: v.layout})
		seen[v.kind] = true
		text = v.after
		i += n
	}
	f.tail = []byte(text)
	if len(f.ops) == 0 {
		return nil, &SpecError{Reason: "no field in it", Column: 1}
	}
	for i := range f.ops {
		next := f.after(i)
		f.ops[i].quoted = len(f.ops[i].text) > 0 && f.ops[i].text[len(f.ops[i].text)-1] == '"' && len(next) > 0 && next[0] == '"'
		seen[f.ops[i].kind] = true
	}
	return wrap(f), needed(seen)
}

// needed refuses a format whose lines could never become calls.
func needed(seen map[kind]bool) error {
	if !seen[kTime] && !seen[kStart] && !(seen[kDate] && seen[kClockTime]) {
		return &SpecError{Reason: "no time among its fields: calls cannot be ordered without", Column: 1}
	}
	for _, k := range [...]kind{kRequest, kTarget, kPath, kURL, kHostTarget} {
		if seen[k] {
			return nil
		}
	}
	return &SpecError{Reason: "neither request line nor path among its fields", Column: 1}
}

// join merges v into the field before it where both together are one thing:
// $uri$is_args$args, %U%q, $host$request_uri.
func (f *pattern) join(v variable) bool {
	last := &f.ops[len(f.ops)-1]
	switch {
	case last.kind == kPath && (v.kind == kQuery || v.kind == kIgnore && v.name == "is_args"):
		last.kind = kTarget
	case last.kind == kTarget && v.kind == kQuery:
	case (last.kind == kHost || last.kind == kServerName) && (v.kind == kTarget || v.kind == kPath):
		last.kind = kHostTarget
	case last.kind == kHostTarget && (v.kind == kQuery || v.kind == kIgnore && v.name == "is_args"):
	case last.kind == kIgnore && v.kind == kIgnore:
	default:
		return false
	}
	return true
}

// after is the text that follows field i.
func (f *pattern) after(i int) []byte {
	if i+1 < len(f.ops) {
		return f.ops[i+1].text
	}
	return f.tail
}

func (f *pattern) Parse(line []byte, raw *exchange.Raw) error {
	r := &f.rec
	r.reset()
	r.escaped = bytes.IndexByte(line, '\\') >= 0
	pos := 0
	for i := range f.ops {
		o := &f.ops[i]
		if !bytes.HasPrefix(line[pos:], o.text) {
			return &LineError{Reason: fmt.Sprintf("want %q", clip(string(o.text))), Column: pos + 1}
		}
		pos += len(o.text)
		end := f.fieldEnd(line, pos, i)
		if end < 0 {
			return &LineError{Reason: fmt.Sprintf("want %q somewhere after", clip(string(f.after(i)))), Column: pos + 1}
		}
		if err := r.take(o, line, line[pos:end]); err != nil {
			return err
		}
		pos = end
	}
	if !bytes.HasPrefix(line[pos:], f.tail) {
		return &LineError{Reason: fmt.Sprintf("want %q", clip(string(f.tail))), Column: pos + 1}
	}
	pos += len(f.tail)
	if pos < len(line) && line[pos] != ' ' && line[pos] != '\t' && line[pos] != ',' {
		return &LineError{Reason: "text after the last field", Column: pos + 1} // appended fields are welcome, half a field is not
	}
	return r.finish(line, raw)
}

func (r *record) take(o *op, line, v []byte) error {
	switch o.kind {
	case kIgnore:
	case kHeader:
		r.header(o.name, v)
	case kResponseHeader:
		r.response(o.name, v)
	case kRequest, kURL:
		r.set |= 1 << o.kind
		r.val[o.kind], r.rank[o.kind] = v, 0
	case kStart, kTime:
		if o.layout != "" {
			t, ok := strptime(o.layout, v)
			if !ok {
				return fault(line, v, "time does not fit "+o.layout)
			}
			start := len(r.arena)
			r.arena = t.AppendFormat(r.arena, time.RFC3339Nano)
			v = r.arena[start:]
		}
		r.put(o.kind, 0, v)
	default:
		r.put(o.kind, 0, v)
	}
	return nil
}

// fieldEnd finds where the field of op i, begun at pos, ends.
func (f *pattern) fieldEnd(line []byte, pos, i int) int {
	next := f.after(i)
	o := &f.ops[i]
	if len(next) == 0 { // the last one: to the end, or to a space if more was appended
		if o.kind == kIgnore || o.kind == kHeader {
			return len(line)
		}
		if n := bytes.IndexByte(line[pos:], ' '); n >= 0 && o.kind != kTime && o.kind != kStart {
			return pos + n
		}
		return len(line)
	}
	for at := pos; ; {
		var n int
		if len(next) == 1 {
			n = bytes.IndexByte(line[at:], next[0])
		} else {
			n = bytes.Index(line[at:], next)
		}
		if n < 0 {
			if i == len(f.ops)-1 && o.quoted { // cut off by a length limit of syslog
				return -1
			}
			return -1
		}
		end := at + n
		switch {
		case o.quoted && f.rec.escaped && escapedAt(line, pos, end):
		case !o.quoted && next[0] == ' ' && end > pos && (line[end-1] == ',' || bytes.HasPrefix(line[end:], []byte(" : "))):
			// a list without quotes: "10.0.0.1, 10.0.0.2", upstream times "0.1 : 0.2"
			if bytes.HasPrefix(line[end:], []byte(" : ")) {
				end += 2
			}
		case i == len(f.ops)-1 && o.quoted && end+1 < len(line) && line[end+1] != ' ': // an unescaped quote inside
		default:
			return end
		}
		at = end + 1
	}
}

// strptime reads the common conversions of strftime(3), as Apache's
// %{format}t uses them. A time without a zone is UTC.
func strptime(layout string, v []byte) (time.Time, bool) {
	goLayout, ok := goLayout(layout)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(goLayout, string(v))
	return t.UTC(), err == nil
}

func goLayout(layout string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' || i+1 == len(layout) {
			b.WriteByte(layout[i])
			continue
		}
		i++
		to, ok := strftime[layout[i]]
		if !ok {
			return "", false
		}
		b.WriteString(to)
	}
	return b.String(), true
}

var strftime = map[byte]string{
	'd': "02", 'e': "_2", 'm': "01", 'b': "Jan", 'h': "Jan", 'B': "January", 'Y': "2006", 'y': "06", 'H': "15", 'I': "03", 'p': "PM",
	'M': "04", 'S': "05", 'T': "15:04:05", 'F': "2006-01-02", 'R': "15:04", 'D': "01/02/06", 'z': "-0700", 'Z': "MST", 'a': "Mon", 'A': "Monday",
	'f': "000000", '%': "%", 't': "\t", 'c': "Mon Jan _2 15:04:05 2006",
}
