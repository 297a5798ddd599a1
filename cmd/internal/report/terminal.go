// Package report writes what Lapwing found for people: lines and tables for a
// terminal, CSV that a spreadsheet cannot be tricked with, one HTML page.
//
// Everything that came from traffic is made harmless before it is written:
// control characters never reach a terminal.
package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable replaces what could steer a terminal (control and bidirectional
// characters, invalid UTF-8) by visible marks.
func Printable(s string) string {
	clean := true
	for _, r := range s {
		if r == utf8.RuneError || unicode.IsControl(r) || isBidi(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "\\x%02x", s[i])
		case unicode.IsControl(r) || isBidi(r):
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f
}

// Short cuts the middle out of s so that at most width characters remain.
func Short(s string, width int) string {
	n := utf8.RuneCountInString(s)
	if n <= width || width < 3 {
		return s
	}
	r := []rune(s)
	head := (width - 1) * 2 / 3
	return string(r[:head]) + "…" + string(r[n-(width-1-head):])
}

// Table writes rows in aligned columns. Columns whose name ends in "#" are
// numbers and stand to the right.
func Table(w io.Writer, columns []string, rows [][]string) error {
	width := make([]int, len(columns))
	right := make([]bool, len(columns))
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i], right[i] = strings.CutSuffix(c, "#")
		width[i] = utf8.RuneCountInString(head[i])
	}
	for _, row := range rows {
		for i := range row {
			row[i] = Printable(row[i])
			width[i] = max(width[i], utf8.RuneCountInString(row[i]))
		}
	}
	var b strings.Builder
	line := func(cells []string) {
		for i, cell := range cells {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			switch {
			case right[i]:
				b.WriteString(pad + cell)
			case i == len(cells)-1:
				b.WriteString(cell)
			default:
				b.WriteString(cell + pad)
			}
			if i < len(cells)-1 {
				b.WriteString("  ")
			}
		}
		b.WriteByte('\n')
	}
	line(head)
	for _, row := range rows {
		line(row)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// CSV writes rows as RFC 4180 CSV. A cell that a spreadsheet would take for a
// formula is prefixed with an apostrophe (OWASP, CSV injection).
func CSV(w io.Writer, columns []string, rows [][]string) error {
	var b strings.Builder
	line := func(cells []string) {
		for i, cell := range cells {
			if i > 0 {
				b.WriteByte(',')
			}
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				cell = "'" + cell
			}
			if strings.ContainsAny(cell, ",\"\r\n") {
				cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
			}
			b.WriteString(cell)
		}
		b.WriteString("\r\n")
	}
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = strings.TrimSuffix(c, "#")
	}
	line(head)
	for _, row := range rows {
		line(row)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
