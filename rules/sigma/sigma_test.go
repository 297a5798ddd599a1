package sigma

import (
	"fmt"
	"strings"
	"testing"

	"lapwing/rules"
)

// rule writes a Sigma rule around a detection.
func rule(detection string) string {
	return "title: Test {rule}\nid: 1\nname: one\nauthor: A. Author\nlevel: high\ntags: [attack.t1190, attack.initial_access, cve.2021]\nlogsource: {category: webserver}\nfalsepositives: [Unknown, a test]\ndetection:\n" + detection
}

func fire(t *testing.T, r Result, calls string) bool {
	t.Helper()
	list, err := rules.Parse("x", []byte("rules:\n"+r.YAML+"  examples:\n  - expect: fire\n    calls: "+calls+"\n"))
	if err != nil {
		t.Fatalf("%v\n%s", err, r.YAML)
	}
	set, err := rules.NewSet(list)
	if err != nil {
		t.Fatal(err)
	}
	results, err := set.Test()
	if err != nil {
		t.Fatal(err)
	}
	return results[0].Pass
}

// Imported rules fire for what the specification says they match, and for
// nothing else.
func TestMatching(t *testing.T) {
	for name, test := range map[string]struct {
		detection  string
		fires, not []string
	}{
		"plain, without case": {"  s: {cs-method: post, cs-uri-stem: /Admin}\n  condition: s\n", []string{`[{method: POST, path: /admin}]`, `[{method: POST, path: /ADMIN}]`}, []string{`[{path: /admin}]`, `[{method: POST, path: /admins}]`}},
		"contains":            {"  s: {cs-uri-query|contains: [Foo, 'b*r']}\n  condition: s\n", []string{`[{path: "/xfoox"}]`, `[{path: "/x?q=BazR"}]`}, []string{`[{path: /ba}]`}},
		"cased":               {"  s: {c-useragent|contains|cased: Foo}\n  condition: s\n", []string{`[{user_agent: xFoox}]`}, []string{`[{user_agent: xfoox}]`}},
		"all":                 {"  s: {cs-uri-query|contains|all: [a=, b=]}\n  condition: s\n", []string{`[{path: "/?a=1&b=2"}]`}, []string{`[{path: "/?a=1"}]`}},
		"ends, starts":        {"  s: {cs-uri-stem|endswith: .php}\n  t: {cs-uri-stem|startswith: [/x, /y]}\n  condition: s and t\n", []string{`[{path: /y/a.PHP}]`}, []string{`[{path: /z/a.php}]`, `[{path: /y/a.ph}]`}},
		"wildcards":           {"  s: {cs-uri-stem: ['*/a', 'b*', '/c?d', '\\*e']}\n  condition: s\n", []string{`[{path: /x/a}]`, `[{path: bx}]`, `[{path: /cxd}]`, `[{path: "*e"}]`}, []string{`[{path: /x/ab}]`, `[{path: /cxxd}]`, `[{path: xe}]`}},
		"backslashes":         {"  s: {cs-uri-query|contains: ['c:\\windows\\sys', 'd:\\\\x']}\n  condition: s\n", []string{`[{path: "/?c:\\windows\\sys"}]`, `[{path: "/?d:\\x"}]`}, []string{`[{path: "/?c:windows"}]`}},
		"numbers":             {"  s: {sc-status: [200, 301], sc-bytes|gte: 10}\n  condition: s\n", []string{`[{status: 301, response_bytes: 10}]`}, []string{`[{status: 302, response_bytes: 10}]`, `[{response_bytes: 9}]`}},
		"re":                  {"  s: {cs-uri-stem|re: '^/a\\d+$'}\n  condition: s\n", []string{`[{path: /a12}]`}, []string{`[{path: /A12}]`}},
		"re, without case":    {"  s: {cs-uri-stem|re|i: '^/a\\d+$'}\n  condition: s\n", []string{`[{path: /A12}]`}, []string{`[{path: /b12}]`}},
		"cidr":                {"  s: {c-ip|cidr: [10.0.0.0/8, '2001:db8::/32']}\n  condition: s\n", []string{`[{client: 10.1.1.1}]`, `[{client: "2001:db8::1"}]`}, []string{`[{client: 11.1.1.1}]`}},
		"base64":              {"  s: {cs-uri-query|base64|contains: foobar}\n  condition: s\n", []string{`[{path: "/?x=Zm9vYmFy"}]`}, []string{`[{path: "/?x=zm9vymfy"}]`}},
		"base64 anywhere":     {"  s: {cs-uri-query|base64offset|contains: 'http://'}\n  condition: s\n", []string{`[{path: "/?aHR0cDovL2E"}]`, `[{path: "/?eGh0dHA6Ly9h"}]`, `[{path: "/?eHhodHRwOi8v"}]`}, []string{`[{path: "/?aHR0cDovA"}]`}},
		"base64 of UTF-16":    {"  s: {cs-uri-query|utf16le|base64offset|contains: foo}\n  condition: s\n", []string{`[{path: "/?ZgBvAG8A"}]`}, []string{`[{path: "/?Zm9v"}]`}},
		"null and dash":       {"  s: {cs-referer: null, c-useragent: '-'}\n  condition: s\n", []string{`[{path: /}]`, `[{user_agent: "-"}]`}, []string{`[{referer: x}]`, `[{user_agent: x}]`}},
		"exists":              {"  s: {c-useragent|exists: true}\n  condition: s\n", []string{`[{user_agent: x}]`}, []string{`[{path: /}]`}},
		"words":               {"  k: [Union Select, '{{x']\n  condition: k\n", []string{`[{path: "/?q=UNION SELECT 1"}]`, `[{referer: "a{{x"}]`}, []string{`[{path: "/?union"}]`}},
		"words, all":          {"  k:\n    '|all': [aa, bb]\n  condition: k\n", []string{`[{path: /aa, user_agent: bb}]`}, []string{`[{path: /aa}]`}},
		"list of mappings":    {"  s: [{cs-method: GET}, {sc-status: 500}]\n  condition: s\n", []string{`[{method: PUT, status: 500}]`, `[{method: GET}]`}, []string{`[{method: PUT}]`}},
		"not, parentheses":    {"  a: {cs-method: GET}\n  b: {sc-status: 404}\n  c: {cs-uri-stem: /c}\n  condition: (a or c) and not b\n", []string{`[{method: GET}]`, `[{method: PUT, path: /c}]`}, []string{`[{method: GET, status: 404}]`, `[{method: PUT}]`}},
		"and before or":       {"  a: {cs-method: GET}\n  b: {sc-status: 404}\n  c: {cs-uri-stem: /c}\n  condition: c or a and b\n", []string{`[{method: PUT, path: /c}]`, `[{method: GET, status: 404}]`}, []string{`[{method: GET}]`}},
		"1 of, all of":        {"  sel_a: {cs-method: GET}\n  sel_b: {cs-uri-stem: /b}\n  filter_x: {sc-status: 404}\n  filter_y: {sc-status: 403}\n  condition: all of sel_* and not 1 of filter_*\n", []string{`[{path: /b}]`}, []string{`[{path: /b, status: 403}]`, `[{path: /c}]`}},
		"1 of them":           {"  a: {cs-method: DELETE}\n  b: {cs-uri-stem: /b}\n  _c: {cs-uri-stem: /c}\n  condition: 1 of them\n", []string{`[{path: /b}]`}, []string{`[{path: /c}]`}},
		"two conditions":      {"  a: {cs-method: DELETE}\n  b: {cs-uri-stem: /b}\n  condition: [a, b]\n", []string{`[{path: /b}]`, `[{method: DELETE}]`}, []string{`[{path: /c}]`}},
		"extension":           {"  a: {cs-uri-extension: [jsp, ASPX]}\n  condition: a\n", []string{`[{path: /x.aspx}]`}, []string{`[{path: /aspx}]`}},
		"fieldref":            {"  a: {cs-referer|fieldref: cs-uri-stem}\n  condition: a\n", []string{`[{path: /x, referer: /x}]`}, []string{`[{path: /x, referer: /y}]`}},
		"windash":             {"  a: {cs-uri-query|windash|contains: 'cmd -c'}\n  condition: a\n", []string{`[{path: "/?cmd -c"}]`, `[{path: "/?cmd /c"}]`}, []string{`[{path: "/?cmd c"}]`}},
	} {
		results := Import([]File{{"f", []byte(rule(test.detection))}}, Options{})
		if len(results) != 1 || results[0].Reason != "" {
			t.Errorf("%s: %+v", name, results)
			continue
		}
		for _, calls := range test.fires {
			if !fire(t, results[0], calls) {
				t.Errorf("%s: %s does not fire\n%s", name, calls, results[0].YAML)
			}
		}
		for _, calls := range test.not {
			if fire(t, results[0], calls) {
				t.Errorf("%s: %s fires\n%s", name, calls, results[0].YAML)
			}
		}
	}
}

