package evaluate

import (
	"context"
	"fmt"
	"math"
	"slices"

	"lapwing/detect/state"
	"lapwing/simulate"
)

// A Leak says how well attack and twin can be told apart by what no attacker
// decides: ports, microseconds, parts of addresses, positions in lists. A
// simulator that draws these from one source for both leaves nothing to see,
// an AUC of 0.5; detection that is good on one that leaks may be good at
// reading its hand.
type Leak struct {
	Scenario string             `json:"scenario"`
	AUC      float64            `json:"auc"` // of naive Bayes over all of them, on seeds it was not trained on
	Each     map[string]float64 `json:"each"`
	Calls    int                `json:"calls"`
}

const (
	leakBins  = 32
	leakCalls = 4000 // of one part
)

var leakNames = [...]string{"port", "microsecond", "nanosecond", "octet 2", "octet 3", "octet 4", "agent", "connection", "call id"}

type leakRow [len(leakNames)]uint8

// bin keeps what is looked at of an exchange.
func leakOf(x *simulate.Exchange) leakRow {
	a := x.Peer.Addr().Unmap().As16()
	agent := ""
	for _, h := range x.RequestHeaders {
		if h.Name == "User-Agent" || h.Name == "user-agent" {
			agent = h.Value
		}
	}
	hi, _ := callID(x)
	return leakRow{
		uint8(x.Peer.Port() >> 11), uint8(x.AtNS / 1000 % 1000 * leakBins / 1000), uint8(x.AtNS % 1000 * leakBins / 1000),
		a[13] >> 3, a[14] >> 3, a[15] >> 3, uint8(state.Hash(0, agent) % leakBins), uint8(x.Conn % leakBins), uint8(hi % leakBins),
	}
}

// Audit compares the attack with its twin over seeds: it learns on the first
// half of them and is tested on the second.
func (r *Runner) Audit(ctx context.Context, o simulate.Options, c simulate.Choice, seeds int) (*Leak, error) {
	var rows [2][2][]leakRow // tested, attack
	for i := range seeds {
		for _, twin := range []bool{false, true} {
			c.Twin = twin
			o.Seed, o.Scenarios = uint64(i+1), []simulate.Choice{c}
			list, err := r.leakRows(ctx, o)
			if err != nil {
				return nil, fmt.Errorf("%s, seed %d: %w", label(c.ID, c.Level, twin), o.Seed, err)
			}
			half := 2 * i / seeds
			attack := 1
			if twin {
				attack = 0
			}
			rows[half][attack] = append(rows[half][attack], list...)
		}
	}
	leak := &Leak{Scenario: label(c.ID, c.Level, false), Each: map[string]float64{}, Calls: len(rows[1][1])}
	var weight [len(leakNames)][leakBins]float64
	for f := range leakNames {
		weight[f] = logRatios(rows[0][1], rows[0][0], f)
		leak.Each[leakNames[f]] = auc(rows[1][1], rows[1][0], func(row leakRow) float64 { return weight[f][row[f]] })
	}
	leak.AUC = auc(rows[1][1], rows[1][0], func(row leakRow) (sum float64) {
		for f := range leakNames {
			sum += weight[f][row[f]]
		}
		return sum
	})
	return leak, nil
}

func (r *Runner) leakRows(ctx context.Context, o simulate.Options) ([]leakRow, error) {
	w, err := r.Make(o)
	if err != nil {
		return nil, err
	}
	var rows []leakRow
	err = w.Run(ctx, func(x *simulate.Exchange) error {
		if x.Part > 0 && len(rows) < leakCalls {
			rows = append(rows, leakOf(x))
		}
		return nil
	})
	return rows, err
}

// logRatios are the naive Bayes weights of a feature, with half a call added
// to each bin.
func logRatios(attack, twin []leakRow, f int) (w [leakBins]float64) {
	var a, b [leakBins]float64
	for _, row := range attack {
		a[row[f]]++
	}
	for _, row := range twin {
		b[row[f]]++
	}
	for i := range w {
		w[i] = math.Log((a[i] + 0.5) / (float64(len(attack)) + leakBins/2) * (float64(len(twin)) + leakBins/2) / (b[i] + 0.5))
	}
	return w
}

// auc is the chance that a call of the attack scores above one of the twin,
// ties counting half (Mann and Whitney).
func auc(attack, twin []leakRow, score func(leakRow) float64) float64 {
	if len(attack) == 0 || len(twin) == 0 {
		return 0.5
	}
	type scored struct {
		v      float64
		attack bool
	}
	all := make([]scored, 0, len(attack)+len(twin))
	for _, row := range attack {
		all = append(all, scored{score(row), true})
	}
	for _, row := range twin {
		all = append(all, scored{score(row), false})
	}
	slices.SortFunc(all, func(a, b scored) int {
		switch {
		case a.v < b.v:
			return -1
		case a.v > b.v:
			return 1
		}
		return 0
	})
	wins, below := 0.0, 0.0
	for i := 0; i < len(all); {
		j, a, b := i, 0.0, 0.0
		for ; j < len(all) && all[j].v == all[i].v; j++ {
			if all[j].attack {
				a++
			} else {
				b++
			}
		}
		wins += a * (below + b/2)
		below += b
		i = j
	}
	return wins / (float64(len(attack)) * float64(len(twin)))
}
