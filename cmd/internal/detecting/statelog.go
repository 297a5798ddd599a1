package detecting

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lapwing/detect/snapshot"
	"lapwing/detect/standard"
	"lapwing/stream/kafka"
)

// A Broker is the part of kafka.Client that a detector uses.
type Broker interface {
	Produce(ctx context.Context, topic string, msgs ...kafka.OutMessage) error
	ReadAll(ctx context.Context, topic string, fn func(kafka.Message) error) error
	Quarantine(ctx context.Context, m kafka.Message, reason string) error
	OffsetAt(ctx context.Context, topic string, partition int, at time.Time) (int64, error)
}

const (
	chunkBytes   = 700_000
	maxChunks    = 1 << 16 // 45 GB
	maxStateRead = 8 << 30 // bytes of chunks held while reading
)

// statePrefix is what the keys of a cell's snapshots begin with.
func statePrefix(cell string) string {
	if cell == "" || cell == standard.Other { // the one that is always there
		return "detect/"
	}
	return "detect:" + cell + "/"
}

// A manifest says which chunks are a snapshot. It is written after them, so
// that what it names is whole; the snapshot before stays until the next.
type manifest struct {
	Version  int       `json:"version"`
	Current  *savedAs  `json:"current"`
	Previous *savedAs  `json:"previous,omitempty"`
	SavedAt  time.Time `json:"saved_at"` // wall clock, for people
}

// savedAs names a snapshot in the log.
type savedAs struct {
	Generation string  `json:"generation"`
	Chunks     int     `json:"chunks"`
	Bytes      int64   `json:"bytes"`
	SHA256     string  `json:"sha256"`
	Positions  []int64 `json:"positions"` // offset to read on from, by partition; -1: the first
	LowNS      int64   `json:"low_ns"`    // everything before was judged, and told
}

// A stateLog keeps snapshots in a compacted topic.
type stateLog struct {
	broker Broker
	topic  string
	prefix string // of keys
	now    func() time.Time

	current, previous *savedAs
	leftovers         map[string]bool // keys of chunks that no manifest needs
}

func (l *stateLog) manifestKey() string { return l.prefix + "manifest" }

func (l *stateLog) chunkKey(generation string, n int) string {
	return fmt.Sprintf("%s%s/%06d", l.prefix, generation, n)
}

