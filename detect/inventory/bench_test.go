package inventory

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/event"
)

// BenchmarkObserve shows prepared calls to the stage alone.
func BenchmarkObserve(b *testing.B) {
	for _, kind := range []string{"documented", "learned", "missing"} {
		b.Run(kind, func(b *testing.B) {
			w := newWorld(b, shopSpec)
			w.benign("api.shop.example", 30)
			for i := range 100 {
				w.call(i%9, "GET", "api.shop.example", fmt.Sprintf("/internal/things/%d", i), 200)
			}
			w.engine.Advance(w.at.Add(time.Minute).UnixNano())
			calls := make([]detect.Observation, 4096)
			for i := range calls {
				c := &event.Call{Time: w.at.Add(2 * time.Minute), Method: "GET", Host: "api.shop.example", Status: 200, ResponseBytes: 900,
					Client: netip.AddrFrom4([4]byte{203, 0, 0, byte(i)}), Auth: event.AuthBearer, Fingerprint: "f1"}
				c.Shape.Response = event.BodyShape{Type: "json", Keys: []string{"id:int"}, Hash: 11}
				switch kind {
				case "documented":
					c.Path, c.PathShape = fmt.Sprintf("/v2/orders/%d", i), "/v2/orders/{int}"
				case "learned":
					c.Path, c.PathShape = fmt.Sprintf("/internal/things/%d", i), "/internal/things/{int}"
				case "missing":
					c.Path, c.Status = "/"+name(i), 404
				}
				calls[i] = detect.Observation{Call: c, AtNS: c.End().UnixNano(), Actor: uint64(i%50 + 1), Source: uint64(i%50 + 1), Client: uint64(i%50 + 1)}
			}
			var out detect.Output
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				o := calls[i%len(calls)]
				w.stage.Observe(&o, &out)
				i++
			}
		})
	}
}
