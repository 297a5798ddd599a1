package itest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sort"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"lapwing/event"
	"lapwing/stream/wire"
)

// A LogAudit is what the calls topic holds, read from its beginning to its end
// by a plain client, and judged by the rules of the wire form alone: the numbers
// of a sensor's calls in a partition go up by one within a boot, a repetition is
// the same bytes, and the numbers that are missing are those the sensor counts
// as dropped.
type LogAudit struct {
	Records, Repeated int // repeated: records that came again
	Calls             int // numbers seen, each once
	Lost              uint64
	Dropped           map[string]uint64 // by reason, as the sensors say
	Boots             int               // starts of sensors
	IDs               map[event.ID]int  // how often each call stands in the log, repetitions left out

	numbers map[numbering]*numbered
	faults  []string
}

// Balanced reports every breach of the rules; nil is none.
func (a *LogAudit) Balanced() []string {
	var dropped uint64
	for _, n := range a.Dropped {
		dropped += n
	}
	faults := a.faults
	if a.Lost != dropped {
		faults = append(faults, fmt.Sprintf("%d numbers are missing in the log, and the sensors count %d calls as dropped %v", a.Lost, dropped, a.Dropped))
	}
	return faults
}

// Doubled returns how many calls stand in the log more than once under
// different numbers: a sensor read them twice.
func (a *LogAudit) Doubled() (n int) {
	for _, c := range a.IDs {
		if c > 1 {
			n++
		}
	}
	return n
}

// String is one line for a test's log.
func (a *LogAudit) String() string {
	return fmt.Sprintf("log: %d records (%d came again), %d calls from %d boots, %d numbers missing, dropped %v, %d calls doubled",
		a.Records, a.Repeated, a.Calls, a.Boots, a.Lost, a.Dropped, a.Doubled())
}

type numbering struct {
	sensor    string
	partition int
	boot      uint64
}

type numbered struct {
	next  uint64
	seen  map[uint64][32]byte // by first number: hash of the record
	drops map[string]uint64
}

// AuditLog reads a topic of wire records.
func AuditLog(t testing.TB, brokers []string, topic string) *LogAudit {
	t.Helper()
	a := NewLogAudit()
	for partition, last := range Ends(t, brokers, topic) {
		err := readPartition(t.Context(), brokers, topic, partition, last, func(m kafka.Message) {
			a.Add(partition, m.Offset, m.Value)
		})
		if err != nil {
			t.Fatalf("reading %s/%d: %v", topic, partition, err)
		}
	}
	a.Close()
	return a
}

// Ends returns the offset that the next message of each partition will get. A
// topic that nobody has made yet is waited for, as are brokers that are away or
// choose a leader.
func Ends(t testing.TB, brokers []string, topic string) (ends map[int]int64) {
	t.Helper()
	var err error
	Await(t, 2*patience, "the ends of "+topic, func() string { return err.Error() }, func() bool {
		ends, err = endsOf(t.Context(), brokers, topic)
		return err == nil
	})
	return ends
}

func endsOf(ctx context.Context, brokers []string, topic string) (map[int]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	client := &kafka.Client{Addr: kafka.TCP(brokers...), Timeout: 20 * time.Second}
	meta, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return nil, err
	}
	if len(meta.Topics) != 1 {
		return nil, errors.New("the broker says nothing of it")
	}
	if err := meta.Topics[0].Error; err != nil {
		return nil, err
	}
	var want []kafka.OffsetRequest
	for _, p := range meta.Topics[0].Partitions {
		want = append(want, kafka.LastOffsetOf(p.ID))
	}
	got, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: want}})
	if err != nil {
		return nil, err
	}
	ends := map[int]int64{}
	for _, p := range got.Topics[topic] {
		if p.Error != nil {
			return nil, p.Error
		}
		ends[p.Partition] = p.LastOffset
	}
	return ends, nil
}

// ReadTopic hands every message of a topic to fn, partition by partition.
func ReadTopic(t testing.TB, brokers []string, topic string, fn func(kafka.Message)) {
	t.Helper()
	for partition, last := range Ends(t, brokers, topic) {
		if err := readPartition(t.Context(), brokers, topic, partition, last, fn); err != nil {
			t.Fatalf("reading %s/%d: %v", topic, partition, err)
		}
	}
}

// readPartition hands out the messages below end. A broker that is away, or not
// yet the leader again, is asked again.
func readPartition(ctx context.Context, brokers []string, topic string, partition int, end int64, fn func(kafka.Message)) error {
	ctx, cancel := context.WithTimeout(ctx, 5*patience)
	defer cancel()
	for at := int64(0); at < end; {
		var err error
		if at, err = readSome(ctx, brokers, topic, partition, at, end, fn); err != nil && ctx.Err() != nil {
			return err
		} else if err != nil {
			time.Sleep(200 * time.Millisecond)
		}
	}
	return nil
}

