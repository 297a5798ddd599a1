package alerting

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	firstRetry = time.Second
	maxRetry   = 5 * time.Minute
	// maxRetryAfter bounds what another side may ask for: a wrong date in
	// Retry-After must not silence a destination for good.
	maxRetryAfter = time.Hour

	// breakerAfter failures in a row, attempts pause for breakerPause, twice as
	// long each time up to maxBreakerPause: a destination that is down is asked
	// once in a while, not hammered.
	breakerAfter    = 5
	breakerPause    = time.Minute
	maxBreakerPause = 15 * time.Minute

	// unsavedPause is how long deliveries wait for a copy that cannot be written.
	unsavedPause = time.Second

	maxSample = 10 // incidents named in a summary
)

// A route is a destination with its queue's condition. The queue itself is in
// the pipeline's state. Fields are guarded by Pipeline.mu.
type route struct {
	Route
	keyed bool
	wake  chan struct{}

	current  *batch      // being sent, or waiting for its retry
	sent     []time.Time // messages of the last minute
	failures int         // in a row
	until    time.Time   // no attempt before; the breaker is open if failures >= breakerAfter

	queued, coalesced, delivered, folded, failed, dead int64
}

// A batch is what one message settles: one item, or several folded ones.
type batch struct {
	n     Notification
	items []item
}

func (r *route) inFlight(seq uint64) bool {
	return r.current != nil && slices.ContainsFunc(r.current.items, func(it item) bool { return it.Seq == seq })
}

// Run delivers until ctx ends, then returns nil once every delivery in progress
// has come back. Call it once.
func (p *Pipeline) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, r := range p.routes {
		all.Go(func() { p.deliver(ctx, r) })
	}
	all.Wait()
	return nil
}

func (p *Pipeline) deliver(ctx context.Context, r *route) {
	for ctx.Err() == nil {
		b, wait := p.next(r)
		if b == nil {
			if !sleep(ctx, wait, r.wake) {
				return
			}
			continue
		}
		sending, cancel := context.WithTimeout(ctx, p.cfg.SendTimeout)
		err := r.Destination.Send(sending, b.n)
		cancel()
		if err != nil && ctx.Err() != nil {
			return // unknown whether it arrived: the one that may be repeated after a restart
		}
		p.settle(r, b, err)
	}
}

// sleep waits for d (0: without end), for wake, or for ctx; false is the last.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	var expired <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		expired = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-expired:
	case <-wake:
	}
	return true
}

// next returns what to send now, or how long to wait, 0 for until woken.
func (p *Pipeline) next(r *route) (*batch, time.Duration) {
	p.lock()
	defer p.unlock()
	now := p.cfg.Now()
	// A successor would send again what the copy does not know to be sent: one
	// message in flight, not all of an outage.
	if len(p.unsaved) > 0 && p.cfg.Replica != nil && p.commit(&entry{}) != nil {
		return nil, unsavedPause
	}
	p.bury(r, now)
	queue := p.state.pending[r.Destination.Name()]
	if len(queue) == 0 {
		return nil, 0
	}
	if wait := r.until.Sub(now); wait > 0 {
		return nil, wait
	}
	if r.current != nil {
		return r.current, 0
	}
	if r.keyed && (queue[0].Kind == KindResolved || queue[0].Kind == KindAcknowledged) {
		r.current = p.single(r, queue[0])
		return r.current, 0
	}
	r.sent = slices.DeleteFunc(r.sent, func(at time.Time) bool { return now.Sub(at) >= time.Minute })
	if len(r.sent) >= r.PerMinute {
		return nil, time.Minute - now.Sub(r.sent[0])
	}
	fold := queue
	if r.keyed {
		fold = slices.DeleteFunc(slices.Clone(queue), func(it item) bool { return it.Kind == KindResolved || it.Kind == KindAcknowledged })
	}
	if len(r.sent) == r.PerMinute-1 && len(fold) > 1 { // the last message of this minute has to speak for all
		r.current = p.summary(r, fold, now)
	} else {
		r.current = p.single(r, queue[0])
	}
	r.sent = append(r.sent, now)
	return r.current, 0
}