func TestReasons(t *testing.T) {
	for source, want := range map[string]string{
		rule("  s: {cs-cookie: x}\n  condition: s\n"):               "cookies never leave",
		rule("  s: {Image: x}\n  condition: s\n"):                   "a call has nothing like it",
		rule("  s: {cs-uri|expand: '%x%'}\n  condition: s\n"):       "modifier expand",
		rule("  s: {cs-uri|re: '(?=x)'}\n  condition: s\n"):         "RE2",
		rule("  s: {cs-uri: x}\n  condition: s | count() > 3\n"):    "write a correlation",
		rule("  s: {cs-uri: x}\n  condition: s and t\n"):            `"t" is no search`,
		rule("  s: {cs-uri: x}\n  condition: (s\n"):                 "not closed",
		rule("  s: {cs-uri: x}\n  condition: 2 of them\n"):          "only 1 of",
		rule("  s: {cs-uri: x}\n  condition: 1 of y*\n"):            "there is no such search",
		rule("  s: {cs-uri: x}\n"):                                  "no condition",
		rule("  s: {sc-status: 4*}\n  condition: s\n"):              "no whole number",
		rule("  s: {cs-uri|utf16le|contains: x}\n  condition: s\n"): "bytes that are no text",
		rule("  s: &a {cs-uri: x}\n  t: *a\n  condition: s\n"):      "aliases",
		"title: a\nlogsource: {category: proxy}\n":                  "web proxies",
		"title: a\nlogsource: {product: apache}\n":                  "other logs of apache",
		"title: a\nlogsource: {category: process_creation}\n":       "category process_creation",
		"title: a\n": "no log source",
		"a: [":       "no YAML",
		"- x\n":      "no mapping",
	} {
		results := Import([]File{{"f", []byte(source)}}, Options{})
		if len(results) == 0 || !strings.Contains(results[len(results)-1].Reason, want) {
			t.Errorf("%q: %+v, want %s", source, results, want)
		}
	}
}

