package inventory

import (
	"fmt"
	"slices"
	"testing"

	"lapwing/event"
)

const driftDocument = `{"openapi":"3.0.3","info":{"title":"t","version":"1"},"servers":[{"url":"https://api.example"}],
"security":[{"k":[]}],"components":{"securitySchemes":{"k":{"type":"http","scheme":"bearer"}}},
"paths":{"/things/{id}":{"get":{
 "parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"integer"}},{"name":"expand","in":"query","schema":{"type":"string"}}],
 "responses":{"200":{"description":"","content":{"application/json":{"schema":{"type":"object","properties":{"id":{"type":"integer"},"name":{"type":"string"}}}}}}}}},
 "/others":{"get":{"responses":{"200":{"description":""}}}}}}`

func query(q string) option { return func(c *event.Call) { c.Query = q } }
func user(n int) option {
	return func(c *event.Call) {
		c.Actor = event.Actor{Kind: event.KindUser, Value: fmt.Sprint("u", n)}
	}
}

// driftOf runs calls to the one described operation, and returns what its row
// says of drift.
func driftOf(t *testing.T, calls int, of func(w *world, n int)) ([]event.Drift, []event.Alert) {
	t.Helper()
	w := newWorld(t, driftDocument)
	for n := range calls {
		of(w, n)
	}
	for _, e := range w.close() {
		if e.Route == "/things/{id}" {
			return e.Drift, w.alerts
		}
	}
	t.Fatal("the described operation has no row")
	return nil, nil
}

func kindsOf(list []event.Drift) (out []string) {
	for _, d := range list {
		out = append(out, string(d.Kind)+" "+d.Name)
	}
	return out
}

func TestDriftIsFound(t *testing.T) {
	for name, tc := range map[string]struct {
		each func(n int) []option
		want []string
	}{
		"as described": {func(int) []option { return []option{query("expand=items&utm_source=mail&_=17")} }, nil},
		"a field":      {func(int) []option { return []option{shape(21, "id:int", "name:string", "ssn:string")} }, []string{"response_field ssn:string"}},
		"a type":       {func(int) []option { return []option{shape(22, "id:string")} }, []string{"response_type id:string"}},
		"null is none": {func(int) []option { return []option{shape(23, "id:int", "name:null")} }, nil},
		"a parameter":  {func(int) []option { return []option{query("debug=1&expand=a")} }, []string{"query_parameter debug"}},
		"encoded name": {func(int) []option { return []option{query("expand%5B%5D=1")} }, nil},
		"no credential": {func(n int) []option {
			if n%2 == 0 {
				return []option{anonymous}
			}
			return nil
		}, []string{"answers_without_auth "}},
		"a log shows no fields": {func(int) []option { return []option{fromLog} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, alerts := driftOf(t, 60, func(w *world, n int) {
				w.call(n%6, "GET", "api.example", fmt.Sprint("/things/", n), 200, append(tc.each(n), user(n%6))...)
			})
			if !slices.Equal(kindsOf(got), tc.want) {
				t.Fatalf("drift %v, want %v", kindsOf(got), tc.want)
			}
			told := slices.ContainsFunc(alerts, func(a event.Alert) bool { return a.Detector == "misconfiguration" })
			if told != (len(tc.want) > 0) {
				t.Errorf("told %v", told)
			}
			for _, a := range alerts {
				if a.Detector == "misconfiguration" && len(a.Evidence.Calls) == 0 {
					t.Error("told without a call that shows it")
				}
				if a.Severity > event.Low {
					t.Errorf("%s at %v", a.Summary, a.Severity)
				}
			}
		})
	}
}

func TestAStatusThatIsNotDescribed(t *testing.T) {
	got, _ := driftOf(t, 60, func(w *world, n int) {
		w.call(n%6, "GET", "api.example", fmt.Sprint("/things/", n), 200+2*(n%2), user(n%6))
	})
	if want := []string{"status 202"}; !slices.Equal(kindsOf(got), want) {
		t.Errorf("%v, want %v", kindsOf(got), want)
	}
}

// What one caller makes up is not the drift of the operation, however much of
// it there is, and does not hide what is.
func TestOneCallerMakesNoDrift(t *testing.T) {
	got, _ := driftOf(t, 3000, func(w *world, n int) {
		q := "debug=1"
		if n%3 != 0 {
			q = fmt.Sprintf("fuzz%d=1", n)
		}
		who := 99
		if n%3 == 0 {
			who = n % 7
		}
		w.call(who, "GET", "api.example", fmt.Sprint("/things/", n), 200, query(q), user(who))
	})
	if want := []string{"query_parameter debug"}; !slices.Equal(kindsOf(got), want) {
		t.Errorf("%v, want %v", kindsOf(got), want)
	}
}

func TestNamesAreFitToPrint(t *testing.T) {
	got, _ := driftOf(t, 60, func(w *world, n int) {
		w.call(n%6, "GET", "api.example", fmt.Sprint("/things/", n), 200, query("a\x1b[31m\xffb=1"), user(n%6))
	})
	if want := []string{"query_parameter a?[31m?b"}; !slices.Equal(kindsOf(got), want) {
		t.Errorf("%q, want %q", kindsOf(got), want)
	}
}
