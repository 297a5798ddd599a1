package rules

import "strings"

const (
	// manyWords are those from which on one pass for all of them is faster than
	// one for each.
	manyWords = 5
	// maxCells of a words automaton, 4 bytes each; a list that needs more is
	// looked through word by word.
	maxCells = 1 << 18

	found = ^uint32(0)
)

// words finds whether a text contains one of many words, in one pass (Aho and
// Corasick, 1975). States are offsets into next; bytes that stand in no word
// share a class.
type words struct {
	class [256]uint8
	next  []uint32 // by state and class; found: a word ends here
}

// newWords returns nil if the automaton would be too large.
func newWords(list []string) *words {
	w := &words{}
	classes := 1
	for _, word := range list {
		for i := range len(word) {
			if c := &w.class[word[i]]; *c == 0 && classes < 256 {
				*c = uint8(classes)
				classes++
			}
		}
	}
	// The trie. Zero is the root, which no edge leads to.
	w.next = make([]uint32, classes)
	for _, word := range list {
		at := uint32(0)
		for i := range len(word) {
			edge := at + uint32(w.class[word[i]])
			if w.next[edge] == found {
				break // a shorter word is found first
			}
			if i == len(word)-1 {
				w.next[edge] = found
				break
			}
			if w.next[edge] == 0 {
				if len(w.next) > maxCells {
					return nil
				}
				w.next[edge] = uint32(len(w.next))
				w.next = append(w.next, make([]uint32, classes)...)
			}
			at = w.next[edge]
		}
	}
	// From each state, nearest to the root first: where there is no edge, go on as
	// from the longest ending of what was read that is a beginning of a word.
	fail := make([]uint32, len(w.next)/classes)
	var queue []uint32
	for c := range classes {
		if s := w.next[c]; s != 0 && s != found {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		back := fail[int(s)/classes]
		for c := range uint32(classes) {
			to, other := w.next[s+c], w.next[back+c]
			switch {
			case to == 0 || other == found:
				w.next[s+c] = other
			case to != found:
				fail[int(to)/classes] = other
				queue = append(queue, to)
			}
		}
	}
	return w
}

func (w *words) in(s string) bool {
	at := uint32(0)
	for i := range len(s) {
		if at = w.next[at+uint32(w.class[s[i]])]; at == found {
			return true
		}
	}
	return false
}

// containsOne returns the fastest way to find one of the words, none of them empty.
func containsOne(list []string) func(s string) bool {
	if len(list) >= manyWords {
		if w := newWords(list); w != nil {
			return w.in
		}
	}
	return func(s string) bool {
		for _, word := range list {
			if strings.Contains(s, word) {
				return true
			}
		}
		return false
	}
}
