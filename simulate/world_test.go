package simulate

import (
	"context"
	"testing"
)

func TestSmoke(t *testing.T) {
	for _, app := range Apps() {
		w, err := New(Options{Seed: 3, App: app, Users: 300})
		if err != nil {
			t.Fatal(err)
		}
		status := map[int]int{}
		machine := 0
		err = w.Run(context.Background(), func(x *Exchange) error {
			status[x.Status]++
			for _, h := range x.RequestHeaders {
				if h.Name == "User-Agent" && len(h.Value) < 60 {
					machine++
				}
			}
			return nil
		})
		t.Log(app, err, w.truth.Style, len(w.app.ops), w.truth.Exchanges, w.truth.Logins, w.truth.Objects, status)
	}
}

func BenchmarkRun(b *testing.B) {
	b.ReportAllocs()
	n := 0
	for n < b.N {
		w, _ := New(Options{Seed: uint64(n), Users: 1000})
		w.Run(context.Background(), func(x *Exchange) error { n++; return nil })
	}
}
