package objects

import (
	"strings"

	"lapwing/detect/state"
)

const (
	lexiconSlots = 2048 // more words than the keys and paths of one API
	longestKept  = 192  // bytes; longer texts are worked out each time
)

// A lexicon remembers what was worked out of the texts seen last: one for each
// slot, which the next text of the slot replaces. What it holds never changes
// an answer, only its price.
type lexicon[V any] struct {
	entries [lexiconSlots]lexeme[V]
}

type lexeme[V any] struct {
	text  string
	value V
}

func (l *lexicon[V]) at(seed uint64, text string) *lexeme[V] {
	return &l.entries[state.Hash(seed, text)%lexiconSlots]
}

// put keeps a copy of text, which may be part of something large.
func (e *lexeme[V]) put(text string, value V) {
	if len(text) <= longestKept {
		e.text, e.value = strings.Clone(text), value
	}
}
