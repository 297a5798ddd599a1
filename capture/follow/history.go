package follow

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing/capture/input"
)

// maxHistory bounds the rotated files looked at beside one path; the newest
// are taken.
const maxHistory = 1000

// A relic is a rotated file beside a path.
type relic struct {
	path    string
	info    os.FileInfo // when it was listed
	number  int         // of app.log.2, which is older than app.log.1; 0 if it has none
	place   *place
	current bool // the file at the path itself
}

// rotated is what rotation puts into a name: a number or a date.
var rotated = regexp.MustCompile(`^[.-]([0-9][0-9TZ:_.-]*)$`)

// history reads what rotation moved away from path: the rest of files that were
// being read when the last run ended or a truncation came, all that came after
// them, and with Backfill everything, unless something newer was read already.
// With since, what was written then or later is unread, too. What is open has
// its own turns, and so has current, the file that is at path or was just now;
// it may be nil. The result is errUnsettled if files moved meanwhile: what was
// read has its place then, and the rest is found by calling again.
func (f *Follower) history(ctx context.Context, path string, followed []string, current os.FileInfo, since time.Time) error {
	relics, err := f.relics(path, followed)
	if err != nil {
		return err
	}
	newest, oldest := -1, len(relics)
	for i, r := range relics {
		if r.place != nil {
			newest, oldest = i, min(oldest, i)
		}
	}
	if _, looked := f.resumed[path]; !looked {
		f.resumed[path] = newest >= 0
	}
	for i, r := range relics {
		unread := i > newest && (f.cfg.Backfill || i > oldest || !since.IsZero() && !r.info.ModTime().Before(since))
		if current != nil && os.SameFile(r.info, current) {
			break // it has its turn before what is newer
		}
		if r.current || r.place == nil && !unread || r.place != nil && r.place.open != nil {
			continue
		}
		if err := f.readRelic(ctx, path, r); err != nil {
			return err
		}
	}
	return nil
}

// relics lists the rotated files of path and path itself, oldest first, without
// those that are followed on their own. A listing that rotation goes on beside
// may miss a file under both its names, so it has to come out twice alike.
func (f *Follower) relics(path string, followed []string) ([]relic, error) {
	out := list(path, followed)
	again := list(path, followed)
	for looks := 2; !slices.EqualFunc(out, again, sameRelic); looks++ {
		if looks == maxLooks {
			return nil, errUnsettled
		}
		out, again = again, list(path, followed)
	}
	slices.SortFunc(out, func(a, b relic) int {
		if a.current != b.current {
			if a.current {
				return 1
			}
			return -1
		}
		return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), cmp.Compare(b.number, a.number), strings.Compare(a.path, b.path))
	})
	if extra := len(out) - maxHistory; extra > 0 {
		f.counts.ignored.Add(int64(extra))
		out = out[extra:]
	}
	for i := range out {
		var err error
		if out[i].place, err = f.known(&out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func sameRelic(a, b relic) bool { return a.path == b.path && os.SameFile(a.info, b.info) }

// list is one listing, in the order of names.
func list(path string, followed []string) []relic {
	dir, base := filepath.Split(path)
	ext := filepath.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	entries, err := os.ReadDir(filepath.Clean(dir + "."))
	if err != nil {
		return nil // an unreadable directory has no history
	}
	var out []relic
	for _, e := range entries {
		name := strings.TrimSuffix(strings.TrimSuffix(e.Name(), ".gz"), ".zst")
		full := filepath.Join(dir, e.Name())
		r := relic{path: full, current: full == path}
		if !r.current {
			middle, ok := strings.CutPrefix(name, base)
			if !ok || !rotated.MatchString(middle) {
				if middle, ok = strings.CutPrefix(name, stem); ok {
					middle, ok = strings.CutSuffix(middle, ext)
				}
			}
			m := rotated.FindStringSubmatch(middle)
			if !ok || m == nil || slices.Contains(followed, full) {
				continue
			}
			if len(m[1]) < 6 { // more is a date
				r.number, _ = strconv.Atoi(m[1])
			}
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		r.info = info
		out = append(out, r)
	}
	return out
}

// openRelic opens a file that was listed. The error is errUnsettled if the name
// stands for another file by now.
func openRelic(r *relic) (*os.File, error) {
	file, err := os.Open(r.path)
	if err != nil {
		if os.IsNotExist(err) {
			return nil, errUnsettled
		}
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !os.SameFile(info, r.info) {
		err = errUnsettled
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// known returns the place of a file on disk, unpacked if need be. The error is
// errUnsettled or nil: a file that cannot be read has no place.
func (f *Follower) known(r *relic) (*place, error) {
	file, err := openRelic(r)
	if err != nil {
		if errors.Is(err, errUnsettled) && !r.current {
			return nil, err
		}
		return nil, nil
	}
	defer file.Close()
	content, err := input.Unpack(bufio.NewReader(file))
	if err != nil {
		return nil, nil
	}
	var head [headBytes]byte
	n, _ := io.ReadFull(content, head[:])
	return f.places.find(head[:n], inode(r.info)), nil
}

func (f *Follower) readRelic(ctx context.Context, path string, r relic) error {
	if isPacked(r.path) {
		return f.readPacked(ctx, r)
	}
	t := f.open(r.path)
	if t == nil {
		if _, err := os.Stat(r.path); os.IsNotExist(err) {
			return errUnsettled
		}
		return nil
	}
	if !os.SameFile(t.info, r.info) {
		f.drop(t)
		return errUnsettled
	}
	if f.tailOf(t.info) != nil {
		f.drop(t)
		return nil
	}
	t.gone = true
	w := f.watch(path)
	w.tails = append(w.tails, t)
	return f.drain(ctx, t)
}

// drain reads a file to its end, whatever waits.
func (f *Follower) drain(ctx context.Context, t *tail) error {
	for {
		if atEnd, err := f.turn(ctx, t); atEnd || err != nil {
			return err
		}
	}
}

// readPacked reads a compressed file once, from its place on.
func (f *Follower) readPacked(ctx context.Context, r relic) error {
	file, err := openRelic(&r)
	if errors.Is(err, errUnsettled) {
		return err
	}
	if err != nil {
		f.counts.errors.Add(1)
		return nil
	}
	defer file.Close()
	content, err := input.Unpack(bufio.NewReader(file))
	if err != nil {
		f.counts.errors.Add(1)
		return nil
	}
	whole := bufio.NewReaderSize(content, 64<<10)
	head, _ := whole.Peek(headBytes)
	if len(head) == 0 {
		return nil
	}
	p := f.places.find(head, inode(r.info))
	if p == nil {
		p = f.places.claim(strings.TrimSuffix(strings.TrimSuffix(r.path, ".gz"), ".zst"), head, inode(r.info))
	}
	lines := input.NewLines(whole, r.path)
	defer func() { f.counts.skipped.Add(lines.Stats().Skipped) }()
	var l input.Line
	for {
		if err := lines.Next(&l); err != nil {
			if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				f.counts.errors.Add(1)
			}
			return nil
		}
		if l.Offset < p.end {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.emit(ctx, Line{Source: p.source, Data: l.Data, Offset: l.Offset, End: l.End, Number: l.Number}); err != nil {
			return err
		}
		p.end = l.End
		f.counts.lines.Add(1)
		f.counts.bytes.Add(int64(len(l.Data)))
	}
}