// read returns the snapshots that are whole, the newest first, and the newest
// manifest entry even if its chunks are not there.
func (l *stateLog) read(ctx context.Context) (list []found, err error) {
	chunks := map[string]map[int][]byte{}
	var m manifest
	var held int64
	keys := map[string]bool{}
	err = l.broker.ReadAll(ctx, l.topic, func(msg kafka.Message) error {
		key := string(msg.Key)
		if !strings.HasPrefix(key, l.prefix) {
			return nil
		}
		if key == l.manifestKey() {
			var next manifest
			// A manifest that cannot be read is as good as none: detection learns again.
			if json.Unmarshal(msg.Value, &next) == nil && next.Version == 1 && next.Current.valid() && next.Previous.valid() {
				m = next
			}
			return nil
		}
		generation, number, _ := strings.Cut(key[len(l.prefix):], "/")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n >= maxChunks {
			return nil
		}
		if old := chunks[generation][n]; old != nil {
			held -= int64(len(old))
			delete(chunks[generation], n)
		}
		delete(keys, key)
		if msg.Value == nil {
			return nil
		}
		if held += int64(len(msg.Value)); held > maxStateRead {
			return fmt.Errorf("the snapshots in %s hold more than %d bytes", l.topic, int64(maxStateRead))
		}
		if chunks[generation] == nil {
			chunks[generation] = map[int][]byte{}
		}
		chunks[generation][n] = msg.Value
		keys[key] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.current, l.previous, l.leftovers = m.Current, m.Previous, keys
	for _, s := range []*savedAs{m.Current, m.Previous} {
		if s == nil {
			continue
		}
		for n := range s.Chunks {
			delete(l.leftovers, l.chunkKey(s.Generation, n))
		}
		list = append(list, found{saved: *s, data: s.join(chunks[s.Generation])})
	}
	return list, nil
}

// found is a snapshot as it was found; data is nil if it is not whole.
type found struct {
	saved savedAs
	data  []byte
}

func (s *savedAs) valid() bool {
	return s == nil || s.Chunks > 0 && s.Chunks <= maxChunks && !strings.Contains(s.Generation, "/") && s.Bytes >= 0
}

func (s *savedAs) join(chunks map[int][]byte) []byte {
	var data []byte
	for n := range s.Chunks {
		c, ok := chunks[n]
		if !ok {
			return nil
		}
		data = append(data, c...)
	}
	sum := sha256.Sum256(data)
	if int64(len(data)) != s.Bytes || hex.EncodeToString(sum[:]) != s.SHA256 {
		return nil
	}
	return data
}

// write keeps a snapshot: chunks first, then the manifest, then the chunks
// that are no longer needed go.
func (l *stateLog) write(ctx context.Context, data []byte, positions []int64, lowNS int64) error {
	var tail [4]byte
	_, _ = rand.Read(tail[:]) // never fails; see crypto/rand
	at := l.now().UTC()
	sum := sha256.Sum256(data)
	s := &savedAs{
		Generation: at.Format("20060102T150405.000Z") + "-" + hex.EncodeToString(tail[:]),
		Bytes:      int64(len(data)), SHA256: hex.EncodeToString(sum[:]), Positions: positions, LowNS: lowNS,
	}
	// Until the manifest stands there, what is written is left over.
	for rest := data; len(rest) > 0 || s.Chunks == 0; s.Chunks++ {
		n := min(len(rest), chunkBytes)
		key := l.chunkKey(s.Generation, s.Chunks)
		l.leftovers[key] = true
		if err := l.broker.Produce(ctx, l.topic, kafka.OutMessage{Partition: -1, Key: []byte(key), Value: rest[:n:n]}); err != nil {
			return fmt.Errorf("write the snapshot: %w", err)
		}
		rest = rest[n:]
	}
	m, err := json.Marshal(manifest{Version: 1, Current: s, Previous: l.current, SavedAt: at})
	if err != nil {
		return err
	}
	if err := l.broker.Produce(ctx, l.topic, kafka.OutMessage{Partition: -1, Key: []byte(l.manifestKey()), Value: m}); err != nil {
		return fmt.Errorf("write the snapshot's manifest: %w", err)
	}
	if old := l.previous; old != nil {
		for n := range old.Chunks {
			l.leftovers[l.chunkKey(old.Generation, n)] = true
		}
	}
	l.current, l.previous = s, l.current
	for n := range s.Chunks {
		delete(l.leftovers, l.chunkKey(s.Generation, n))
	}
	return l.sweep(ctx)
}

// sweep marks what no manifest needs as deleted.
func (l *stateLog) sweep(ctx context.Context) error {
	var out []kafka.OutMessage
	for key := range l.leftovers {
		out = append(out, kafka.OutMessage{Partition: -1, Key: []byte(key)})
	}
	if len(out) == 0 {
		return nil
	}
	if err := l.broker.Produce(ctx, l.topic, out...); err != nil {
		return fmt.Errorf("delete an old snapshot: %w", err)
	}
	clear(l.leftovers)
	return nil
}

// restore brings a follower to the newest snapshot that can be used. fresh
// makes a new one for each try. What cannot be used is told by note, and then
// the follower has read nothing, and is quiet about what was told before.
func (l *stateLog) restore(ctx context.Context, fresh func() (*Follower, error), note func(text string, args ...any)) (*Follower, error) {
	list, err := l.read(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		f, err := fresh()
		if err != nil {
			return nil, err
		}
		if s.data == nil {
			note("a snapshot is not whole and is left out", "generation", s.saved.Generation)
			continue
		}
		switch err := f.Load(bytes.NewReader(s.data)); {
		case err == nil:
			note("detection goes on from a snapshot", "generation", s.saved.Generation, "bytes", s.saved.Bytes, "judged_until", time.Unix(0, f.LowNS()).UTC())
			return f, nil
		case errors.Is(err, snapshot.ErrOther):
			note("the snapshot is of another build or configuration: detection learns again from the log", "generation", s.saved.Generation)
		default:
			note("a snapshot cannot be read and is left out", "generation", s.saved.Generation, "error", err)
		}
	}
	f, err := fresh()
	if err == nil && len(list) > 0 {
		f.Quiet(list[0].saved.LowNS)
	}
	return f, err
}
