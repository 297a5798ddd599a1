package evaluate

import (
	"context"
	"testing"
	"time"
)

// The adversary learns to stay below what notices it, and does no better
// against detection than without it.
func TestAdversaryLearns(t *testing.T) {
	r := &Runner{Make: newFake, View: Packets}
	a := Adversary{Kind: "stuffing", Episodes: 25, Seed: 1, Against: "lapwing", Length: 6 * time.Hour}
	u, err := r.Adapt(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.Adapt(context.Background(), a)
	if err != nil || *again != *u {
		t.Errorf("two runs differ: %+v, %+v, %v", u, again, err)
	}
	a.Against = "rules"
	rules, err := r.Adapt(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	if u.Noticed == 0 || rules.PerDay <= u.PerDay {
		t.Errorf("against detection %+v\nagainst rules %+v", u, rules)
	}
	if _, err := r.Adapt(context.Background(), Adversary{Kind: "magic", Episodes: 1}); err == nil {
		t.Error("there is no such adversary")
	}
}
