package alerting

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"lapwing/event"
)

// A Replica keeps a copy of the log where a successor on another machine finds
// it. The copy is made of records under keys; of each key the last one counts,
// so that a compacted topic can hold it.
//
// What a notification is sent for, and what was sent, is in the copy first: a
// successor repeats at most the message that was in flight to each destination.
type Replica interface {
	// Load hands over the copy that the last owner left, in no order of keys.
	// known is false if there never was one.
	Load(fn func(Record) error) (known bool, err error)
	// Begin makes what records puts the whole of the copy, and this process its owner.
	Begin(records func(put func(Record) error) error) error
	// Put returns nil once all records are durable. After an error some may be:
	// what follows overwrites them.
	Put(records []Record) error
}

// A Record is one entry of a copy.
type Record struct {
	Key   string // "incident/<id>", "silence/<id>" or "seq"
	Value []byte // at most MaxCopy bytes; nil: the entry is gone
}

const (
	// MaxCopy bounds a record's value: brokers refuse messages above 1 MB
	// (message.max.bytes) unless told otherwise.
	MaxCopy = 800 << 10
	// packAbove is the size from which a value is compressed.
	packAbove = 4 << 10
	// maxUnpacked bounds what a value may become again.
	maxUnpacked = 64 << 20

	copySeq      = "seq"
	copyIncident = "incident/"
	copySilence  = "silence/"
)

// A kept is the value of a record: an incident with all that is to be sent about
// it, so that one record never says half of a change.
type kept struct {
	Incident *tracked `json:"incident,omitempty"`
	Queued   []item   `json:"queued,omitempty"`
	Silence  *Silence `json:"silence,omitempty"`
	Seq      uint64   `json:"seq"` // the highest given out
}

// copies are the records that make a copy of s one of s with e applied.
func (s *state) copies(e *entry) ([]Record, error) {
	changed := map[string]*tracked{}
	touch := func(id string) {
		if _, ok := changed[id]; !ok {
			changed[id] = s.incidents[id]
		}
	}
	for _, it := range e.Queued {
		touch(it.Incident)
	}
	gone := make(map[done]bool, len(e.Done))
	for _, d := range e.Done {
		gone[d.key()] = true
		if d.incident != "" {
			touch(d.incident)
		}
	}
	for _, t := range e.Incidents {
		changed[t.ID] = t
	}
	queued := map[string][]item{}
	for _, queue := range append(slices.Collect(maps.Values(s.pending)), e.Queued) {
		for _, it := range queue {
			if gone[done{Destination: it.Destination, Seq: it.Seq}] {
				touch(it.Incident)
			} else {
				queued[it.Incident] = append(queued[it.Incident], it)
			}
		}
	}
	seq := max(s.seq, e.Seq)
	var out []Record
	put := func(key string, k kept) error {
		k.Seq = seq
		value, err := k.pack()
		out = append(out, Record{key, value})
		return err
	}
	// The number comes first: whatever is lost of the rest, none is given out twice.
	if err := put(copySeq, kept{}); err != nil {
		return nil, err
	}
	for _, q := range e.Silences {
		if err := put(copySilence+q.ID, kept{Silence: &q}); err != nil {
			return nil, err
		}
	}
	for _, id := range e.Unsilenced {
		out = append(out, Record{Key: copySilence + id})
	}
	for _, id := range slices.Sorted(maps.Keys(changed)) {
		if slices.Contains(e.Dropped, id) || changed[id] == nil && len(queued[id]) == 0 {
			continue
		}
		if err := put(copyIncident+id, kept{Incident: changed[id], Queued: queued[id]}); err != nil {
			return nil, err
		}
	}
	for _, id := range e.Dropped {
		out = append(out, Record{Key: copyIncident + id})
	}
	return out, nil
}

