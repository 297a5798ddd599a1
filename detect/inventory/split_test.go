package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// users fills /users/{name} until it is a parameter, then calls /users/special
// every quarter of an hour with an answer of its own or of the others.
func users(t *testing.T, days int, own bool, callers int) map[string]bool {
	t.Helper()
	w := newWorld(t)
	word := func(n int) string { return fmt.Sprintf("%c%c%cson", 'a'+n%26, 'a'+n/26%26, 'a'+n/676%26) }
	w.call(1, "GET", "api.example", "/users/special", 200, shape(31, "id:int", "name:string"))
	for n := range 120 {
		w.call(n%9, "GET", "api.example", "/users/"+word(n), 200, shape(31, "id:int", "name:string"))
	}
	w.step = 15 * time.Minute
	for n := range days * 96 {
		keys := shape(31, "id:int", "name:string")
		if own {
			keys = shape(32, "week:int", "total:int", "top:array", "since:string")
		}
		w.call(n%callers, "GET", "api.example", "/users/special", 200, keys)
	}
	routes := map[string]bool{}
	for _, e := range w.close() {
		routes[e.Route] = true
	}
	return routes
}

func TestAValueBecomesALiteralAgain(t *testing.T) {
	if r := users(t, 3, true, 5); !r["/users/special"] || !r["/users/{id}"] {
		t.Errorf("routes %v: want the value apart, and the parameter kept", r)
	}
	if r := users(t, 1, true, 5); r["/users/special"] {
		t.Errorf("routes %v: a hundred calls in less than a day and an hour are too early", r)
	}
	if r := users(t, 3, false, 5); r["/users/special"] {
		t.Errorf("routes %v: it is answered as all others are", r)
	}
	if r := users(t, 3, true, 2); r["/users/special"] {
		t.Errorf("routes %v: two callers make no literal", r)
	}
}

// What one version of an API has taught holds for another that sees few
// values, whichever of the two is seen first.
func TestVersionsShareTheirParameters(t *testing.T) {
	slug := func(n int) string { return fmt.Sprintf("amber-%c%c-ring", 'a'+n%26, 'a'+n/26) }
	policy := shape(41, "code:string", "title:string")
	for name, early := range map[string]bool{"old version first": true, "old version later": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			old := func(n int) {
				for range 3 {
					w.call(500, "GET", "api.example", "/v3/policies/"+slug(n), 200, policy)
				}
			}
			if early {
				old(0)
				old(1)
			}
			w.call(1, "GET", "api.example", "/v4/policies/summary", 200, shape(42, "total:int", "since:string", "open:int"))
			for n := range 60 {
				w.call(n%12, "GET", "api.example", "/v4/policies/"+slug(n), 200, policy)
			}
			w.at = w.at.Add(5 * time.Minute)
			old(2)
			w.call(500, "GET", "api.example", "/v3/policies/summary", 200, shape(42, "total:int", "since:string", "open:int"))
			w.at = w.at.Add(5 * time.Minute)
			old(3)
			var routes []string
			for _, e := range w.close() {
				routes = append(routes, e.Route)
			}
			want := []string{"/v3/policies/summary", "/v3/policies/{id}", "/v4/policies/summary", "/v4/policies/{id}"}
			if !slices.Equal(routes, want) {
				t.Errorf("routes %v, want %v", routes, want)
			}
		})
	}
}
