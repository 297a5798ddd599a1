package standard

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lapwing/detect/network"
	"lapwing/detect/snapshot"
	"lapwing/internal/sample"
	"lapwing/rules"
)

// What the user brings is no part of what a snapshot must fit: with other
// rules and other network facts detection goes on, and what neither touches
// says the same.
func TestSnapshotFitsOtherRulesAndNetworks(t *testing.T) {
	classes := filepath.Join(t.TempDir(), "classes.csv")
	if err := os.WriteFile(classes, []byte("203.0.113.0/24,hosting\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	networks, err := network.Open(network.Config{Classes: []string{classes}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := rules.Parse("test", []byte(`rules:
- id: refused
  when: status in 401..404 and network.class == "hosting"
  group_by: [client]
  count: {at_least: 20, over: 5m}
`))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.NewSet(list)
	if err != nil {
		t.Fatal(err)
	}
	plain := Config{Sensor: "t", Seed: 1}
	brought := Config{Sensor: "t", Seed: 1, Rules: rules.NewLive(set), Networks: networks}
	calls := sampledWith(t, sample.Options{})
	half := len(calls) / 2

	whole := newTeller(t, brought)
	whole.run(calls, 0, half)
	var b bytes.Buffer
	if err := snapshot.Save(&b, whole.Detection); err != nil {
		t.Fatal(err)
	}
	said := len(whole.said)
	whole.run(calls, half, len(calls))
	whole.Close()

	same := newTeller(t, brought)
	if err := snapshot.Load(bytes.NewReader(b.Bytes()), same.Detection); err != nil {
		t.Fatal(err)
	}
	same.run(calls, half, len(calls))
	same.Close()
	if !slices.Equal(same.said, whole.said[said:]) {
		t.Errorf("with the same rules and networks: %d revisions, want %d", len(same.said), len(whole.said)-said)
	}

	other := newTeller(t, plain)
	if err := snapshot.Load(bytes.NewReader(b.Bytes()), other.Detection); err != nil {
		t.Fatalf("without rules and networks: %v", err)
	}
	other.run(calls, half, len(calls))
	other.Close()
	without := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return strings.Contains(s, `"custom_rule"`) })
	}
	want := without(whole.said[said:])
	if got := without(other.said); !slices.Equal(got, want) {
		t.Errorf("without rules and networks: %d revisions, want %d", len(got), len(want))
	}
	if len(want) == 0 || len(without(whole.said)) == len(whole.said) {
		t.Error("no alert of a rule, or no other: the test shows nothing")
	}
}