// whole puts records that say all of the state.
func (s *state) whole(put func(Record) error) error {
	all := &entry{Seq: s.seq, Incidents: slices.Collect(maps.Values(s.incidents)), Silences: slices.Collect(maps.Values(s.silences))}
	for id := range s.busy() { // also those whose incident a damaged log has lost
		all.Done = append(all.Done, done{incident: id})
	}
	records, err := s.copies(all)
	for _, r := range records {
		if err = cmp.Or(err, put(r)); err != nil {
			break
		}
	}
	return err
}

// pack encodes k within MaxCopy. What does not fit loses the calls that its
// alerts quote, then all of them but what names and ranks them: a copy that
// says less is better than one that stops everybody's alerts.
func (k kept) pack() ([]byte, error) {
	for strip := 0; ; strip++ {
		value, err := json.Marshal(k)
		if err != nil {
			return nil, fmt.Errorf("encode copy: %w", err)
		}
		if len(value) > packAbove {
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			if _, err := w.Write(value); err != nil {
				return nil, err
			}
			if err := w.Close(); err != nil {
				return nil, err
			}
			value = packed.Bytes()
		}
		if len(value) <= MaxCopy || strip == 2 || k.Incident == nil {
			return value, nil
		}
		t := k.Incident.clone()
		for i := range t.Alerts {
			a := &t.Alerts[i]
			if strip == 0 {
				a.Evidence.Calls = nil
				continue
			}
			*a = event.Alert{
				ID: a.ID, IncidentID: a.IncidentID, Revision: a.Revision, Detector: a.Detector, Severity: a.Severity, Status: a.Status, Title: Cut(a.Title, 300),
				Summary: Cut(a.Summary, 1000), StartedAt: a.StartedAt, LastSeenAt: a.LastSeenAt, DetectedAt: a.DetectedAt, Outcome: a.Outcome,
				Entity: event.Entity{Kind: a.Entity.Kind, Value: Cut(a.Entity.Value, 300)},
			}
		}
		k.Incident = t
	}
}

// unpack reads what pack wrote.
func unpack(value []byte) (kept, error) {
	var k kept
	if len(value) > 0 && value[0] != '{' {
		r, err := gzip.NewReader(bytes.NewReader(value))
		if err != nil {
			return k, err
		}
		if value, err = io.ReadAll(io.LimitReader(r, maxUnpacked+1)); err != nil {
			return k, err
		}
		if len(value) > maxUnpacked {
			return k, fmt.Errorf("it unpacks to more than %d bytes", maxUnpacked)
		}
	}
	return k, json.Unmarshal(value, &k)
}

// restore takes one record of a copy into the state. Records may come in any
// order; settle ends them.
func (s *state) restore(r Record) error {
	k, err := unpack(r.Value)
	if err != nil {
		return fmt.Errorf("copy of the alert log: record %q: %w", r.Key, err)
	}
	s.seq = max(s.seq, k.Seq)
	var fault error
	switch kind, id, _ := strings.Cut(r.Key, "/"); kind + "/" {
	case copyIncident:
		if k.Incident != nil {
			if k.Incident.ID != id {
				fault = errors.New("it is of another incident")
				break
			}
			s.incidents[id] = k.Incident
		}
		for _, it := range k.Queued {
			s.seq = max(s.seq, it.Seq)
			s.pending[it.Destination] = append(s.pending[it.Destination], it)
		}
	case copySilence:
		if k.Silence == nil || k.Silence.ID != id {
			fault = errors.New("it is no silence of that id")
			break
		}
		s.silences[id] = *k.Silence
	case copySeq + "/":
	default:
		fault = errors.New("it is of no known kind: it was written by a later version")
	}
	if fault != nil {
		return fmt.Errorf("copy of the alert log: record %q: %w", r.Key, fault)
	}
	return nil
}

// settle puts queues into the order in which their items became due.
func (s *state) settle() {
	for _, queue := range s.pending {
		slices.SortFunc(queue, func(a, b item) int { return cmp.Compare(a.Seq, b.Seq) })
	}
}