func TestCorrelations(t *testing.T) {
	base := "title: Refused\nid: a1\nname: refused\nlogsource: {category: webserver}\ndetection:\n  s: {sc-status: 401}\n  condition: s\n---\n" +
		"title: Let in\nid: a2\nname: let_in\nlogsource: {category: webserver}\ndetection:\n  s: {cs-uri-stem: /login, sc-status: 200}\n  condition: s\n---\n"
	correlation := func(s string) string {
		return base + "title: Together\nid: c1\nlevel: high\ncorrelation:\n" + s
	}
	for name, test := range map[string]struct{ source, fires, not string }{
		"event_count": {"  type: event_count\n  rules: [refused]\n  group-by: [c-ip]\n  timespan: 5m\n  condition: {gte: 10}\n", `[{status: 401, repeat: 10, path: /a}]`, `[{status: 401, repeat: 9, path: /a}, {status: 401, client: 192.0.2.9}]`},
		"value_count": {"  type: value_count\n  rules: refused\n  group-by: [c-ip]\n  timespan: 5m\n  condition: {field: cs-uri-stem, gt: 3}\n", `[{status: 401, repeat: 4, path: "/{n}"}]`, `[{status: 401, repeat: 9, path: "/a"}]`},
		"temporal":    {"  type: temporal\n  rules: [refused, let_in]\n  group-by: [c-ip]\n  timespan: 5m\n", `[{path: /login}, {status: 401}]`, `[{path: /login}, {status: 401, client: 192.0.2.9}]`},
		"ordered":     {"  type: temporal_ordered\n  rules: [a1, a2]\n  group-by: [ip]\n  aliases: {ip: {refused: c-ip, let_in: src_ip}}\n  timespan: 5m\n", `[{status: 401}, {path: /login}]`, `[{path: /login}, {status: 401}]`},
	} {
		results := Import([]File{{"f", []byte(correlation(test.source))}}, Options{})
		if len(results) != 3 || results[2].Reason != "" || results[0].PartOf == "" {
			t.Errorf("%s: %+v", name, results)
			continue
		}
		if !fire(t, results[2], test.fires) || fire(t, results[2], test.not) {
			t.Errorf("%s:\n%s", name, results[2].YAML)
		}
	}
	for source, want := range map[string]string{
		"  type: event_count\n  rules: [x]\n  timespan: 5m\n  condition: {gte: 2}\n":                                                            "not among the files",
		"  type: event_count\n  rules: [refused]\n  timespan: 5m\n  condition: {lt: 2}\n":                                                       "asks for lt",
		"  type: event_count\n  rules: [refused]\n  timespan: 5y\n  condition: {gte: 2}\n":                                                      "timespan",
		"  type: event_count\n  rules: [refused]\n  group-by: [Computer]\n  timespan: 5m\n  condition: {gte: 2}\n":                              "group-by",
		"  type: value_sum\n  rules: [refused]\n  timespan: 5m\n  condition: {gte: 2}\n":                                                        "not understood",
		"  type: temporal\n  rules: [refused]\n  timespan: 5m\n":                                                                                "a single rule",
		"  type: temporal\n  rules: [refused, c1]\n  timespan: 5m\n":                                                                            "the correlation c1",
		"  type: value_count\n  rules: [refused]\n  timespan: 5m\n  condition: {gte: 1, field: c-ip}\n":                                         "1 different values",
		"  type: temporal\n  rules: [refused, let_in]\n  timespan: 5m\n  group-by: [x]\n  aliases: {x: {refused: c-ip, let_in: cs-uri-stem}}\n": "different fields",
	} {
		results := Import([]File{{"f", []byte(correlation(source))}}, Options{})
		if len(results) != 3 || !strings.Contains(results[2].Reason, want) || results[0].Rule == "" {
			t.Errorf("%q: %+v, want %s", source, results, want)
		}
	}
	generate := correlation("  type: event_count\n  rules: [refused]\n  generate: true\n  group-by: [c-ip]\n  timespan: 5m\n  condition: {gte: 10}\n")
	if results := Import([]File{{"f", []byte(generate)}}, Options{}); results[0].Rule == "" || results[2].Rule == "" {
		t.Errorf("with generate: %+v", results)
	}
}

