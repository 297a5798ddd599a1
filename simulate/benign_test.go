package simulate

import (
	"context"
	"testing"
	"time"
)

func TestBenignScenarios(t *testing.T) {
	for _, p := range benignPlots() {
		t.Run(p.ID, func(t *testing.T) {
			t.Parallel()
			w, err := New(Options{Seed: 11, Users: 120, Scenarios: []Choice{{ID: p.ID}}})
			if err != nil {
				t.Fatal(err)
			}
			calls := map[int]int{}
			began := time.Now()
			if err := w.Run(context.Background(), func(x *Exchange) error {
				if x.Part == 1 {
					calls[x.Status]++
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			part := w.Truth().Parts[0]
			t.Log(w.app.kind.name, w.app.describe(), part.Calls, "of", w.truth.Exchanges, len(part.Callers), len(part.Users), part.Start, part.End, calls, time.Since(began))
			if part.Calls == 0 || part.Attack || part.Harm != 0 {
				t.Errorf("%d calls, attack %v, harm %d", part.Calls, part.Attack, part.Harm)
			}
		})
	}
}
