package archive

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lapwing/event"
	"lapwing/store"
	"lapwing/stream/wire"
)

// A memory is an archive that checks what archives promise of batches: the
// same token is the same batch.
type memory struct {
	mu      sync.Mutex
	batches map[string]store.LogBatch
	at      map[int]store.LogPosition
	calls   map[event.ID]int
	fail    func() error // decides whether an append fails, and after doing it
	after   func() error
}

func newMemory() *memory {
	return &memory{batches: make(map[string]store.LogBatch), at: make(map[int]store.LogPosition), calls: make(map[event.ID]int)}
}

func (m *memory) AppendLog(_ context.Context, b store.LogBatch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(); err != nil {
			return err
		}
	}
	if uint64(len(b.Calls))+b.Counts.Repeated != b.Counts.Seen {
		return fmt.Errorf("batch %s: kept %d + repeated %d is not seen %d", b.Token(), len(b.Calls), b.Counts.Repeated, b.Counts.Seen)
	}
	if had, ok := m.batches[b.Token()]; ok {
		if !reflect.DeepEqual(ids(had), ids(b)) || !reflect.DeepEqual(had.Marks, b.Marks) || had.Counts != b.Counts {
			return fmt.Errorf("batch %s came again and is another one", b.Token())
		}
		return nil
	}
	if p, ok := m.at[b.Partition]; ok && b.First < p.Next {
		return fmt.Errorf("batch %s: %w", b.Token(), store.ErrOverlap)
	}
	m.batches[b.Token()] = b
	m.at[b.Partition] = store.LogPosition{Next: b.Last + 1, Marks: b.Marks}
	for _, c := range b.Calls {
		m.calls[c.ID]++
	}
	if m.after != nil {
		return m.after()
	}
	return nil
}

func ids(b store.LogBatch) (out []event.ID) {
	for _, c := range b.Calls {
		out = append(out, c.ID)
	}
	return out
}

func (m *memory) LogPositions(context.Context, string) (map[int]store.LogPosition, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[int]store.LogPosition)
	for k, v := range m.at {
		out[k] = v
	}
	return out, nil
}

var errEnd = errors.New("end of the log")

// A tape is a partition that ends with errEnd, and hands out what is left in
// pieces of the given size.
type tape struct {
	messages  []Message
	piece     int
	at        int64
	committed int64
}

func (t *tape) ReadFrom(offset int64) { t.at = offset }

func (t *tape) Fetch(ctx context.Context) ([]Message, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for i, m := range t.messages {
		if m.Offset >= t.at {
			end := min(len(t.messages), i+t.piece)
			t.at = t.messages[end-1].Offset + 1
			return t.messages[i:end], nil
		}
	}
	return nil, errEnd
}

func (t *tape) Commit(_ context.Context, next int64) error {
	t.committed = next
	return nil
}

// recording makes a partition of three sensors: calls, heartbeats, numbers
// that are missing, records that come again, and some that nobody can read.
func recording(t *rapid.T) (messages []Message, calls map[event.ID]bool, poison int) {
	calls = make(map[event.ID]bool)
	next := map[string]uint64{"a": 1, "b": 1, "c": 1}
	at, offset := epoch, int64(rapid.IntRange(0, 1000).Draw(t, "first offset"))
	var sent [][]byte
	for range rapid.IntRange(1, 60).Draw(t, "messages") {
		at = at.Add(time.Duration(rapid.IntRange(-200, 900).Draw(t, "ms")) * time.Millisecond)
		var value []byte
		switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
		case kind == 0:
			value = []byte("\xff\xff\xff garbage")
			poison++
		case kind <= 2 && len(sent) > 0:
			value = rapid.SampledFrom(sent).Draw(t, "again")
		default:
			sensor := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "sensor")
			first := next[sensor] + uint64(rapid.SampledFrom([]int{0, 0, 0, 2}).Draw(t, "gap"))
			r := rec(sensor, uint64(sensor[0]), first, rapid.IntRange(0, 5).Draw(t, "calls"))
			next[sensor] = r.Next()
			for _, c := range r.Calls {
				calls[c.ID] = true
			}
			value = r.Append(nil)
			sent = append(sent, value)
		}
		messages = append(messages, Message{Offset: offset, Time: at, Value: value})
		offset += int64(rapid.SampledFrom([]int{1, 1, 1, 3}).Draw(t, "step"))
	}
	// A last message, far later, completes the batch before it.
	last := rec("end", 1, 1, 0)
	return append(messages, Message{Offset: offset, Time: at.Add(time.Hour), Value: last.Append(nil)}), calls, poison
}