// bury gives up what has waited too long.
func (p *Pipeline) bury(r *route, now time.Time) {
	name := r.Destination.Name()
	var old []done
	for _, it := range p.state.pending[name] {
		if now.Sub(it.At) <= p.cfg.MaxAge {
			break // oldest first
		}
		old = append(old, done{name, it.Seq, it.Incident})
	}
	if len(old) == 0 {
		return
	}
	r.dead += int64(len(old))
	r.current = nil
	p.cfg.Logger.Error("notifications given up: too old", "destination", name, "count", len(old))
	p.forgetItems(old)
}

func (p *Pipeline) single(r *route, it item) *batch {
	n := Notification{Key: fmt.Sprintf("%s-%d", it.Incident, it.Seq), Kind: it.Kind, At: it.At}
	if t := p.state.incidents[it.Incident]; t != nil {
		n.Incident = t.Clone()
	}
	p.reveal(r, &n)
	return &batch{n, []item{it}}
}

func (p *Pipeline) summary(r *route, items []item, now time.Time) *batch {
	items = slices.Clone(items)
	n := Notification{
		Key:  fmt.Sprintf("summary-%d-%d", items[0].Seq, items[len(items)-1].Seq),
		Kind: KindSummary, At: now, Folded: len(items),
	}
	seen := map[string]bool{}
	var about []*tracked
	for _, it := range items {
		if t := p.state.incidents[it.Incident]; t != nil && !seen[it.Incident] {
			seen[it.Incident] = true
			about = append(about, t)
		}
	}
	slices.SortStableFunc(about, func(a, b *tracked) int { return cmp.Compare(b.Severity, a.Severity) })
	for _, t := range about[:min(len(about), maxSample)] {
		n.Sample = append(n.Sample, t.Clone())
	}
	p.reveal(r, &n)
	return &batch{n, items}
}

// settle notes how sending b went.
func (p *Pipeline) settle(r *route, b *batch, err error) {
	p.lock()
	defer p.unlock()
	name := r.Destination.Name()
	now := p.cfg.Now()
	if err != nil && !IsPermanent(err) {
		r.failed++
		r.failures++
		r.until = now.Add(p.pause(r.failures, RetryDelay(err)))
		p.cfg.Logger.Warn("notification not delivered, will be tried again", "destination", name, "attempts", r.failures, "at", r.until, "error", err)
		return
	}
	r.current = nil
	r.until = time.Time{}
	settled := make([]done, len(b.items))
	for i, it := range b.items {
		settled[i] = done{name, it.Seq, it.Incident}
	}
	switch {
	case err != nil:
		r.failed++
		r.dead += int64(len(b.items))
		p.cfg.Logger.Error("notification given up: the destination refused it for good", "destination", name, "key", b.n.Key, "error", err)
	case b.n.Kind == KindSummary:
		r.failures = 0
		r.folded += int64(len(b.items))
	default:
		r.failures = 0
		r.delivered++
	}
	p.forgetItems(settled)
}

// pause is how long to wait after so many failures in a row.
func (p *Pipeline) pause(failures int, asked time.Duration) time.Duration {
	d := doubled(firstRetry, failures-1, maxRetry)
	d = d/2 + time.Duration(p.cfg.Jitter()*float64(d/2))
	if failures >= breakerAfter {
		d = max(d, doubled(breakerPause, failures-breakerAfter, maxBreakerPause))
	}
	return max(d, min(asked, maxRetryAfter))
}

// doubled is d doubled n times, at most limit.
func doubled(d time.Duration, n int, limit time.Duration) time.Duration {
	for ; n > 0 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}

// forgetItems takes items off the queue. If the log cannot take that now, it is
// true in memory and goes with the next entry.
func (p *Pipeline) forgetItems(items []done) {
	e := &entry{Done: slices.Clone(items)}
	if err := p.commit(e); err != nil {
		p.unsaved = append(p.unsaved, items...)
		p.state.apply(&entry{Done: items})
		p.cfg.Logger.Error("delivery could not be noted in the alert log", "error", err)
	}
}
