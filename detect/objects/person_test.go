package objects_test

import (
	"fmt"
	"testing"
	"time"

	"lapwing/event"
)

// Where it is known whose a session is, what was disclosed to it belongs to
// that person, whatever session and address come next.
func TestOwnersAreThePeopleBehindSessions(t *testing.T) {
	session := func(n, u int, name string) caller {
		return caller{kind: event.KindSession, name: fmt.Sprintf(name, n, u), client: fmt.Sprintf("10.%d.%d.1", n, u), print: "app"}
	}
	for name, tc := range map[string]struct {
		names string
		found bool
	}{"known": {"s%d-%d@user%[2]d", true}, "not known": {"s%d-%d", false}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			for day := range 3 { // a new address and a new session each day, the same lists
				for u := range 30 {
					who := session(day, u, tc.names)
					w.list(who, "/orders", 1000+10*u, 1009+10*u)
					w.call(who, "GET", fmt.Sprintf("/orders/%d", 1000+10*u+day), 200)
				}
				w.sleep(20 * time.Hour)
			}
			for u := range 30 { // and what was on a list long ago
				who := session(9, u, tc.names)
				for k := range 4 {
					w.call(who, "GET", fmt.Sprintf("/orders/%d", 1005+10*u+k), 200)
				}
			}
			silent(t, judge(w.calls))
			mallory := session(20, 200, tc.names)
			w.list(mallory, "/orders", 8000, 8009)
			for i := range 12 {
				w.call(mallory, "GET", fmt.Sprintf("/orders/%d", 1000+23*i), 200)
			}
			a := last(judge(w.calls), "bola", mallory.name)
			if (a != nil) != tc.found {
				t.Errorf("got %+v", a)
			}
		})
	}
}
