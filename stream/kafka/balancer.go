package kafka

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// standing is what a member of an exclusive group says of itself when it joins.
type standing struct {
	started int64 // Unix nanoseconds; equal in all groups of a process
	mu      sync.Mutex
	holds   int32 // generation in which it last had the partitions; 0: never
}

func newStanding(now time.Time) *standing { return &standing{started: now.UnixNano()} }

func (s *standing) joined(holds bool, generation int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if holds {
		s.holds = generation
	} else {
		s.holds = 0
	}
}

// exclusiveBalancer gives everything to one member: to the one that had it in
// the latest generation, so that a newcomer never moves it; else to the one
// that started first. With a turn, several such groups of the same processes
// spread over them: the member is the one whose turn it is, counted in the
// order of their starts. It is a client-side assignor as KIP-54 has them.
type exclusiveBalancer struct {
	self *standing
	turn int // of this group, from 1; 0: it stays where it is
}

// ProtocolName implements kafka-go's GroupBalancer.
func (b exclusiveBalancer) ProtocolName() string {
	if b.turn > 0 {
		return "lapwing-turns-1"
	}
	return "lapwing-exclusive-1"
}

// UserData implements kafka-go's GroupBalancer: a version byte, the generation
// and the start, big endian.
func (b exclusiveBalancer) UserData() ([]byte, error) {
	b.self.mu.Lock()
	defer b.self.mu.Unlock()
	data := binary.BigEndian.AppendUint32([]byte{1}, uint32(b.self.holds))
	return binary.BigEndian.AppendUint64(data, uint64(b.self.started)), nil
}

// AssignGroups implements kafka-go's GroupBalancer.
func (b exclusiveBalancer) AssignGroups(members []kafkago.GroupMember, partitions []kafkago.Partition) kafkago.GroupMemberAssignments {
	out := kafkago.GroupMemberAssignments{}
	type candidate struct {
		id      string
		holds   int32
		started int64
	}
	var all []candidate
	for _, m := range members {
		out[m.ID] = map[string][]int{}
		c := candidate{id: m.ID, started: 1<<63 - 1}
		if d := m.UserData; len(d) == 13 && d[0] == 1 {
			c.holds, c.started = int32(binary.BigEndian.Uint32(d[1:])), int64(binary.BigEndian.Uint64(d[5:]))
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return out
	}
	slices.SortFunc(all, func(x, y candidate) int {
		held := -cmp.Compare(x.holds, y.holds)
		if b.turn > 0 {
			held = 0
		}
		return cmp.Or(held, cmp.Compare(x.started, y.started), cmp.Compare(x.id, y.id))
	})
	first := all[max(0, b.turn-1)%len(all)]
	for _, p := range partitions {
		out[first.id][p.Topic] = append(out[first.id][p.Topic], p.ID)
	}
	return out
}
