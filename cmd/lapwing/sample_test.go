package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lapwing/event"
	"lapwing/examples"
	"lapwing/internal/sample"
	"lapwing/parse/pseudonym"
)

// The tests here lead the bundled recording through everything that analyze
// does: packets in, alerts out.

var recording = sync.OnceValues(func() (*sample.Recording, error) { return sample.Make(sample.Options{}) })

func bundled(t *testing.T) *sample.Recording {
	t.Helper()
	r, err := recording()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func pcapOf(t *testing.T, name string, packets []sample.Packet) string {
	t.Helper()
	var b bytes.Buffer
	if err := sample.WritePcap(&b, packets); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func specFile(t *testing.T) string {
	t.Helper()
	data, err := examples.Files.ReadFile(examples.Spec)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), examples.Spec)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type outcome struct {
	revisions
	endpoints []event.Endpoint
	calls     int64
	late      int64
}

// detectIn runs the inputs as analyze does.
func detectIn(t *testing.T, inputs ...string) *outcome {
	t.Helper()
	return detectUnder(t, pseudonym.Offline(), inputs...)
}

func detectUnder(t *testing.T, keys *pseudonym.Keyring, inputs ...string) *outcome {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Detect.Specs = []string{specFile(t)}
	var out outcome
	d, err := cfg.detector(keys, out.add)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := detectOver(t.Context(), &cfg, keys, inputs, "auto", d, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := d.Stats()
	if s.Received != s.Judged || s.Received != rep.Calls || s.Lost != 0 {
		t.Errorf("engine %+v of %d calls: something is unaccounted for", s, rep.Calls)
	}
	out.endpoints, out.calls, out.late = d.Endpoints(), rep.Calls, s.Late
	return &out
}

func (o *outcome) json(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := alertsJSON(&b, o.final(), pseudonym.Offline()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func shown(t *testing.T, alerts []event.Alert) []event.Alert {
	t.Helper()
	out, err := revealed(alerts, pseudonym.Offline())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// checkFound holds the alerts at medium and above against what was planted.
func checkFound(t *testing.T, truth sample.Truth, alerts []event.Alert) {
	t.Helper()
	found := map[string]bool{}
	for _, a := range shown(t, alerts) {
		if a.Severity < event.Medium {
			continue
		}
		i := slices.IndexFunc(truth.Attacks, func(x sample.Attack) bool {
			return (x.Detector == a.Detector || slices.Contains(x.Also, a.Detector)) &&
				(string(a.Entity.Kind) == x.Entity.Kind && a.Entity.Value == x.Entity.Value || slices.Contains(x.Clients, a.Entity.Value))
		})
		if i < 0 {
			t.Errorf("raised without an attack: %s %s: %s", a.Severity, a.Detector, a.Summary)
			continue
		}
		found[truth.Attacks[i].Name] = true
		// Who owned an object may come out after it was read: up to an hour later is in time.
		if a.DetectedAt.Before(truth.Attacks[i].Start) || a.DetectedAt.After(truth.Attacks[i].End.Add(time.Hour)) {
			t.Errorf("%s: detected at %s, the attack ran from %s to %s", a.Detector, a.DetectedAt, truth.Attacks[i].Start, truth.Attacks[i].End)
		}
	}
	for _, x := range truth.Attacks {
		if !found[x.Name] {
			t.Errorf("missed: %s by %s", x.Name, x.Entity.Value)
		}
	}
}

func TestSampleFindsWhatWasPlanted(t *testing.T) {
	r := bundled(t)
	out := detectIn(t, pcapOf(t, "shop.pcap", r.Packets))
	if out.calls != int64(r.Truth.Calls) {
		t.Errorf("%d calls, the recording holds %d", out.calls, r.Truth.Calls)
	}
	if out.late != 0 {
		t.Errorf("%d calls came behind the watermark", out.late)
	}
	checkFound(t, r.Truth, out.final())
	states := map[string]event.State{}
	for _, e := range out.endpoints {
		states[e.Method+" "+e.Route] = e.State
	}
	for _, e := range r.Truth.Spec.Undocumented {
		if s := states[e.Method+" "+e.Route]; s != event.StateShadow {
			t.Errorf("%s %s is %q, want shadow", e.Method, e.Route, s)
		}
	}
	for _, e := range slices.Concat(r.Truth.Spec.NeverCalled, r.Truth.Spec.Deprecated) {
		if s := states[e.Method+" "+e.Route]; s != event.StateOrphan {
			t.Errorf("%s %s is %q, want orphan", e.Method, e.Route, s)
		}
	}
}

// Other days of the same shop, which no detector has seen before.
func TestSampleOfOtherDays(t *testing.T) {
	for seed := range uint64(3) {
		r, err := sample.Make(sample.Options{Seed: seed + 101})
		if err != nil {
			t.Fatal(err)
		}
		checkFound(t, r.Truth, detectIn(t, pcapOf(t, "day.pcap", r.Packets)).final())
	}
}

func TestSampleCutInTwo(t *testing.T) {
	r := bundled(t)
	want := detectIn(t, pcapOf(t, "whole.pcap", r.Packets)).json(t)
	if strings.Count(want, "\n") < len(r.Truth.Attacks) {
		t.Fatalf("only %d alerts: the test would show little", strings.Count(want, "\n"))
	}
	for _, n := range []int{1, len(r.Packets) / 3, len(r.Packets) / 2} {
		before, after := sample.Split(r.Packets, n)
		a, b := pcapOf(t, "a.pcap", before), pcapOf(t, "b.pcap", after)
		for _, inputs := range [][]string{{a, b}, {b, a}} {
			if got := detectIn(t, inputs...).json(t); got != want {
				t.Fatalf("cut at packet %d, %v: other alerts\n%s\nwant\n%s", n, inputs, got, want)
			}
		}
	}
}

// An attacker who is a hundred times slower is found at the same event.
func TestSampleSlowedDown(t *testing.T) {
	r := bundled(t)
	first := func(o *outcome) map[string]float64 {
		seen := map[string]float64{}
		for _, a := range shown(t, o.all) {
			key := a.Detector + " " + a.Entity.Value
			if _, ok := seen[key]; !ok && a.Severity >= event.Medium {
				seen[key] = a.Evidence.Features[0].Value
			}
		}
		return seen
	}
	fast := first(detectIn(t, pcapOf(t, "fast.pcap", r.Packets)))
	slow := first(detectIn(t, pcapOf(t, "slow.pcap", sample.Stretch(r.Packets, 100))))
	for key, n := range fast {
		m, ok := slow[key]
		if !ok {
			t.Errorf("%s: found fast, missed slow", key)
		} else if m > 1.2*n+1 {
			t.Errorf("%s: found at %g events fast, at %g slow", key, n, m)
		}
	}
	for key := range slow {
		if _, ok := fast[key]; !ok {
			t.Errorf("%s: raised only when slow", key)
		}
	}
}

// The number that an alert gives for its evidence is the sum of its parts, and
// a counted part is its likelihood ratio as often as it was counted.
func TestEvidenceAddsUp(t *testing.T) {
	out := detectIn(t, pcapOf(t, "shop.pcap", bundled(t).Packets))
	if len(out.all) < 10 {
		t.Fatalf("%d revisions: the test shows little", len(out.all))
	}
	for _, a := range out.all {
		sum := 0.0
		for _, f := range a.Evidence.Features {
			sum += f.Contribution
			if f.LikelihoodRatio > 0 {
				if want := f.Value * math.Log10(f.LikelihoodRatio); math.Abs(want-f.Contribution) > 1e-6*math.Max(1, math.Abs(want)) {
					t.Errorf("%s: %s counts %g times a ratio of %g, which is %g, not %g", a.Detector, f.Name, f.Value, f.LikelihoodRatio, want, f.Contribution)
				}
			}
		}
		if math.Abs(sum-a.Evidence.ScoreLog10) > 1e-6*math.Max(1, sum) {
			t.Errorf("%s revision %d: parts add up to %g, score_log10 is %g", a.Detector, a.Revision, sum, a.Evidence.ScoreLog10)
		}
	}
}

func TestBundledFilesAreCurrent(t *testing.T) {
	data, err := examples.Files.ReadFile(examples.Capture)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), examples.Capture)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := detectIn(t, path).json(t), detectIn(t, pcapOf(t, "made.pcap", bundled(t).Packets)).json(t); !reflect.DeepEqual(got, want) {
		t.Error("the bundled recording is not the one that the generator makes: run make sample")
	}
}
