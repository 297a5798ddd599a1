package evaluate

import (
	"context"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"lapwing/simulate"
)

// The audit sees a simulator that shows its hand, and none where there is
// nothing to see.
func TestAuditSeesALeak(t *testing.T) {
	for _, leaky := range []bool{false, true} {
		r := &Runner{View: Packets, Make: func(o simulate.Options) (World, error) { return &partWorld{o, leaky}, nil }}
		leak, err := r.Audit(context.Background(), simulate.Options{}, simulate.Choice{ID: "A01"}, 4)
		if err != nil {
			t.Fatal(err)
		}
		if got := leak.AUC > 0.55; got != leaky {
			t.Errorf("leaky %v: AUC %.3f, %v", leaky, leak.AUC, leak.Each)
		}
	}
	if v := auc([]leakRow{{1}, {2}}, []leakRow{{1}, {0}}, func(r leakRow) float64 { return float64(r[0]) }); math.Abs(v-0.875) > 1e-9 {
		t.Errorf("AUC %v, want 7/8", v)
	}
}

// A partWorld has nothing but one part.
type partWorld struct {
	o     simulate.Options
	leaky bool
}

func (w *partWorld) Run(_ context.Context, emit func(*simulate.Exchange) error) error {
	rng := rand.New(rand.NewPCG(w.o.Seed, 1))
	for range 2000 {
		x := &simulate.Exchange{AtNS: rng.Int64N(1e18), Peer: netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(rng.IntN(256)), 1, byte(rng.IntN(256)), byte(rng.IntN(256))}), uint16(rng.IntN(65536))), Conn: rng.Uint64(), Part: 1}
		if w.leaky && !w.o.Scenarios[0].Twin && rng.IntN(4) > 0 {
			x.AtNS -= x.AtNS % 1000
		}
		if err := emit(x); err != nil {
			return err
		}
	}
	return nil
}

func (w *partWorld) Truth() *simulate.Truth { return &simulate.Truth{} }
func (w *partWorld) Spec() []byte           { return nil }

// What no attacker decides does not tell an attack from its harmless double.
func TestSimulatorShowsNoHand(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a dozen worlds")
	}
	r := &Runner{View: Packets, Make: func(o simulate.Options) (World, error) { return simulate.New(o) }}
	for _, id := range []string{"A01", "A15", "A29"} {
		leak, err := r.Audit(context.Background(), simulate.Options{Users: 20, Length: 3 * time.Hour, App: "shop"}, simulate.Choice{ID: id, Level: "L2"}, 6)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: AUC %.3f over %d calls, by feature %v", leak.Scenario, leak.AUC, leak.Calls, leak.Each)
		// The aim is 0.55; so few worlds, of one address each, stray a little further.
		if leak.Calls >= 100 && leak.AUC > 0.6 {
			t.Errorf("%s: AUC %.3f, by feature %v", leak.Scenario, leak.AUC, leak.Each)
		}
	}
}
