package objects_test

import (
	"fmt"
	"testing"
	"time"

	"lapwing/event"
)

// Posts that everybody reads name the orders of their authors, which are
// nobody else's to open. A few such links are followed by people; many by one
// are a harvest; and where many follow them, they are meant to be followed.
func TestObjectsNamedInAFeed(t *testing.T) {
	feed := func(w *world, who caller, from int) {
		var ids []string
		for n := from; n < from+10; n++ {
			ids = append(ids, fmt.Sprintf("posts[].id=%d", 70_000+n), "posts[].order_id="+orders.id(5*n))
		}
		w.call(who, "GET", fmt.Sprintf("/feed/%s", uuidOf("page", from)), 200, ids...)
	}
	for name, tc := range map[string]struct {
		everybody, one int // links that are followed
		caught         bool
	}{
		"harvest": {0, 30, true}, "a few links": {0, 5, false}, "everybody follows": {12, 30, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			member := func(i, follows int) {
				w.sleep(time.Minute)
				who := user(fmt.Sprint("member", i))
				orders.list(w, who, "/orders", true, 5*i, 5*i+1, 5*i+2)
				orders.open(w, who, 5*i)
				for p := 0; p < 40; p += 10 {
					feed(w, who, p)
				}
				for k := range follows {
					orders.open(w, who, 5*((i+1+k)%40))
				}
			}
			for i := range 40 {
				member(i, tc.everybody)
			}
			member(1000, tc.one)
			a := last(judge(w.calls), "bola", "member1000")
			if (a != nil && a.Severity >= event.Medium) != tc.caught {
				t.Errorf("got %+v", a)
			}
		})
	}
}