// readSome reads from offset at on and returns how far it came.
func readSome(ctx context.Context, brokers []string, topic string, partition int, at, end int64, fn func(kafka.Message)) (int64, error) {
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: brokers, Topic: topic, Partition: partition, MinBytes: 1, MaxBytes: 32 << 20, MaxWait: 100 * time.Millisecond, MaxAttempts: 2})
	defer r.Close()
	if err := r.SetOffset(at); err != nil {
		return at, err
	}
	for at < end {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return at, err
		}
		fn(m)
		at = m.Offset + 1
	}
	return at, nil
}

// NewLogAudit returns an audit of nothing. Records of one partition are added
// in the order of their offsets; Close ends it.
func NewLogAudit() *LogAudit {
	return &LogAudit{Dropped: map[string]uint64{}, IDs: map[event.ID]int{}, numbers: map[numbering]*numbered{}}
}

// Add takes in one message.
func (a *LogAudit) Add(partition int, offset int64, value []byte) {
	a.Records++
	rec, err := wire.Decode(value)
	if err != nil {
		a.fault("offset %d of partition %d: %v", offset, partition, err)
		return
	}
	key := numbering{rec.Sensor, partition, rec.Boot}
	n := a.numbers[key]
	if n == nil {
		n = &numbered{next: 1, seen: map[uint64][32]byte{}}
		a.numbers[key] = n
	}
	if n.drops == nil || rec.First >= n.next {
		n.drops = map[string]uint64{}
		for _, d := range rec.Drops {
			n.drops[d.Reason] += d.Calls
		}
	}
	if len(rec.Calls) == 0 {
		if rec.First > n.next { // dropped at the end of a boot
			a.Lost += rec.First - n.next
			n.next = rec.First
		}
		return
	}
	hash := sha256.Sum256(value)
	if before, ok := n.seen[rec.First]; ok {
		a.Repeated++
		if before != hash {
			a.fault("offset %d of partition %d repeats number %d of %v with other bytes", offset, partition, rec.First, key)
		}
		return
	}
	if rec.First < n.next {
		a.fault("offset %d of partition %d goes back to number %d of %v, %d was next", offset, partition, rec.First, key, n.next)
		return
	}
	n.seen[rec.First] = hash
	a.Lost += rec.First - n.next
	n.next = rec.Next()
	a.Calls += len(rec.Calls)
	for _, c := range rec.Calls {
		a.IDs[c.ID]++
	}
}

func (a *LogAudit) fault(format string, args ...any) {
	if len(a.faults) < 20 {
		a.faults = append(a.faults, fmt.Sprintf(format, args...))
	}
}

// Close adds up what the sensors count as dropped.
func (a *LogAudit) Close() {
	boots := map[[2]any]bool{}
	for key, n := range a.numbers {
		boots[[2]any{key.sensor, key.boot}] = true
		for reason, calls := range n.drops {
			a.Dropped[reason] += calls
		}
	}
	a.Boots = len(boots)
	sort.Strings(a.faults)
}

// Compare counts the differences between two multisets of calls: how many of
// want are missing in got, how many of got are not in want, and how many stand
// in got more than once.
func Compare(got map[event.ID]int, want map[event.ID]int) (missing, foreign, doubled int) {
	for id := range want {
		if got[id] == 0 {
			missing++
		}
	}
	for id, n := range got {
		if want[id] == 0 {
			foreign++
		}
		if n > 1 {
			doubled++
		}
	}
	return missing, foreign, doubled
}

// StoredCalls reads the ids of all stored calls, each with how many rows it has.
func StoredCalls(t testing.TB, db *Database) map[event.ID]int {
	t.Helper()
	rows, err := db.Conn.Query(t.Context(), "SELECT lower(hex(id)), count() FROM "+db.Name+".calls GROUP BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[event.ID]int{}
	for rows.Next() {
		var text string
		var n uint64
		if err := rows.Scan(&text, &n); err != nil {
			t.Fatal(err)
		}
		var id event.ID
		if err := id.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		out[id] = int(n)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// CountCalls returns how many rows the table of calls has, and how many ids.
func CountCalls(t testing.TB, db *Database) (rows, ids uint64) {
	t.Helper()
	if err := db.Conn.QueryRow(t.Context(), "SELECT count(), uniqExact(id) FROM "+db.Name+".calls").Scan(&rows, &ids); err != nil {
		return 0, 0 // not there yet
	}
	return rows, ids
}
