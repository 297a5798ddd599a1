package storetest

import (
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"lapwing/event"
	"lapwing/store"
)

// An ArchiveStore is what the suite of archives exercises.
type ArchiveStore interface {
	Store
	store.Archive
	store.Eraser
}

// OpenArchive opens an empty store; Another opens the same data once more, as
// another process would, or returns the same store if only one process can
// hold it.
type OpenArchive func(t *testing.T) (s ArchiveStore, another func() ArchiveStore)

// RunArchive checks an implementation against the promises of store.Archive.
func RunArchive(t *testing.T, open OpenArchive) {
	t.Run("a batch comes back with its marks", func(t *testing.T) { batchKept(t, open) })
	t.Run("the same batch twice is one", func(t *testing.T) { batchTwice(t, open) })
	t.Run("a batch cut otherwise is refused", func(t *testing.T) { batchOverlaps(t, open) })
	t.Run("zombies append the same batches at once", func(t *testing.T) { zombies(t, open) })
	t.Run("a batch over midnight", func(t *testing.T) { midnight(t, open) })
	t.Run("a batch without calls", func(t *testing.T) { emptyBatch(t, open) })
	t.Run("a large batch", func(t *testing.T) { largeBatch(t, open) })
	t.Run("partitions and topics do not mix", func(t *testing.T) { partitions(t, open) })
	t.Run("an actor is erased", func(t *testing.T) { erase(t, open) })
	t.Run("retention leaves positions", func(t *testing.T) { retainPositions(t, open) })
}

const topic = "lapwing.calls"

// Batch makes the batch of n calls, numbered from from, that stands at the
// offsets first to last.
func Batch(partition int, first, last int64, from, n int) store.LogBatch {
	b := store.LogBatch{Topic: topic, Partition: partition, First: first, Last: last,
		Marks:  []store.Mark{{Sensor: "edge-1", Boot: 7, Next: uint64(from + n + 1), Lost: 2, Explained: 1}, {Sensor: "edge-2", Boot: 1 << 63, Next: 1}},
		Counts: store.LogCounts{Records: uint64(last - first + 1), Seen: uint64(n) + 3, Repeated: 3, Lost: 2, Explained: 1}}
	for i := range n {
		b.Calls = append(b.Calls, Call(from+i))
	}
	return b
}

func appendLog(t *testing.T, s store.Archive, b store.LogBatch) {
	t.Helper()
	if err := s.AppendLog(t.Context(), b); err != nil {
		t.Fatalf("batch %s: %v", b.Token(), err)
	}
}

// kept fails unless exactly the calls with these numbers are there, each once.
func kept(t *testing.T, s Store, n int) {
	t.Helper()
	seen := make(map[event.ID]int)
	for _, c := range all(t, s, store.CallQuery{}) {
		seen[c.ID]++
	}
	missing, doubled := 0, 0
	for i := range n {
		switch seen[Call(i).ID] {
		case 0:
			missing++
		case 1:
		default:
			doubled++
		}
	}
	if missing > 0 || doubled > 0 || len(seen) != n {
		t.Fatalf("%d calls missing, %d doubled, %d different ones, want %d", missing, doubled, len(seen), n)
	}
}

