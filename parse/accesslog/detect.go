package accesslog

import (
	"fmt"
	"strings"

	"lapwing/parse/exchange"
)

// maxSample is how many lines Detect looks at.
const maxSample = 100

// Detect chooses the format that parses most of the first lines of a log, up
// to 100 of them. Sites mix formats in one file, so lines which that format
// refuses are offered to the others that parsed some of them. Less than one
// line in five parsed is no access log; the error says what was tried and shows
// the first line that did not fit, shortened.
func Detect(sample [][]byte) (Format, error) {
	if len(sample) > maxSample {
		sample = sample[:maxSample]
	}
	left := make([][]byte, 0, len(sample))
	for _, l := range sample {
		if len(trimLine(l)) > 0 {
			left = append(left, l)
		}
	}
	if len(left) == 0 {
		return nil, fmt.Errorf("detect log format: no line to look at")
	}
	var chosen []Format
	parsed, calls := 0, len(left)
	for len(left) > 0 {
		best := candidate{}
		for _, p := range presets {
			f, err := p.make()
			if err != nil {
				return nil, fmt.Errorf("preset %s: %w", p.name, err)
			}
			if c := try(f, p.name, left); c.parsed > best.parsed || c.parsed == best.parsed && c.fields > best.fields {
				best = c
			}
		}
		if best.parsed == 0 {
			break
		}
		if len(chosen) == 0 {
			calls -= best.skipped
		}
		f, err := Compile(best.name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, f)
		parsed += best.parsed
		left = best.refused
	}
	if parsed*5 < calls || parsed == 0 {
		line := string(trimLine(left[0]))
		return nil, fmt.Errorf("detect log format: %w: %d of %d lines parsed, tried %s; first offending line: %q",
			ErrUnparsed, parsed, calls, strings.Join(Presets(), ", "), clip(line))
	}
	if len(chosen) == 1 {
		return chosen[0], nil
	}
	return &mixed{chosen}, nil
}

// A candidate is what a format makes of the sample.
type candidate struct {
	name    string
	parsed  int
	skipped int
	fields  int // things understood, to prefer the format that sees more in the same lines
	refused [][]byte
}

func try(f Format, name string, lines [][]byte) candidate {
	c := candidate{name: name}
	var raw exchange.Raw
	for _, l := range lines {
		switch err := f.Parse(l, &raw); err {
		case nil:
			c.parsed++
			c.fields += len(raw.RequestHeaders)
			if raw.Peer.IsValid() {
				c.fields++
			}
			if raw.Host != nil {
				c.fields++
			}
			if raw.Duration > 0 {
				c.fields++
			}
		case ErrNoCall:
			c.skipped++
		default:
			c.refused = append(c.refused, l)
		}
	}
	return c
}

// A mixed log holds lines of several formats: the first that fits a line reads it.
type mixed struct{ formats []Format }

func (f *mixed) Name() string { return f.formats[0].Name() }

func (f *mixed) Parse(line []byte, raw *exchange.Raw) error {
	first := f.formats[0].Parse(line, raw)
	if first == nil || first == ErrNoCall {
		return first
	}
	for _, other := range f.formats[1:] {
		if err := other.Parse(line, raw); err == nil || err == ErrNoCall {
			return err
		}
	}
	return first
}
