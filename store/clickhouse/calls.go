package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"lapwing/event"
)

// States of an intent.
const (
	intentOpen = iota
	intentDone
	intentVoid
)

// An intent is a batch of AppendCalls on its way.
type intent struct {
	writer       string
	token        string
	kept         int
	since, until int64 // days
	progress     []event.Progress
}

// AppendCalls implements store.Writer. ClickHouse has no transaction over two
// tables, so the batch's own token carries the progress: the intent to keep
// the batch is written first, then the calls under its token, then the
// progress. What a crash leaves in between is settled by counting the rows of
// the token: all of them, and the progress holds; else they are deleted. Calls
// of a batch under way can be seen before its progress.
func (s *Store) AppendCalls(ctx context.Context, calls []*event.Call, progress []event.Progress) error {
	if len(calls) == 0 && len(progress) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store: append calls: %w", err)
	}
	if err := s.settleLeft(ctx, progress); err != nil {
		return err
	}
	token := s.tokens() + strconv.FormatUint(s.sequence.Add(1), 10)
	if len(calls) == 0 {
		return s.insertProgress(ctx, token, progress)
	}
	in := intent{writer: s.writer, token: token, kept: len(calls), progress: progress}
	for i, d := range byDay(calls) {
		if i == 0 {
			in.since, in.until = d.day, d.day
		}
		in.since, in.until = min(in.since, d.day), max(in.until, d.day)
	}
	err := s.insertIntent(ctx, &in, intentOpen)
	if err == nil {
		err = s.insertCalls(ctx, calls, token, nil, false)
	}
	if err == nil && len(progress) > 0 {
		err = s.insertProgress(ctx, token, progress)
	}
	if err == nil {
		err = s.insertIntent(ctx, &in, intentDone)
	}
	if err != nil {
		// The caller is told that nothing was kept. If this process goes on,
		// the batch is taken back before the next one.
		s.settle.Lock()
		s.taken = append(s.taken, in)
		s.settle.Unlock()
		return err
	}
	return nil
}

// settleLeft settles what earlier processes left open, and takes back what this
// process has given up. An earlier process is one of this writer's name, or one
// that read a source which this process reads now: names of hosts change,
// sources do not. Batches of others are left alone; they may be under way.
func (s *Store) settleLeft(ctx context.Context, progress []event.Progress) error {
	s.settle.Lock()
	defer s.settle.Unlock()
	var fresh []string
	for _, p := range progress {
		if !s.sources[p.Source] {
			fresh = append(fresh, p.Source)
		}
	}
	if !s.settled || len(fresh) > 0 {
		open, err := s.openIntents(ctx)
		if err != nil {
			return err
		}
		for i := range open {
			if strings.HasPrefix(open[i].token, s.tokens()) || open[i].writer != s.writer && !open[i].covers(fresh) {
				continue
			}
			if err := s.settleOne(ctx, &open[i]); err != nil {
				return err
			}
		}
		s.settled = true
		for _, source := range fresh {
			s.sources[source] = true
		}
	}
	for len(s.taken) > 0 {
		in := &s.taken[0]
		n, err := s.rowsWhenQuiet(ctx, in)
		if err != nil {
			return err
		}
		if err := s.takeBack(ctx, in, n); err != nil {
			return err
		}
		s.taken = s.taken[1:]
	}
	return nil
}

// settleOne ends an intent by what is kept of it.
func (s *Store) settleOne(ctx context.Context, in *intent) error {
	n, err := s.rowsWhenQuiet(ctx, in)
	if err != nil {
		return err
	}
	if n != int64(in.kept) {
		return s.takeBack(ctx, in, n)
	}
	if err := s.insertProgress(ctx, in.token, in.progress); err != nil {
		return err
	}
	return s.insertIntent(ctx, in, intentDone)
}

// covers reports whether the batch carries progress of one of the sources.
func (in *intent) covers(sources []string) bool {
	return slices.ContainsFunc(in.progress, func(p event.Progress) bool { return slices.Contains(sources, p.Source) })
}

// tokens is what all tokens of this process's own batches begin with.
func (s *Store) tokens() string { return s.writer + "/" + s.nonce + "/" }

// rowsWhenQuiet counts the rows of an intent when no insert of it runs any
// longer: the server finishes what it has received, also when the sender is
// gone.
func (s *Store) rowsWhenQuiet(ctx context.Context, in *intent) (int64, error) {
	processes := "system.processes"
	if s.cfg.Cluster != "" {
		processes = "clusterAllReplicas(" + literal(s.cfg.Cluster) + ", system.processes)"
	}
	for attempt := 0; ; attempt++ {
		var running uint64
		if err := s.conn.QueryRow(s.reading(ctx), "SELECT count() FROM "+processes+" WHERE startsWith(query_id, $1)", in.token+"/").Scan(&running); err != nil {
			return 0, s.explain("look for inserts that still run", err)
		}
		if running == 0 {
			return s.countBatch(ctx, in.token, dateOf(in.since), dateOf(in.until+1))
		}
		if err := s.sleep(ctx, backOff(attempt, 0)); err != nil {
			return 0, fmt.Errorf("store: append calls: %w", err)
		}
	}
}