// What the license asks to keep is kept, and titles are no templates.
func TestWritten(t *testing.T) {
	results := Import([]File{{"f", []byte(rule("  s: {cs-uri: x}\n  condition: s\n"))}, {"g", []byte(rule("  s: {cs-uri: y}\n  condition: s\n"))}}, Options{})
	if results[0].Rule != "sigma-test-rule" || results[1].Rule != "sigma-test-rule-2" {
		t.Errorf("%+v", results)
	}
	list, err := rules.Parse("x", []byte("rules:\n"+results[0].YAML+results[1].YAML))
	if err != nil {
		t.Fatal(err)
	}
	r := list[0]
	if !strings.Contains(r.Description, "Sigma rule 1 by A. Author") || r.Severity.String() != "high" || fmt.Sprint(r.Tags.Attack, r.Benign) != "[T1190] [a test]" || r.Title != "Test {{rule}}: {entity}" {
		t.Errorf("%+v", r)
	}
}

func FuzzImport(f *testing.F) {
	f.Add(rule("  s: {cs-uri-query|base64offset|contains: ['a*b?', x]}\n  k: [a, b]\n  condition: 1 of s* and not k\n"))
	f.Add("title: x\ncorrelation: {type: event_count, rules: [a], timespan: 1m, condition: {gte: 3}}\n")
	f.Fuzz(func(t *testing.T, source string) {
		for _, r := range Import([]File{{"f", []byte(source)}}, Options{Proxy: true}) {
			if r.Rule == "" && r.Reason == "" && r.PartOf == "" {
				t.Errorf("nothing is said of %+v", r)
			}
			if strings.HasPrefix(r.Reason, "it becomes no valid rule: ") && strings.Contains(r.Reason, "has no key") {
				t.Errorf("%s\n%s", r.Reason, r.YAML)
			}
		}
	})
}
