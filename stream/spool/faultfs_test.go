package spool

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// memFS is a file system in memory that fails as it is told, and forgets at a
// crash what was not synced.
type memFS struct {
	mu      sync.Mutex
	files   map[string]*memFile
	room    int64 // bytes that files may still grow by; negative: no bound
	faults  int   // how many of the next writes or syncs fail with EIO
	short   bool  // a failing write leaves a part of itself
	locked  bool
	reading int // how many of the next reads fail
	rand    *rand.Rand
}

type memFile struct {
	fs           *memFS
	data, synced []byte
	durable      bool // its name is
}

func newMemFS(seed uint64) *memFS {
	return &memFS{files: map[string]*memFile{}, room: -1, rand: rand.New(rand.NewPCG(seed, 1))}
}

const pageBytes = 512

// powerLoss keeps of each file what was synced, and of the rest a page here
// and there.
func (m *memFS) powerLoss() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.locked = false
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		f := m.files[name]
		if !f.durable && m.rand.IntN(2) == 0 {
			delete(m.files, name)
			continue
		}
		size := len(f.synced)
		if len(f.data) > size {
			size += m.rand.IntN(len(f.data) - size + 1)
		} else if m.rand.IntN(2) == 0 {
			size = len(f.data) // a truncation that was not synced
		}
		out := make([]byte, size)
		copy(out, f.synced)
		for at := 0; at < size; at += pageBytes {
			if m.rand.IntN(2) == 0 && at < len(f.data) {
				copy(out[at:min(at+pageBytes, size)], f.data[at:])
			}
		}
		f.data, f.synced, f.durable = out, append([]byte(nil), out...), true
	}
}

// kill ends the process: the kernel keeps everything.
func (m *memFS) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.locked = false
}

func (m *memFS) fault() error {
	if m.faults > 0 {
		m.faults--
		return syscall.EIO
	}
	return nil
}

func (m *memFS) MkdirAll(string) error { return nil }

func (m *memFS) List(dir string) (out []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.files {
		if filepath.Dir(name) == dir {
			out = append(out, filepath.Base(name))
		}
	}
	return out, nil
}

func (m *memFS) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files[name] != nil {
		return nil, os.ErrExist
	}
	if err := m.fault(); err != nil {
		return nil, err
	}
	f := &memFile{fs: m}
	m.files[name] = f
	return f, nil
}

func (m *memFS) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.files[name]; f != nil {
		return f, nil
	}
	return nil, os.ErrNotExist
}

func (m *memFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[name]
	if f == nil {
		return os.ErrNotExist
	}
	if m.room >= 0 {
		m.room += int64(len(f.data))
	}
	delete(m.files, name)
	return nil
}

func (m *memFS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fault(); err != nil {
		return err
	}
	for name, f := range m.files {
		if filepath.Dir(name) == dir {
			f.durable = true
		}
	}
	return nil
}

type memLock struct{ m *memFS }

func (l memLock) Close() error { l.m.kill(); return nil }

func (m *memFS) Lock(string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked {
		return nil, fmt.Errorf("locked")
	}
	m.locked = true
	return memLock{m}, nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.data)), nil
}

func (f *memFile) ReadAt(b []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.fs.reading > 0 {
		f.fs.reading--
		return 0, syscall.EIO
	}
	if at >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(b []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	err := f.fs.fault()
	if err != nil && !f.fs.short {
		return 0, err
	}
	if err != nil {
		b = b[:f.fs.rand.IntN(len(b)+1)]
	}
	if grow := at + int64(len(b)) - int64(len(f.data)); grow > 0 && f.fs.room >= 0 {
		if grow > f.fs.room {
			b = b[:max(0, int64(len(b))-(grow-f.fs.room))]
			err = syscall.ENOSPC
			grow = max(0, at+int64(len(b))-int64(len(f.data)))
		}
		f.fs.room -= grow
	}
	if len(b) > 0 {
		for int64(len(f.data)) < at+int64(len(b)) {
			f.data = append(f.data, 0)
		}
		copy(f.data[at:], b)
	}
	return len(b), err
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.fault(); err != nil {
		return err
	}
	if size < int64(len(f.data)) {
		if f.fs.room >= 0 {
			f.fs.room += int64(len(f.data)) - size
		}
		f.data = f.data[:size:size]
	}
	return nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.fault(); err != nil {
		return err
	}
	f.synced = append([]byte(nil), f.data...)
	return nil
}

func (f *memFile) Close() error { return nil }