func position(t *testing.T, s store.Archive, partition int) store.LogPosition {
	t.Helper()
	p, err := s.LogPositions(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	at, ok := p[partition]
	if !ok {
		t.Fatalf("no position of partition %d in %v", partition, p)
	}
	return at
}

func batchKept(t *testing.T, open OpenArchive) {
	s, another := open(t)
	if p, err := s.LogPositions(t.Context(), topic); err != nil || len(p) != 0 {
		t.Fatalf("positions of an empty store: %v (%v)", p, err)
	}
	first, second := Batch(3, 0, 9, 0, 20), Batch(3, 10, 10, 20, 5)
	appendLog(t, s, first)
	appendLog(t, s, second)
	s = another()
	kept(t, s, 25)
	if got, want := position(t, s, 3), (store.LogPosition{Next: 11, Marks: second.Marks}); !reflect.DeepEqual(got, want) {
		t.Errorf("position %+v, want %+v", got, want)
	}
	got := all(t, s, store.CallQuery{})
	for i := range got {
		if !reflect.DeepEqual(got[i], Call(i)) {
			t.Fatalf("call %d:\n got %s\nwant %s", i, got[i].AppendJSON(nil), Call(i).AppendJSON(nil))
		}
	}
}

func batchTwice(t *testing.T, open OpenArchive) {
	s, another := open(t)
	a, b := Batch(0, 5, 9, 0, 10), Batch(0, 10, 12, 10, 10)
	for range 3 {
		appendLog(t, s, a)
	}
	appendLog(t, s, b)
	appendLog(t, s, b)
	s = another()
	appendLog(t, s, a) // long behind
	appendLog(t, s, b)
	kept(t, s, 20)
	if got := position(t, s, 0).Next; got != 13 {
		t.Errorf("next offset %d, want 13", got)
	}
}

func batchOverlaps(t *testing.T, open OpenArchive) {
	s, another := open(t)
	appendLog(t, s, Batch(0, 0, 9, 0, 10))
	s = another()
	if err := s.AppendLog(t.Context(), Batch(0, 5, 14, 5, 10)); !errors.Is(err, store.ErrOverlap) {
		t.Errorf("a batch across the kept position: %v", err)
	}
	kept(t, s, 10)
	// A hole is the log's business: compaction, or records that expired.
	appendLog(t, s, Batch(0, 20, 24, 10, 5))
	kept(t, s, 15)
}

func zombies(t *testing.T, open OpenArchive) {
	s, another := open(t)
	stores := []ArchiveStore{s, another(), another()}
	const batches = 8
	var wg sync.WaitGroup
	for _, s := range stores {
		wg.Go(func() {
			for i := range batches {
				if err := s.AppendLog(t.Context(), Batch(1, int64(i*10), int64(i*10+9), i*50, 50)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	kept(t, s, batches*50)
	if got := position(t, s, 1).Next; got != batches*10 {
		t.Errorf("next offset %d, want %d", got, batches*10)
	}
}

func midnight(t *testing.T, open OpenArchive) {
	s, another := open(t)
	b := Batch(0, 0, 0, 0, 40)
	night := time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC)
	for i, c := range b.Calls {
		// Back and forth over midnight, and one that ends on the stroke of it.
		c.Time = night.Add(time.Duration(i-20) * time.Second)
		if i%2 == 1 {
			c.Time = night.Add(time.Duration(20-i) * time.Second)
		}
		c.Duration = 0
	}
	appendLog(t, s, b)
	appendLog(t, another(), b)
	appendLog(t, s, b)
	kept(t, s, 40)
	if n, err := s.CountCalls(t.Context(), store.CallQuery{Since: night}); err != nil || n != count(b.Calls, night) {
		t.Errorf("%d calls from midnight on (%v), want %d", n, err, count(b.Calls, night))
	}
}

func count(calls []*event.Call, since time.Time) (n int64) {
	for _, c := range calls {
		if !c.End().Before(since) {
			n++
		}
	}
	return n
}

func emptyBatch(t *testing.T, open OpenArchive) {
	s, another := open(t)
	appendLog(t, s, Batch(0, 0, 4, 0, 0))
	if got := position(t, another(), 0); got.Next != 5 || len(got.Marks) != 2 {
		t.Errorf("position %+v", got)
	}
	kept(t, s, 0)
}

func largeBatch(t *testing.T, open OpenArchive) {
	if testing.Short() {
		t.Skip("100,000 calls")
	}
	s, another := open(t)
	const n = 100_000
	b := Batch(0, 0, 999, 0, n)
	appendLog(t, s, b)
	appendLog(t, another(), b)
	if got, err := s.CountCalls(t.Context(), store.CallQuery{}); err != nil || got != n {
		t.Errorf("%d calls (%v), want %d", got, err, n)
	}
}

func partitions(t *testing.T, open OpenArchive) {
	s, another := open(t)
	appendLog(t, s, Batch(0, 0, 9, 0, 10))
	appendLog(t, s, Batch(1, 0, 9, 10, 10))
	other := Batch(0, 0, 5, 20, 5)
	other.Topic = "other.calls"
	appendLog(t, s, other)
	s = another()
	kept(t, s, 25)
	p, err := s.LogPositions(t.Context(), topic)
	if err != nil || len(p) != 2 || p[0].Next != 10 || p[1].Next != 10 {
		t.Errorf("positions %v (%v)", p, err)
	}
	if p, err = s.LogPositions(t.Context(), "other.calls"); err != nil || len(p) != 1 || p[0].Next != 6 {
		t.Errorf("positions of the other topic %v (%v)", p, err)
	}
}

func erase(t *testing.T, open OpenArchive) {
	s, another := open(t)
	b := Batch(0, 0, 0, 0, 30)
	b.Calls[0].Account, b.Calls[4].Token, b.Calls[7].User = "nm-gone", "nm-gone", "nm-gone"
	b.Calls[9].Actor.Value = "nm-gone"
	b.Calls[11].Path = "/nm-gone" // not an identity
	appendLog(t, s, b)
	if n, err := s.Erase(t.Context(), "nm-gone"); err != nil || n != 4 {
		t.Fatalf("erased %d (%v), want 4", n, err)
	}
	s = another()
	for q, want := range map[store.CallQuery]int64{{}: 26, {Actor: "nm-gone"}: 0, {Actor: "nm-1"}: 10 - 2} {
		if n, err := s.CountCalls(t.Context(), q); err != nil || n != want {
			t.Errorf("%+v: %d calls (%v), want %d", q, n, err, want)
		}
	}
	if n, err := s.Erase(t.Context(), "nm-gone"); err != nil || n != 0 {
		t.Errorf("erased %d (%v) once more", n, err)
	}
	// What was erased does not come back with a repetition.
	appendLog(t, s, b)
	if n, err := s.CountCalls(t.Context(), store.CallQuery{}); err != nil || n != 26 {
		t.Errorf("%d calls (%v) after a repetition, want 26", n, err)
	}
}

func retainPositions(t *testing.T, open OpenArchive) {
	s, another := open(t)
	appendLog(t, s, Batch(0, 0, 9, 0, 10))
	appendLog(t, s, Batch(0, 10, 19, 10, 10))
	if n, err := s.Retain(t.Context(), epoch.AddDate(100, 0, 0)); err != nil || n != 20 {
		t.Errorf("deleted %d (%v), want 20", n, err)
	}
	s = another()
	kept(t, s, 0)
	if got := position(t, s, 0); got.Next != 20 || len(got.Marks) != 2 {
		t.Errorf("position %+v", got)
	}
}
