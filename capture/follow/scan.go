package follow

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// scan looks which files the paths mean now.
func (f *Follower) scan(ctx context.Context) error {
	paths := f.paths()
	if !f.started {
		if f.cfg.Backfill || len(f.cfg.Resume) > 0 {
			for _, p := range f.withMissing(paths) {
				if err := f.history(ctx, p, paths); err != nil {
					return err
				}
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
		if f.started {
			if err := f.catchUp(ctx, p, paths); err != nil {
				return err
			}
		}
		if t := f.open(p); t != nil {
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

// catchUp reads, before a new file at path has its turn, what is left of the
// generations before it. Some of them may have come and gone since the last
// look.
func (f *Follower) catchUp(ctx context.Context, path string, followed []string) error {
	i := slices.IndexFunc(f.watches, func(w *watch) bool { return w.path == path })
	if i < 0 {
		return nil // nothing was there before
	}
	for _, t := range f.watches[i].tails {
		if err := f.drain(ctx, t); err != nil {
			return err
		}
	}
	return f.history(ctx, path, followed)
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
