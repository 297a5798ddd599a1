package objects_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"lapwing/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// town is a day of many people and a few who take what is not theirs.
func town() []*event.Call {
	w := newWorld()
	rng := rand.New(rand.NewPCG(21, 22))
	shop(w, 40)
	for range 3000 {
		w.sleep(time.Duration(rng.IntN(20_000)) * time.Millisecond)
		u := rng.IntN(40)
		who := user(fmt.Sprint("user", u))
		own := 1000 + 10*u + rng.IntN(10)
		switch rng.IntN(12) {
		case 0:
			w.list(who, "/orders", 1000+10*u, 1009+10*u)
		case 1:
			w.list(visitor(fmt.Sprintf("192.0.2.%d", u)), "/products", 1, 50)
		case 2:
			w.call(who, "GET", fmt.Sprintf("/products/%d", 1+rng.IntN(60)), 200, "id=5", "vendor_id=9")
		case 3:
			w.call(who, "POST", "/carts", 201, fmt.Sprintf("id=%d", 90_000+w.n), fmt.Sprintf("user_id=%d", 500+u))
		case 4:
			w.call(who, "GET", "/me", 200, fmt.Sprintf("id=%d", 500+u))
		case 5:
			n := rng.IntN(600)
			w.call(user("mallory"), "GET", fmt.Sprintf("/orders/%d", 1000+n), 200, fmt.Sprintf("id=%d", 1000+n), fmt.Sprintf("customer_id=%d", 500+n/10))
		case 6:
			w.call(visitor("203.0.113.7"), "GET", fmt.Sprintf("/invoices/%d", w.n), 404)
		case 7:
			log := visitor("203.0.113.8")
			log.log = true
			w.call(log, "GET", fmt.Sprintf("/tickets/%d", w.n), 200+rng.IntN(2)*204)
		case 8:
			w.call(user("eve"), "GET", fmt.Sprintf("/stories/tale-%d", w.n), 404)
		default:
			w.call(who, "GET", fmt.Sprintf("/orders/%d", own), 200, fmt.Sprintf("id=%d", own), fmt.Sprintf("customer_id=%d", 500+u))
		}
	}
	return w.calls
}

// Nothing that only makes detection faster may change what it finds.
func TestAlertsOfATown(t *testing.T) {
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	alerts := judge(town())
	for i := range alerts {
		a := &alerts[i]
		if err := enc.Encode([]any{a.ID, a.Revision, a.Detector, a.Entity, a.Severity, a.Summary, a.Counts, fmt.Sprintf("%.9f", a.Evidence.ScoreLog10)}); err != nil {
			t.Fatal(err)
		}
	}
	const file = "testdata/town.golden"
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("alerts changed; -update writes them anew. Now:\n%s", got.Bytes())
	}
}
