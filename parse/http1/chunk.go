package http1

import (
	"bytes"

	"lapwing/event"
)

type chunkStep uint8

const (
	chunkSize      chunkStep = iota // at the digits of a size
	chunkSizeBlank                  // after them
	chunkExtension                  // after a semicolon
	chunkSizeLF                     // after a CR behind the size
	chunkData                       // inside data
	chunkDataCR                     // behind data
	chunkDataLF                     // after the CR behind data
	chunkTrailer                    // at the start of a trailer line
	chunkTrailerIn                  // inside a trailer line
	chunkTrailerLF                  // after a CR at the start of a trailer line
)

const (
	// A size has at most 15 digits: 2^60 bytes.
	maxChunkDigits = 15
	// An extension longer than this, or trailers longer than a head may be, are
	// no use to anyone: framing counts as broken. Go's net/http limits a chunk
	// line to 4 KiB as well.
	maxChunkLine = 4 << 10
	maxTrailers  = 64 << 10
)

type chunkState struct {
	step   chunkStep
	digits int // of the size so far
	line   int // bytes of extension or trailers so far
}

// chunked reads framing and data of a chunked body (RFC 9112 §7.1) at the
// start of b and returns how many bytes it took. Sizes are in d.remaining.
func (d *Decoder) chunked(b []byte) int {
	c := &d.chunk
	for i := 0; i < len(b); {
		ch := b[i]
		switch c.step {
		case chunkData:
			n := len(b) - i
			if int64(n) > d.remaining {
				n = int(d.remaining)
			}
			d.remaining -= int64(n)
			d.handler.Body(b[i : i+n])
			i += n
			if d.remaining == 0 {
				c.step = chunkDataCR
			}
			continue
		case chunkSize:
			if v, ok := hexDigit(ch); ok && c.digits < maxChunkDigits {
				d.remaining = d.remaining<<4 | int64(v)
				c.digits++
				i++
				continue
			}
			if c.digits == 0 {
				return d.badChunk(i)
			}
			c.step = chunkSizeBlank
			continue
		case chunkSizeBlank:
			switch {
			case isBlank(ch) && c.line < maxChunkLine:
				c.line++
			case ch == ';':
				d.flags |= event.FlagChunkExtension
				c.step = chunkExtension
			case ch == '\r':
				c.step = chunkSizeLF
			case ch == '\n':
				d.flags |= event.FlagBareLF
				d.chunkBegins()
			default:
				return d.badChunk(i)
			}
		case chunkExtension:
			// nginx passes over everything up to the line feed.
			j := bytes.IndexByte(b[i:], '\n')
			n := j
			if j < 0 {
				n = len(b) - i
			}
			if c.line += n; c.line > maxChunkLine {
				return d.badChunk(i)
			}
			if j < 0 {
				return len(b)
			}
			i += n
			d.chunkBegins()
		case chunkSizeLF:
			if ch != '\n' {
				return d.badChunk(i)
			}
			d.chunkBegins()
		case chunkDataCR:
			switch ch {
			case '\r':
				c.step = chunkDataLF
			case '\n':
				d.flags |= event.FlagBareLF
				*c = chunkState{}
			default:
				return d.badChunk(i)
			}
		case chunkDataLF:
			if ch != '\n' {
				return d.badChunk(i)
			}
			*c = chunkState{}
		case chunkTrailer:
			switch ch {
			case '\r':
				c.step = chunkTrailerLF
			case '\n':
				d.flags |= event.FlagBareLF
				d.end(true)
				return i + 1
			default:
				d.flags |= event.FlagTrailers
				c.step = chunkTrailerIn
				continue
			}
		case chunkTrailerIn:
			j := bytes.IndexByte(b[i:], '\n')
			n := j + 1
			if j < 0 {
				n = len(b) - i
			} else {
				c.step = chunkTrailer
			}
			if c.line += n; c.line > maxTrailers {
				return d.badChunk(i)
			}
			i += n
			continue
		case chunkTrailerLF:
			if ch != '\n' {
				return d.badChunk(i)
			}
			d.end(true)
			return i + 1
		}
		i++
	}
	return len(b)
}

// chunkBegins follows the line of a size.
func (d *Decoder) chunkBegins() {
	d.chunk = chunkState{step: chunkData}
	if d.remaining == 0 {
		d.chunk.step = chunkTrailer
	}
}

// badChunk ends the message at a byte that framing does not allow there; the
// byte itself is left to the search.
func (d *Decoder) badChunk(i int) int {
	d.flags |= event.FlagBadChunk | event.FlagAmbiguous
	d.end(false)
	d.state = stateSearch
	return i
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
