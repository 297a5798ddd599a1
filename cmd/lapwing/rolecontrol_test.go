package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"lapwing/internal/itest"
)

func TestParseTargets(t *testing.T) {
	for list, want := range map[string][]string{
		"all":                              allRoles,
		"sensor":                           {roleSensor},
		"alerter, sensor,alerter":          {roleSensor, roleAlerter},
		"archiver,detector,sensor,alerter": allRoles,
	} {
		got, err := parseTargets(strings.Split(list, ","))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", list, got, err, want)
		}
	}
	for list, want := range map[string]string{"": "is not one of", "all,sensor": "all stands alone", "console": "no console", "Sensor": "is not one of"} {
		if got, err := parseTargets(strings.Split(list, ",")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want an error with %q", list, got, err, want)
		}
	}
	if got, err := parseTargets(nil); err == nil {
		t.Errorf("nothing: %v", got)
	}
}

// ask sends a request to the control API.
func askControl(c *control, method, path, body string) (status int, answer string) {
	w := httptest.NewRecorder()
	c.handler().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

// A process answers what it can, and says who has the rest.
func TestControlOfRoles(t *testing.T) {
	brokers := fakeBroker(t)
	active, err := openAlerter(t.Context(), fakeEnvironment(t, brokers, "machine one"))
	if err != nil {
		t.Fatal(err)
	}
	startRole(t, active)
	a := testAlert(1, 1)
	produce(t, active.client, active.client.Topics().Alerts, a.ID, a)
	itest.Await(t, time.Minute, "the incident", active.Ready, func() bool {
		p := active.pipeline()
		return p != nil && len(p.Incidents()) == 1
	})
	standby, err := openAlerter(t.Context(), fakeEnvironment(t, brokers, "machine two"))
	if err != nil {
		t.Fatal(err)
	}
	startRole(t, standby)
	itest.Await(t, time.Minute, "the stand-by", standby.Ready, func() bool { return standby.Ready() == "" && active.Active() })

	one := (&fleet{env: active.env, roles: []role{active}}).control()
	two := (&fleet{env: standby.env, roles: []role{standby}}).control()
	detector := (&fleet{env: &environment{}, roles: []role{&detectorRole{}}}).control()
	silence := `{"matcher":{"detector":"bola"},"until":"2099-01-01T00:00:00Z","reason":"r","by":"b"}`
	for _, c := range []struct {
		what   string
		at     *control
		method string
		path   string
		body   string
		status int
		says   string
	}{
		{"an acknowledgement", one, "POST", "/v1/alerts/ALERT-/acknowledge", `{"by":"ann"}`, http.StatusOK, a.ID},
		{"a silence", one, "POST", "/v1/silences", silence, http.StatusOK, "sil-"},
		{"a verdict", one, "POST", "/v1/alerts/ALERT-/verdict", `{"verdict":"false_positive","reason":"r","by":"ann"}`, http.StatusOK, `"exception":"sil-`},
		{"a verdict without a reason", one, "POST", "/v1/alerts/ALERT-/verdict", `{"verdict":"false_positive","by":"ann"}`, http.StatusBadRequest, "reason is missing"},
		{"all verdicts", one, "GET", "/v1/verdicts", "", http.StatusOK, `"verdict":"false_positive"`},
		{"what they made", one, "GET", "/v1/silences", "", http.StatusOK, `"kind":"exception"`},
		{"expected activity", one, "POST", "/v1/silences", `{"kind":"expected","matcher":{"network":"192.0.2.0/24"},"from":"2020-01-01T00:00:00Z","until":"2020-01-01T00:00:00Z","reason":"r","by":"b"}`, http.StatusBadRequest, "not in the future"},
		{"another act", one, "POST", "/v1/alerts/ALERT-/forget", `{"by":"ann"}`, http.StatusNotFound, "no such act"},
		{"an unknown alert", one, "POST", "/v1/alerts/NONE/resolve", `{"by":"ann"}`, http.StatusNotFound, "NONE"},
		{"a silence that is unknown", one, "DELETE", "/v1/silences/none", "", http.StatusNotFound, "unknown id"},
		{"an acknowledgement at a stand-by", two, "POST", "/v1/alerts/ALERT-/acknowledge", `{"by":"ann"}`, http.StatusMisdirectedRequest, "the active one is machine one"},
		{"a silence at a stand-by", two, "POST", "/v1/silences", silence, http.StatusMisdirectedRequest, "the active one is machine one"},
		{"alerts at a stand-by, from its store", two, "GET", "/v1/alerts", "", http.StatusOK, "null"},
		{"alerts at a detector", detector, "GET", "/v1/alerts", "", http.StatusMisdirectedRequest, "this lapwing is detector"},
		{"silences at a detector", detector, "GET", "/v1/silences", "", http.StatusMisdirectedRequest, "ask the active alerter"},
		{"the inventory at a detector", detector, "GET", "/v1/inventory", "", http.StatusMisdirectedRequest, "ask an archiver"},
	} {
		status, answer := askControl(c.at, c.method, c.path, c.body)
		if status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s: %d %s; want %d and %q", c.what, status, strings.TrimSpace(answer), c.status, c.says)
		}
	}
}
