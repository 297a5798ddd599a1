package follow

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// scan looks which files the paths mean now.
func (f *Follower) scan(ctx context.Context) error {
	paths := f.paths()
	if !f.started && f.wantsHistory() {
		for _, p := range f.withMissing(paths) {
			if _, err := os.Stat(p); err == nil {
				continue // take has a look before it is read
			}
			if err := f.catchUp(ctx, p, paths, nil); err != nil {
				return err
			}
		}
	}
	present := map[*tail]bool{}
	var fresh []*tail
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			if !os.IsNotExist(err) {
				f.counts.errors.Add(1)
			}
			continue
		}
		if !info.Mode().IsRegular() {
			continue
		}
		if t := f.tailOf(info); t != nil {
			present[t] = present[t] || t.path == p
			continue
		}
		t, err := f.take(ctx, p, paths)
		if err != nil {
			return err
		}
		if t != nil {
			t.fromEnd = f.cfg.FromEnd && !f.started && !f.resumed[p]
			present[t] = true
			fresh = append(fresh, t)
		}
	}
	for _, w := range f.watches {
		for _, t := range w.tails {
			if !present[t] && !t.gone {
				f.counts.rotations.Add(1)
			}
			t.gone = !present[t]
		}
	}
	for _, t := range fresh {
		w := f.watch(t.path)
		w.tails = append(w.tails, t)
	}
	f.watches = slices.DeleteFunc(f.watches, func(w *watch) bool { return len(w.tails) == 0 })
	f.started = true
	return nil
}

// maxLooks bounds how often a directory is listed because rotation went on
// meanwhile. What is still not settled then is left for the next poll.
const maxLooks = 10

func (f *Follower) wantsHistory() bool {
	return f.started || f.cfg.Backfill || len(f.cfg.Resume) > 0
}

// take opens a file that is new at path, after everything before it was read.
// It is opened first: whatever had the path before has another name by then,
// and is there to be found. The result is nil if the file is followed already,
// or has to wait for the next scan.
func (f *Follower) take(ctx context.Context, path string, followed []string) (*tail, error) {
	t := f.open(path)
	if t == nil {
		return nil, nil
	}
	if f.tailOf(t.info) != nil {
		f.drop(t)
		return nil, nil
	}
	if !f.wantsHistory() {
		return t, nil
	}
	switch err := f.catchUp(ctx, path, followed, t.info); {
	case errors.Is(err, errUnsettled):
		f.drop(t)
		return nil, nil
	case err != nil:
		f.drop(t)
		return nil, err
	}
	return t, nil
}

// errUnsettled says that rotation went on for as long as the directory was
// looked at.
var errUnsettled = errors.New("files keep moving")

// catchUp reads, before the file that is current at path has its turn, what is
// left of the generations before it. Some of them may have come and gone since
// the last look, or move while it looks; then it looks again.
func (f *Follower) catchUp(ctx context.Context, path string, followed []string, current os.FileInfo) error {
	var since time.Time // what was written later than all that is followed is news
	if i := slices.IndexFunc(f.watches, func(w *watch) bool { return w.path == path }); i >= 0 {
		for _, t := range f.watches[i].tails {
			if err := f.drain(ctx, t); err != nil {
				return err
			}
			if info, err := t.file.Stat(); err == nil && t.place != nil && info.ModTime().After(since) {
				since = info.ModTime()
			}
		}
	}
	for range maxLooks {
		if err := f.history(ctx, path, followed, current, since); !errors.Is(err, errUnsettled) {
			return err
		}
	}
	return errUnsettled
}

// paths expands the patterns; compressed files are history only.
func (f *Follower) paths() []string {
	var all []string
	for _, pattern := range f.cfg.Paths {
		found, _ := filepath.Glob(pattern) // the pattern was checked by New
		if _, err := os.Stat(pattern); err == nil {
			found = append(found, filepath.Clean(pattern)) // a name may look like a pattern
		}
		for _, p := range found {
			if !isPacked(p) {
				all = append(all, filepath.Clean(p))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// withMissing adds the paths that name no file right now: one may just have
// been rotated away. A pattern that stays one finds nothing and does no harm.
func (f *Follower) withMissing(paths []string) []string {
	all := slices.Clone(paths)
	for _, p := range f.cfg.Paths {
		if !isPacked(p) {
			all = append(all, filepath.Clean(p))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func isPacked(path string) bool {
	return strings.HasSuffix(path, ".gz") || strings.HasSuffix(path, ".zst")
}

// tailOf returns the open tail of a file, whatever its name is now.
func (f *Follower) tailOf(info os.FileInfo) *tail {
	for _, w := range f.watches {
		for _, t := range w.tails {
			if os.SameFile(t.info, info) {
				return t
			}
		}
	}
	return nil
}

func (f *Follower) open(path string) *tail {
	if f.counts.files.Load() >= maxFiles {
		f.counts.ignored.Add(1)
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		f.counts.errors.Add(1)
		return nil
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		f.counts.errors.Add(1)
		file.Close()
		return nil
	}
	f.counts.files.Add(1)
	return &tail{path: path, file: file, info: info, size: -1}
}

// watch returns the watch of a path, making it in the order of paths.
func (f *Follower) watch(path string) *watch {
	i, found := slices.BinarySearchFunc(f.watches, path, func(w *watch, p string) int { return strings.Compare(w.path, p) })
	if !found {
		f.watches = slices.Insert(f.watches, i, &watch{path: path})
	}
	return f.watches[i]
}
