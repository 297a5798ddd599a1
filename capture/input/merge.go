package input

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"lapwing/capture"
)

// Merge joins sources by capture time. The result depends on what the sources
// hold and never on their order: packets of equal time are ordered by link
// type, length and bytes, and packets that are equal altogether leave their
// sources at once, before any of those sources is asked for more. Within one
// source the order is kept, even where its times run backwards.
//
// A source that fails ends alone: the others are read to their end, then Next
// returns the joined errors once, and io.EOF from then on. Merge is for files;
// a source that is idle holds all others up, and Next says ErrIdle.
//
// Next is O(log n) comparisons for n sources.
func Merge(sources ...capture.Source) capture.Source {
	m := &merged{all: sources}
	for _, s := range sources {
		m.asked = append(m.asked, &head{source: s})
	}
	return m
}

type merged struct {
	all    []capture.Source
	asked  []*head // sources whose next packet has to be fetched
	heap   []*head // sources whose next packet is known, least first
	equal  []*head // sources whose packet is equal to the one handed on last, and not yet handed on
	counts capture.Counters
	errs   []error
	closed atomic.Bool
}

// A head is a source and its next packet.
type head struct {
	source capture.Source
	packet capture.Packet
}

func compare(a, b *head) int {
	p, q := &a.packet, &b.packet
	if c := cmp.Compare(p.TimeNS, q.TimeNS); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(p.LinkType, q.LinkType), cmp.Compare(p.WireLength, q.WireLength), bytes.Compare(p.Data, q.Data))
}

// Next implements capture.Source.
func (m *merged) Next(p *capture.Packet) error {
	if m.closed.Load() {
		return capture.ErrClosed
	}
	if len(m.equal) > 0 {
		return m.hand(p)
	}
	if err := m.fetch(); err != nil {
		return err
	}
	if len(m.heap) == 0 {
		if len(m.errs) == 0 {
			return io.EOF
		}
		slices.SortFunc(m.errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		err := errors.Join(m.errs...)
		m.errs = nil
		return err
	}
	m.equal = append(m.equal, m.pop())
	for len(m.heap) > 0 && compare(m.heap[0], m.equal[0]) == 0 {
		m.equal = append(m.equal, m.pop())
	}
	return m.hand(p)
}

// hand gives the caller one of the equal packets. Its source is asked for the
// next one only with the next call, since that ends the life of Data.
func (m *merged) hand(p *capture.Packet) error {
	h := m.equal[len(m.equal)-1]
	m.equal = m.equal[:len(m.equal)-1]
	m.asked = append(m.asked, h)
	*p = h.packet
	m.counts.Packet(p)
	return nil
}

func (m *merged) fetch() error {
	for len(m.asked) > 0 {
		h := m.asked[len(m.asked)-1]
		switch err := h.source.Next(&h.packet); {
		case err == nil:
			m.push(h)
		case errors.Is(err, capture.ErrIdle):
			return err
		case m.closed.Load():
			return capture.ErrClosed
		case err != io.EOF:
			m.errs = append(m.errs, err)
		}
		m.asked = m.asked[:len(m.asked)-1]
	}
	return nil
}

func (m *merged) push(h *head) {
	m.heap = append(m.heap, h)
	i := len(m.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if compare(m.heap[parent], m.heap[i]) <= 0 {
			return
		}
		m.heap[parent], m.heap[i] = m.heap[i], m.heap[parent]
		i = parent
	}
}

func (m *merged) pop() *head {
	top, last := m.heap[0], len(m.heap)-1
	m.heap[0] = m.heap[last]
	m.heap = m.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if compare(m.heap[child], m.heap[least]) < 0 {
				least = child
			}
		}
		if least == i {
			return top
		}
		m.heap[i], m.heap[least] = m.heap[least], m.heap[i]
		i = least
	}
}

// Stats implements capture.Source: what was handed on is counted here, what
// was not comes from the sources.
func (m *merged) Stats() capture.Stats {
	var sum capture.Stats
	for _, s := range m.all {
		sum = sum.Add(s.Stats())
	}
	own := m.counts.Load()
	sum.Packets, sum.Bytes, sum.Truncated = own.Packets, own.Bytes, own.Truncated
	return sum
}

// Close implements capture.Source; it closes every source.
func (m *merged) Close() error {
	m.closed.Store(true)
	var errs []error
	for i, s := range m.all {
		if err := s.Close(); err != nil {
			errs = append(errs, fmt.Errorf("source %d: %w", i, err))
		}
	}
	return errors.Join(errs...)
}
