package credentials

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/login"
	"lapwing/event"
)

// More than a million keys, from bots of one attempt each, must neither grow the state nor make it
// forget whom it suspects.
func TestFloodIsBoundedAndForgetsNoSuspect(t *testing.T) {
	cfg := Config{Seed: 1, Clients: 4096, Groups: 2048, Pairs: 4096, Accounts: 4096, Distinct: 1 << 20, Familiar: 1 << 16, Pending: 4096}
	s := New(cfg)
	alerts := map[string]bool{}
	e := detect.New(detect.Config{Seed: 1}, func(a event.Alert) { alerts[a.Detector+" "+a.Entity.Value] = true }, login.New(login.Config{Seed: 1}), s)
	tr := newTraffic(1)
	tr.warm(0, 60)
	tr.stuff(10*time.Minute, time.Second, 9, always("198.51.100.66"), "py", nil)
	for _, c := range tr.calls {
		e.Observe(c)
	}
	const flood = 200_000 // with six keys each
	for i := range flood {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(i)*2654435761)
		c := *tr.calls[62]
		c.ID = event.MakeID(uint64(i), 3)
		c.Time = epoch.Add(time.Hour + time.Duration(i)*50*time.Millisecond)
		c.Client, c.Account, c.Fingerprint = netip.AddrFrom4(b), fmt.Sprintf("nm-f%d", i), fmt.Sprintf("f%d", i)
		e.Observe(&c)
		if i%1000 == 0 {
			e.Advance(c.Time.UnixNano())
		}
	}
	for n, got := range map[int]int{4096: s.clients.Len(), 4097: s.sources.Len(), 2048: s.groups.Len(), 4098: s.pairs.Len(), 4099: s.accounts.Len()} {
		if got > n {
			t.Errorf("a table of %d holds %d", n, got)
		}
	}
	if n := len(s.pending.list); n > 4*cfg.Pending {
		t.Errorf("%d attempts wait", n)
	}
	if s.Stats().Evicted == 0 || s.Stats().Dropped == 0 {
		t.Errorf("nothing was counted as lost: %+v", s.Stats())
	}
	for i := range 3 { // the suspect goes on: three more accounts
		c := *tr.calls[62]
		c.ID, c.Client, c.Fingerprint, c.Account = event.MakeID(uint64(i), 4), ip("198.51.100.66"), "py", fmt.Sprintf("nm-late%d", i)
		c.Time = epoch.Add(5*time.Hour + time.Duration(i)*time.Second)
		e.Observe(&c)
	}
	e.Close()
	if !alerts["credential_stuffing 198.51.100.66"] {
		t.Errorf("the suspect was forgotten; alerts: %d", len(alerts))
	}
}

func BenchmarkObserveOrdinaryCall(b *testing.B) {
	s, l := New(Config{Seed: 1}), login.New(login.Config{Seed: 1})
	c := &event.Call{Client: ip("192.0.2.1"), Method: "GET", Host: "api.example.com", Path: "/v1/orders/17", Status: 200, User: "nm-ann", Token: "tok-0123456789ab", Auth: event.AuthBearer}
	o := &detect.Observation{Call: c, AtNS: 1, Client: 5, Source: 6}
	mint := newTraffic(1).login(0, "192.0.2.2", "app", "bob", true) // so that its tables are in use
	for i := range 10 {
		l.Observe(&detect.Observation{Call: mint, AtNS: 1, Client: 7, Source: uint64(8 + i)}, &detect.Output{})
	}
	b.ReportAllocs()
	for b.Loop() {
		o.Login = nil
		l.Observe(o, nil)
		s.Observe(o, nil)
	}
}

func BenchmarkLogins(b *testing.B) {
	tr := newTraffic(1)
	tr.warm(0, 60)
	s, l := New(Config{Seed: 1}), login.New(login.Config{Seed: 1})
	e := detect.New(detect.Config{Seed: 1}, func(event.Alert) {}, l, s)
	for _, c := range tr.calls {
		e.Observe(c)
	}
	names := make([]string, 1<<16)
	for i := range names {
		names[i] = fmt.Sprintf("nm-%d", i)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		c := *tr.calls[n%2] // every other one gets in
		k := uint32(n) * 2654435761
		c.ID, c.Time = event.MakeID(uint64(n), 1), epoch.Add(time.Hour+time.Duration(n)*time.Millisecond)
		c.Account, c.Client = names[k>>16], netip.AddrFrom4([4]byte{byte(k >> 24), byte(k >> 16), byte(k >> 8), byte(k)})
		e.Observe(&c)
		if n%1000 == 0 {
			e.Advance(c.Time.UnixNano())
		}
	}
}