// takeBack deletes what is kept of an intent. The counts per minute are not
// corrected: they may hold a batch twice after a crash, as their page says.
func (s *Store) takeBack(ctx context.Context, in *intent, rows int64) error {
	if rows > 0 {
		if err := s.exec(ctx, "ALTER TABLE "+s.names.Local("calls")+s.names.OnCluster()+" DELETE WHERE batch = $1", in.token); err != nil {
			return err
		}
	}
	return s.insertIntent(ctx, in, intentVoid)
}

func (s *Store) insertIntent(ctx context.Context, in *intent, state uint8) error {
	sources, done := make([]string, len(in.progress)), make([]int64, len(in.progress))
	for i, p := range in.progress {
		sources[i], done[i] = p.Source, p.Offset
	}
	return s.put(ctx, "write an intent", "INSERT INTO "+s.names.Table("intents")+" (writer, token, state, kept, since, until, `progress.source`, `progress.done`)",
		fmt.Sprintf("intent/%s/%d", in.token, state), func(b driver.Batch) error {
			return b.Append(in.writer, in.token, state, uint64(in.kept), dateOf(in.since), dateOf(in.until), sources, done)
		})
}

func dateOf(day int64) time.Time { return time.Unix(day*secondsPerDay, 0).UTC() }

// openIntents returns the batches that are neither done nor void, of every
// writer.
func (s *Store) openIntents(ctx context.Context) ([]intent, error) {
	rows, err := s.conn.Query(s.reading(ctx), "SELECT writer, token, kept, since, until, `progress.source`, `progress.done` FROM "+s.names.Table("intents")+
		" FINAL WHERE state = 0 ORDER BY writer, token")
	if err != nil {
		return nil, s.explain("read the intents", err)
	}
	defer rows.Close()
	var out []intent
	for rows.Next() {
		var (
			in           intent
			kept         uint64
			since, until time.Time
			sources      []string
			done         []int64
		)
		if err := rows.Scan(&in.writer, &in.token, &kept, &since, &until, &sources, &done); err != nil {
			return nil, s.explain("read the intents", err)
		}
		in.kept, in.since, in.until = int(kept), since.Unix()/secondsPerDay, until.Unix()/secondsPerDay
		for i := range sources {
			in.progress = append(in.progress, event.Progress{Source: sources[i], Offset: done[i]})
		}
		out = append(out, in)
	}
	return out, s.explain("read the intents", rows.Err())
}

func (s *Store) insertProgress(ctx context.Context, token string, progress []event.Progress) error {
	if len(progress) == 0 {
		return nil
	}
	return s.put(ctx, "write progress", "INSERT INTO "+s.names.Table("progress")+" (source, done)", "progress/"+token, func(b driver.Batch) error {
		for _, p := range progress {
			if err := b.Append(p.Source, p.Offset); err != nil {
				return err
			}
		}
		return nil
	})
}

// Progress implements store.Reader. A batch of which all calls are kept counts,
// also if its progress was not written any more.
func (s *Store) Progress(ctx context.Context) (map[string]int64, error) {
	out, err := s.writtenProgress(ctx)
	if err != nil {
		return nil, err
	}
	open, err := s.openIntents(ctx)
	if err != nil {
		return nil, err
	}
	for i := range open {
		n, err := s.rowsWhenQuiet(ctx, &open[i])
		if err != nil {
			return nil, err
		}
		if n != int64(open[i].kept) {
			continue
		}
		for _, p := range open[i].progress {
			if have, ok := out[p.Source]; !ok || p.Offset > have {
				out[p.Source] = p.Offset
			}
		}
	}
	return out, nil
}

func (s *Store) writtenProgress(ctx context.Context) (map[string]int64, error) {
	rows, err := s.conn.Query(s.reading(ctx), "SELECT source, max(done) FROM "+s.names.Table("progress")+" GROUP BY source")
	if err != nil {
		return nil, s.explain("read progress", err)
	}
	defer rows.Close()
	out := make(map[string]int64)
	for rows.Next() {
		var source string
		var done int64
		if err := rows.Scan(&source, &done); err != nil {
			return nil, s.explain("read progress", err)
		}
		out[source] = done
	}
	return out, s.explain("read progress", rows.Err())
}
