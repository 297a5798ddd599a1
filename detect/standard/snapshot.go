package standard

import (
	"lapwing/detect/credentials"
	"lapwing/detect/distributed"
	"lapwing/detect/evasion"
	"lapwing/detect/identity"
	"lapwing/detect/inventory"
	"lapwing/detect/login"
	"lapwing/detect/objects"
	"lapwing/detect/overlap"
	"lapwing/detect/pollution"
	"lapwing/detect/probing"
	"lapwing/detect/scraping"
	"lapwing/detect/takeover"
	"lapwing/detect/tokens"
	"lapwing/detect/usercheck"
	"lapwing/event"
	"lapwing/rules"
)

// SnapshotTypes names the stages that New makes.
func (*Detection) SnapshotTypes() []any {
	return []any{(*inventory.Stage)(nil), (*login.Stage)(nil), (*identity.Stage)(nil), (*credentials.Stage)(nil), (*distributed.Stage)(nil), (*objects.Stage)(nil), (*probing.Stage)(nil), (*scraping.Stage)(nil), (*overlap.Stage)(nil), (*pollution.Stage)(nil), (*usercheck.Stage)(nil), (*takeover.Stage)(nil), (*tokens.Stage)(nil), (*evasion.Stage)(nil), (*rules.Stage)(nil)}
}

// Unjudged says what a replay has to show a detection that goes on from a
// snapshot: of the calls that ended at sinceNS or later, those for which want is
// true. Calls that came late before the snapshot and calls that came late after
// it look the same, and are left out. The answer holds until the next call.
func (d *Detection) Unjudged() (sinceNS int64, want func(*event.Call) bool) {
	since, pending := make([]int64, len(d.cells)), make([]map[event.ID]bool, len(d.cells))
	for i, c := range d.cells {
		if c == nil {
			continue
		}
		since[i], pending[i] = c.Unjudged()
		if since[i] != 0 && (sinceNS == 0 || since[i] < sinceNS) {
			sinceNS = since[i]
		}
	}
	return sinceNS, func(c *event.Call) bool {
		i := d.routes.of(c.Host)
		return d.cells[i] != nil && c.End().UnixNano() >= since[i] && !pending[i][c.ID]
	}
}
