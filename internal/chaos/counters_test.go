package chaos

import (
	"fmt"
	"strings"

	"lapwing/internal/itest"
)

// An identity is what a process's counters say of each other at any time.
type identity struct {
	left, right []term
}

type term struct {
	name   string
	labels []string
}

func of(name string, labels ...string) term { return term{"lapwing_" + name, labels} }

// identities are those of docs/operating.md. A process without the counters of
// one is not asked for it.
var identities = []identity{
	{[]term{of("spool_published_calls_total")}, []term{of("spool_calls_total", `"appended"`), of("spool_dropped_calls_total"), of("spool_building_calls")}},
	{[]term{of("spool_calls_total", `"appended"`), of("spool_calls_total", `"recovered"`)},
		[]term{of("spool_calls_total", `"acknowledged"`), of("spool_calls_total", `"rejected"`), of("spool_calls_total", `"damaged"`), of("spool_pending_calls")}},
	{[]term{of("archive_seen_calls_total")}, []term{of("archive_calls_total")}},
	{[]term{of("detector_seen_calls_total")}, []term{of("detector_calls_total")}},
}

func sum(m itest.Metrics, terms []term) (total float64, known bool) {
	for _, t := range terms {
		for k := range m {
			known = known || k == t.name || strings.HasPrefix(k, t.name+"{")
		}
		total += m.Sum(t.name, t.labels...)
	}
	return total, known
}

// auditCounters compares the counters of every running process with each
// other, and with the log: no process has seen a loss that the log does not show.
func (w *world) auditCounters(log *itest.LogAudit) {
	w.t.Helper()
	checked := 0
	for _, a := range w.actors {
		if !a.proc.Running() {
			continue
		}
		m := a.proc.Metrics()
		if m == nil {
			w.t.Errorf("%s gives no metrics at %q", a.proc.Name, a.proc.MetricsURL())
			continue
		}
		for _, id := range identities {
			left, known := sum(m, id.left)
			if !known {
				continue
			}
			checked++
			if right, _ := sum(m, id.right); left != right {
				w.t.Errorf("%s: %s is %v, and the sum of %s is %v", a.proc.Name, names(id.left), left, names(id.right), right)
			}
		}
		for _, name := range []string{"lapwing_archive_lost_calls_total", "lapwing_detector_lost_calls_total"} {
			if lost := m.Sum(name); lost > float64(log.Lost) {
				w.t.Errorf("%s: %s is %v; in the log %d numbers are missing", a.proc.Name, name, lost, log.Lost)
			}
		}
	}
	w.t.Logf("counters: %d identities hold in the processes that run", checked)
	if checked == 0 {
		w.t.Error("no process has the counters that were to be compared")
	}
}

func names(terms []term) string {
	var out []string
	for _, t := range terms {
		out = append(out, fmt.Sprint(strings.TrimPrefix(t.name, "lapwing_"), t.labels))
	}
	return strings.Join(out, " + ")
}
