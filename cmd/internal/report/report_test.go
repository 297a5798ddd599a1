package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"lapwing/event"
)

func TestPrintableDisarmsTerminals(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü":              "plain ü",
		"a\x1b[31mred":         `a\u001b[31mred`,
		"bell\a line\nfeed":    `bell\u0007 line\u000afeed`,
		"right\u202eto left":   `right\u202eto left`,
		"broken \xff\xfe byte": `broken \xff\xfe byte`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestShortKeepsBothEnds(t *testing.T) {
	if got := Short("/a/very/long/path/to/nowhere", 12); got != "/a/very…here" || len([]rune(got)) != 12 {
		t.Errorf("%q", got)
	}
	if got := Short("short", 12); got != "short" {
		t.Errorf("%q", got)
	}
}

func TestCSVNeutralisesFormulas(t *testing.T) {
	var b bytes.Buffer
	if err := CSV(&b, []string{"a", "n#"}, [][]string{{"=cmd|' /C calc'!A0", "1"}, {`say "hi", all`, "-2"}}); err != nil {
		t.Fatal(err)
	}
	want := "a,n\r\n'=cmd|' /C calc'!A0,1\r\n\"say \"\"hi\"\", all\",'-2\r\n"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func hostile() event.Alert {
	return event.Alert{
		ID: "4KQ2M0000000000000000000AB", Detector: "probing", Severity: event.High, Title: "t", Summary: "asked for </script><script>alert(1)</script>\x1b[2J",
		DetectedAt: time.Unix(0, 0).UTC(), Entity: event.Entity{Kind: event.KindClient, Value: "<img src=x onerror=alert(1)>"},
		Evidence: event.Evidence{ScoreLog10: 7, Features: []event.Feature{{Name: "f", Value: 3, LikelihoodRatio: 2, Contribution: 7}},
			Calls: []event.CallSample{{Method: "GET", Host: "h", Path: "/<b>\x1b[1m"}}},
		Benign: []event.Hypothesis{{Hypothesis: "<i>", Against: "</i>"}}, Hunt: "client:<x>",
	}
}

func TestHTMLEscapesWhatAttackersWrote(t *testing.T) {
	var b bytes.Buffer
	if err := HTML(&b, Page{Title: "<title>", Alerts: []event.Alert{hostile()}, Endpoints: []event.Endpoint{{Route: "/<u>"}}}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script>", "<img", "<b>", "<u>", "\x1b"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if !strings.Contains(b.String(), "&lt;script&gt;") {
		t.Error("the summary is missing")
	}
}

func TestDetailShowsEverythingHarmlessly(t *testing.T) {
	var b bytes.Buffer
	a := hostile()
	if err := AlertDetail(&b, &a, Palette{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("an escape sequence reached the terminal")
	}
	for _, want := range []string{a.ID, "+7.00", "×2 each", "Could it be harmless?", "client:<x>"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the detail lacks %q:\n%s", want, b.String())
		}
	}
}
