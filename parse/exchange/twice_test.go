package exchange

import "testing"

// What a request names twice is seen twice, so that detection can compare.
func TestIdentifiersThatStandTwice(t *testing.T) {
	for name, tc := range map[string]struct {
		request string
		want    []string // place and name of each
	}{
		"path and query": {"GET /orders/7?order_id=8\nHost: api.test\n\n", []string{"path 2", "query order_id"}},
		"query twice":    {"GET /orders?id=7&id=8\nHost: api.test\n\n", []string{"query id", "query id"}},
		"case":           {"GET /orders?id=7&ID=8\nHost: api.test\n\n", []string{"query id", "query ID"}},
		"array":          {"GET /orders?id=7&id[]=8\nHost: api.test\n\n", []string{"query id", "query id[]"}},
		"escaped array":  {"GET /orders?id=7&id%5B%5D=8\nHost: api.test\n\n", []string{"query id", "query id[]"}},
		"json keys":      {"POST /orders/find\nHost: api.test\nContent-Type: application/json\n\n{\"id\":7,\"id\":8}", []string{"body id", "body id"}},
		"json array":     {"POST /orders/find\nHost: api.test\nContent-Type: application/json\n\n{\"id\":[8]}", []string{"body id[]"}},
		"path and body":  {"POST /orders/7\nHost: api.test\nContent-Type: application/json\n\n{\"orderId\":8}", []string{"path 2", "body orderId"}},
		"path and form":  {"POST /orders/7\nHost: api.test\nContent-Type: application/x-www-form-urlencoded\n\norder_id=8", []string{"path 2", "body order_id"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newBuilder(t).Call(exchangeOf(tc.request + "\n===\nHTTP/1.1 200 OK\nContent-Type: application/json\n\n{}"))
			var got []string
			for _, r := range c.IDs {
				if !r.Response {
					got = append(got, r.In.String()+" "+r.Name)
				}
			}
			if len(got) != len(tc.want) {
				t.Fatalf("got %q, want %q", got, tc.want)
			}
			for i := range got {
				if got[i] != tc.want[i] {
					t.Errorf("got %q, want %q", got, tc.want)
				}
			}
		})
	}
}