// However often archivers stop, fail without or after keeping a batch, and run
// beside one another: everything is kept once, and in the same batches.
func TestNothingLostNothingDoubled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages, want, poison := recording(t)
		limits := Limits{Window: 2 * time.Second, Calls: 12, Bytes: 1 << 20, Records: 8}
		run := func(s store.Archive, quarantined map[int64]bool) (Stats, error) {
			a := &Archiver{Store: s, Limits: limits, Quarantine: func(_ context.Context, _ string, _ int, m Message, _ string) error {
				quarantined[m.Offset] = true
				return nil
			}}
			err := a.Run(context.Background(), "calls", 0, &tape{messages: messages, piece: rapid.IntRange(1, 7).Draw(t, "piece")})
			return a.Stats(), err
		}
		plain, aside := newMemory(), make(map[int64]bool)
		stats, err := run(plain, aside)
		if !errors.Is(err, errEnd) {
			t.Fatal(err)
		}
		if len(plain.calls) != len(want) || stats.CallsKept != uint64(len(want)) || stats.CallsSeen != stats.CallsKept+stats.Repeated {
			t.Fatalf("kept %d of %d calls: %+v", len(plain.calls), len(want), stats)
		}
		if len(aside) != poison || stats.Quarantined != uint64(poison) {
			t.Fatalf("%d of %d messages were set aside: %+v", len(aside), poison, stats)
		}
		if int(stats.Records) != len(messages)-1 {
			t.Fatalf("%d of %d messages are in batches", stats.Records, len(messages)-1)
		}

		faulty, aside := newMemory(), make(map[int64]bool)
		fault := func() error {
			if rapid.IntRange(0, 3).Draw(t, "fault") == 0 {
				return errors.New("the store is away")
			}
			return nil
		}
		faulty.fail, faulty.after = fault, fault
		for {
			if _, err := run(faulty, aside); errors.Is(err, errEnd) {
				break
			} else if !strings.Contains(err.Error(), "away") {
				t.Fatal(err)
			}
		}
		for id := range want {
			if faulty.calls[id] != 1 {
				t.Fatalf("call %s is kept %d times", id, faulty.calls[id])
			}
		}
		if len(faulty.batches) != len(plain.batches) || !reflect.DeepEqual(faulty.at, plain.at) || len(aside) != poison {
			t.Fatalf("%d batches to %v, without faults %d to %v", len(faulty.batches), faulty.at, len(plain.batches), plain.at)
		}
		for token := range plain.batches {
			if _, ok := faulty.batches[token]; !ok {
				t.Fatalf("batch %s is missing", token)
			}
		}
	})
}

// A zombie that was given up goes on for a while beside its successor.
func TestZombiesCutTheSameBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages, want, _ := recording(t)
		s := newMemory()
		var wg sync.WaitGroup
		errs := make([]error, 3)
		for i := range errs {
			piece := rapid.IntRange(1, 7).Draw(t, "piece")
			wg.Go(func() {
				a := &Archiver{Store: s, Quarantine: func(context.Context, string, int, Message, string) error { return nil }}
				errs[i] = a.Run(context.Background(), "calls", 0, &tape{messages: messages, piece: piece})
			})
		}
		wg.Wait()
		for _, err := range errs {
			if !errors.Is(err, errEnd) {
				t.Fatal(err)
			}
		}
		for id := range want {
			if s.calls[id] != 1 {
				t.Fatalf("call %s is kept %d times", id, s.calls[id])
			}
		}
	})
}

func TestCommitsFollowAppends(t *testing.T) {
	s := newMemory()
	log := &tape{piece: 10}
	for i := range 3 {
		log.messages = append(log.messages, Message{Offset: int64(i), Time: epoch.Add(time.Duration(i) * 3 * time.Second), Value: rec("a", 1, uint64(i+1), 1).Append(nil)})
	}
	a := &Archiver{Store: s}
	if err := a.Run(t.Context(), "calls", 0, log); !errors.Is(err, errEnd) {
		t.Fatal(err)
	}
	if log.committed != 2 || s.at[0].Next != 2 || len(s.calls) != 2 {
		t.Errorf("committed %d, kept up to %d with %d calls: the third batch is not complete", log.committed, s.at[0].Next, len(s.calls))
	}
}

// A record of a newer program is not set aside: it waits in the log.
func TestNewerRecordsStopTheArchiver(t *testing.T) {
	newer := []byte{0x08, 0x7f} // field 1, major: 127
	if _, err := wire.Decode(newer); !errors.Is(err, wire.ErrNewer) {
		t.Fatalf("the test's record is not newer: %v", err)
	}
	s := newMemory()
	a := &Archiver{Store: s, Quarantine: func(context.Context, string, int, Message, string) error {
		t.Error("a newer record was set aside")
		return nil
	}}
	err := a.Run(t.Context(), "calls", 0, &tape{piece: 1, messages: []Message{{Offset: 0, Time: epoch, Value: newer}}})
	if !errors.Is(err, wire.ErrNewer) {
		t.Errorf("got %v", err)
	}
	if len(s.batches) != 0 {
		t.Error("a batch was appended")
	}
}

func TestAFailedQuarantineKeepsTheBatchBack(t *testing.T) {
	s := newMemory()
	away := errors.New("the broker is away")
	a := &Archiver{Store: s, Quarantine: func(context.Context, string, int, Message, string) error { return away }}
	log := &tape{piece: 5, messages: []Message{
		{Offset: 0, Time: epoch, Value: rec("a", 1, 1, 1).Append(nil)},
		{Offset: 1, Time: epoch, Value: []byte("\xffgarbage")},
		{Offset: 2, Time: epoch.Add(time.Minute), Value: rec("a", 1, 2, 1).Append(nil)},
	}}
	if err := a.Run(t.Context(), "calls", 0, log); !errors.Is(err, away) {
		t.Errorf("got %v", err)
	}
	if len(s.batches) != 0 || log.committed != 0 {
		t.Error("the batch was appended although its message could not be set aside")
	}
}
