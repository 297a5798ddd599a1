package evaluate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"lapwing/detect"
	"lapwing/simulate"
)

// A Plan says which runs to do.
type Plan struct {
	Seeds     int           // of each scenario and level
	Seed0     uint64        // the first seed
	Scenarios []string      // patterns of path.Match over A01 …, B01 …; empty: all
	Levels    []string      // L1 …; empty: all
	Users     int           // people of a world; 0 lets the seed choose
	Length    time.Duration // of a world; 0 leaves it to the scenario
	Everyday  int           // worlds with nothing but everyday life
	NoTwins   bool          // leave the harmless doubles of attacks out
}

// Runs lists the runs of a plan over the scenarios that there are: seed by seed,
// so that an interrupted report has something of everything.
func (p Plan) Runs(all []simulate.Scenario) ([]Run, error) {
	if p.Seeds < 0 || p.Seeds > 100_000 || p.Everyday < 0 || p.Everyday > 1_000_000 {
		return nil, fmt.Errorf("seeds must be 0 to 100,000 and worlds without attack 0 to 1,000,000")
	}
	for _, pattern := range p.Scenarios {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("scenario pattern %q: %w", pattern, err)
		}
	}
	var choices []simulate.Choice
	for i := range all {
		s := &all[i]
		if !p.wants(s.ID) {
			continue
		}
		levels := s.Levels
		if len(levels) == 0 {
			levels = []string{""}
		}
		for _, level := range levels {
			if level != "" && len(p.Levels) > 0 && !slices.Contains(p.Levels, level) {
				continue
			}
			choices = append(choices, simulate.Choice{ID: s.ID, Level: level})
			if s.Twin && !p.NoTwins {
				choices = append(choices, simulate.Choice{ID: s.ID, Level: level, Twin: true})
			}
		}
	}
	if len(choices) == 0 && len(p.Scenarios) > 0 {
		return nil, fmt.Errorf("no scenario is named like %s", strings.Join(p.Scenarios, ", "))
	}
	var runs []Run
	for i := range max(p.Seeds, p.Everyday) {
		seed := p.Seed0 + uint64(i)
		if i < p.Everyday {
			runs = append(runs, p.run(seed, nil))
		}
		if i >= p.Seeds {
			continue
		}
		for _, c := range choices {
			runs = append(runs, p.run(seed, []simulate.Choice{c}))
		}
	}
	return runs, nil
}

// run gives every scenario worlds of its own, of other applications and other
// people; its levels and its twin share one.
func (p Plan) run(seed uint64, list []simulate.Choice) Run {
	if len(list) > 0 {
		h := fnv.New64a()
		fmt.Fprint(h, list[0].ID)
		seed = seed*1_000_000 + h.Sum64()%1_000_000
	}
	return Run{simulate.Options{Seed: seed, Users: p.Users, Length: p.Length, Scenarios: list}}
}

func (p Plan) wants(id string) bool {
	if len(p.Scenarios) == 0 {
		return true
	}
	return slices.ContainsFunc(p.Scenarios, func(pattern string) bool {
		ok, _ := path.Match(pattern, id) // checked before
		return ok
	})
}

// Describe fills in what a report of these runs is of.
func (r *Runner) Describe(runs []Run, version, command string) About {
	a := About{Version: version, Command: command, View: r.View, Planned: len(runs)}
	seeds := sha256.New()
	seen := map[string]bool{}
	for i := range runs {
		name := runs[i].Name()
		if !seen[name] {
			seen[name] = true
			a.Scenarios = append(a.Scenarios, name)
		}
		fmt.Fprintf(seeds, "%s %d\n", name, runs[i].Options.Seed)
	}
	slices.Sort(a.Scenarios)
	a.SeedsHash = hex.EncodeToString(seeds.Sum(nil)[:8])
	a.ConfigHash = r.configHash()
	return a
}

// configHash is over everything that detection is told beside calls.
func (r *Runner) configHash() string {
	cfg := r.config(r.keys(), nil)
	data, err := json.Marshal(struct {
		Seed    uint64
		Trusted []netip.Prefix
		State   int
		View    View
		NoSpec  bool
		Packets time.Duration
		Logs    time.Duration
	}{cfg.Seed, trusted, detect.StateVersion, r.View, r.NoSpec, packetLateness, logLateness})
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// Benign does harmless worlds, everyday life and every harmless scenario of the
// plan in turn, each with seeds of its own, until they held so many calls. What
// each is handed is a function of the plan alone.
func (r *Runner) Benign(ctx context.Context, p Plan, all []simulate.Scenario, calls int64, each func(*Score)) error {
	choices := [][]simulate.Choice{nil}
	for i := range all {
		if s := &all[i]; !s.Attack && p.wants(s.ID) {
			choices = append(choices, []simulate.Choice{{ID: s.ID}})
		}
	}
	had := int64(0)
	for seed := p.Seed0 + benignSeeds; had < calls; seed++ {
		// Each seed is done whole, whatever the number of goroutines, and what is
		// beyond the calls wanted is not handed on.
		var batch []Run
		for _, c := range choices {
			batch = append(batch, p.run(seed, c))
		}
		err := r.All(ctx, batch, func(s *Score) {
			if had < calls {
				had += s.Calls
				each(s)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// benignSeeds keeps the further harmless worlds apart from those of the plan.
const benignSeeds = 1 << 32

// Quick is a small plan that shows whether detection still works: one world of
// each kind of attack, overt and slow, and the harmless worlds most like them.
func Quick(seed0 uint64) Plan {
	return Plan{
		Seeds: 1, Seed0: seed0, Users: 200, Length: 6 * time.Hour, Everyday: 1, Levels: []string{"L1", "L3"},
		Scenarios: []string{"A01", "A03", "A06", "A08", "A13", "A15", "A20", "A24", "A29", "A35", "B01", "B02", "B04", "B13", "B20"},
	}
}
