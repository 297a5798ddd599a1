package filter

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// A cond is a tree of tests of a packet's bytes.
type cond interface {
	// emit appends code that goes to yes or to no.
	emit(a *assembler, yes, no label)
}

type (
	constant bool
	and      struct{ left, right cond }
	or       struct{ left, right cond }
	not      struct{ of cond }
	// A test loads a value and compares it. Each loads anew: a filter is a
	// few tests long, and the kernel compiles it.
	test struct {
		load  []bpf.Instruction
		op    bpf.JumpTest
		value uint32
	}
)

type label int

// An assembler holds code whose jumps name labels. All jumps go forward.
type assembler struct {
	items  []item
	labels int
}

// An item is an instruction, a two-way jump, or the place of a label.
type item struct {
	plain   bpf.Instruction
	jump    *bpf.JumpIf
	yes, no label
	place   label
	long    bool // the jump's targets are further than its 8 bits reach
}

const none label = -1

func (a *assembler) label() label { a.labels++; return label(a.labels - 1) }

func (a *assembler) put(l label) { a.items = append(a.items, item{place: l}) }

func (c constant) emit(a *assembler, yes, no label) {
	to := no
	if c {
		to = yes
	}
	// A jump whose ways are one: the value compared with does not matter.
	a.items = append(a.items, item{jump: &bpf.JumpIf{Cond: bpf.JumpEqual}, yes: to, no: to, place: none})
}

func (c and) emit(a *assembler, yes, no label) {
	next := a.label()
	c.left.emit(a, next, no)
	a.put(next)
	c.right.emit(a, yes, no)
}

func (c or) emit(a *assembler, yes, no label) {
	next := a.label()
	c.left.emit(a, yes, next)
	a.put(next)
	c.right.emit(a, yes, no)
}

func (c not) emit(a *assembler, yes, no label) { c.of.emit(a, no, yes) }

func (c test) emit(a *assembler, yes, no label) {
	for _, in := range c.load {
		a.items = append(a.items, item{plain: in, place: none})
	}
	a.items = append(a.items, item{jump: &bpf.JumpIf{Cond: c.op, Val: c.value}, yes: yes, no: no, place: none})
}

// assemble turns a condition into a program that returns SnapLength or 0.
func assemble(c cond) ([]bpf.Instruction, error) {
	a := &assembler{}
	yes, no := a.label(), a.label()
	c.emit(a, yes, no)
	a.put(yes)
	a.items = append(a.items, item{plain: bpf.RetConstant{Val: SnapLength}, place: none})
	a.put(no)
	a.items = append(a.items, item{plain: bpf.RetConstant{}, place: none})
	places, size := a.layOut()
	if size > maxInstructions {
		return nil, &Error{1, fmt.Sprintf("expression compiles to %d instructions, the kernel takes %d", size, maxInstructions)}
	}
	return a.code(places, size), nil
}

func (it *item) size() int {
	switch {
	case it.plain != nil:
		return 1
	case it.jump == nil:
		return 0
	case it.long:
		return 3
	}
	return 1
}

// layOut places the labels. Jumps that do not reach become long, which moves
// others; since they never become short again this ends. It gives up when the
// program has become too large.
func (a *assembler) layOut() (places []int, size int) {
	places = make([]int, a.labels)
	for {
		at := 0
		for i := range a.items {
			it := &a.items[i]
			if it.plain == nil && it.jump == nil {
				places[it.place] = at
			}
			at += it.size()
		}
		changed, at2 := false, 0
		for i := range a.items {
			it := &a.items[i]
			at2 += it.size()
			if it.jump != nil && !it.long && (places[it.yes]-at2 > 255 || places[it.no]-at2 > 255) {
				it.long, changed = true, true
			}
		}
		if !changed || at > maxInstructions {
			return places, at
		}
	}
}

func (a *assembler) code(places []int, size int) []bpf.Instruction {
	out := make([]bpf.Instruction, 0, size)
	for _, it := range a.items {
		switch {
		case it.plain != nil:
			out = append(out, it.plain)
		case it.jump == nil:
		case it.long:
			j := *it.jump
			j.SkipTrue, j.SkipFalse = 0, 1
			at := len(out)
			out = append(out, j, bpf.Jump{Skip: uint32(places[it.yes] - at - 2)}, bpf.Jump{Skip: uint32(places[it.no] - at - 3)})
		default:
			j := *it.jump
			at := len(out) + 1
			j.SkipTrue, j.SkipFalse = uint8(places[it.yes]-at), uint8(places[it.no]-at)
			out = append(out, j)
		}
	}
	return out
}
