package rules

import (
	"crypto/sha256"
	"errors"
	"time"
)

// A Reloader puts what the files at Paths say into Live whenever they change.
// A file that is wrong keeps the whole set before it in force. One goroutine.
type Reloader struct {
	Live  *Live
	Paths []string
	Now   func() time.Time // wall clock, for Stats.Loaded alone; nil: it stays zero

	sum [sha256.Size]byte
}

// Begin says that what is in force was just read from Paths.
func (r *Reloader) Begin() {
	r.sum = r.look()
	r.loaded()
}

// Check reads the files if they are others than at the last time. changed says
// that they are; an error, that the rules in force stay as they were. The same
// fault is told once.
func (r *Reloader) Check() (changed bool, err error) {
	sum := r.look()
	if sum == r.sum {
		return false, nil
	}
	r.sum = sum
	s, err := Load(r.Paths...)
	if err != nil {
		r.Live.refused.Add(1)
		return true, errors.Join(errors.New("the rules in force stay as they were"), err)
	}
	r.Live.reloads.Add(1)
	r.Live.Replace(s)
	r.loaded()
	return true, nil
}

func (r *Reloader) loaded() {
	if r.Now != nil {
		r.Live.loadedNS.Store(r.Now().UnixNano())
	}
}

// look sums up names and contents: modification times change without the
// content, and the content without them.
func (r *Reloader) look() (sum [sha256.Size]byte) {
	h := sha256.New()
	files, err := Files(r.Paths...)
	if err != nil {
		h.Write([]byte(err.Error()))
	}
	for _, name := range files {
		data, err := readFile(name)
		if err != nil {
			data = []byte(err.Error())
		}
		content := sha256.Sum256(data)
		h.Write([]byte(name + "\x00"))
		h.Write(content[:])
	}
	h.Sum(sum[:0])
	return sum
}
