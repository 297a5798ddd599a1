package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type sample struct {
	Name  string `yaml:"name" doc:"a name"`
	Store struct {
		Retention Duration `yaml:"retention" doc:"how long"`
		Memory    Bytes    `yaml:"memory" doc:"how much"`
	} `yaml:"store" doc:"the store"`
	Base  `yaml:",inline"`
	Sinks []struct {
		URL     Secret   `yaml:"url" doc:"where"`
		URLFile string   `yaml:"url_file" doc:"file with that"`
		Names   []string `yaml:"names"`
	} `yaml:"sinks"`
}

// Base is a section whose keys stand in the one around it.
type Base struct {
	Pass     Secret `yaml:"pass" doc:"a secret"`
	PassFile string `yaml:"pass_file" doc:"file with that"`
}

func (s *sample) Validate() error {
	if s.Store.Retention < 0 {
		return errors.New("store.retention must not be negative")
	}
	return nil
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrecedence(t *testing.T) {
	cfg := sample{Name: "default"}
	cfg.Store.Memory = 7
	path := write(t, "store:\n  retention: 3d\n  memory: 64MiB\n")
	if err := Load(path, "T_", []string{"T_STORE__MEMORY=1GiB", "OTHER=1", "T_NOTOURS=x"}, &cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.Name != "default" || cfg.Store.Retention != Duration(72*time.Hour) || cfg.Store.Memory != 1<<30 {
		t.Errorf("%+v", cfg)
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"store:\n  retension: 3d\n":         `c.yaml:2:3: unknown key "retension", did you mean "retention"?`,
		"name: a\nnam: b\n":                 `c.yaml:2:1: unknown key "nam", did you mean "name"?`,
		"store:\n  retention: soon\n":       `"soon" is no duration`,
		"store:\n  memory: lots\n":          `"lots" is no size`,
		"sinks:\n- url: (hidden)\n":         "in place of a secret",
		"store: [1\n":                       "c.yaml:1:",
		"store:\n  retention: -1h\n":        "store.retention must not be negative",
		"sinks:\n- url_file: /nowhere\n":    "sinks[0].url_file: open /nowhere",
		"sinks:\n- url: a\n  url_file: b\n": "give sinks[0].url or sinks[0].url_file, not both",
	} {
		err := Load(write(t, text), "T_", nil, &sample{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant …%s…", text, err, want)
		}
	}
	if err := Load("", "T_", []string{"T_STORE__MEMROY=1"}, &sample{}); err == nil || !strings.Contains(err.Error(), "T_STORE__MEMROY names no key") {
		t.Errorf("unknown variable: %v", err)
	}
}

func TestSecretsStayHidden(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(secret, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var cfg sample
	if err := Load(write(t, "sinks:\n- url_file: "+secret+"\n- url: hunter2\n"), "T_", nil, &cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.Sinks[0].URL.Reveal() != "hunter2" || cfg.Sinks[1].URL.Reveal() != "hunter2" {
		t.Fatal("the secret was not read")
	}
	printed, err := Print(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(printed), fmt.Sprint(cfg), fmt.Sprintf("%+v %#v", cfg.Sinks[1].URL, cfg.Sinks[1].URL)} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("shown: %s", text)
		}
	}
	if !strings.Contains(string(printed), "(hidden)") || strings.Contains(string(printed), "hunter2") {
		t.Errorf("printed:\n%s", printed)
	}
}

func TestDescriptions(t *testing.T) {
	cfg := sample{Name: "n"}
	cfg.Store.Retention = Duration(48 * time.Hour)
	data, err := Schema("T", &cfg)
	if err != nil || !json.Valid(data) {
		t.Fatal(err)
	}
	for _, want := range []string{`"default": "2d"`, `"additionalProperties": false`, `"description": "how long"`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("schema lacks %s", want)
		}
	}
	ref := Reference(&cfg)
	for _, want := range []string{"| `store.retention` | `2d` | how long |", "| `sinks[].url` |  | where |"} {
		if !strings.Contains(ref, want) {
			t.Errorf("reference lacks %s:\n%s", want, ref)
		}
	}
}

// Keys of an inlined section are keys of the section around it, everywhere.
func TestInlinedSections(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(secret, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	var cfg sample
	if err := Load(write(t, "pass_file: "+secret+"\n"), "T_", nil, &cfg); err != nil || cfg.Pass.Reveal() != "hunter2" {
		t.Fatalf("from a file: %v, %+v", err, cfg)
	}
	cfg = sample{}
	if err := Load("", "T_", []string{"T_PASS=x"}, &cfg); err != nil || cfg.Pass.Reveal() != "x" {
		t.Fatalf("from the environment: %v", err)
	}
	cfg = sample{}
	cfg.PassFile = "/somewhere"
	if ref := Reference(&cfg); !strings.Contains(ref, "| `pass_file` | `/somewhere` | file with that |") || strings.Contains(ref, "base") {
		t.Errorf("reference:\n%s", ref)
	}
	schema, err := Schema("T", &cfg)
	if err != nil || !strings.Contains(string(schema), `"default": "/somewhere"`) {
		t.Errorf("schema: %v\n%s", err, schema)
	}
	printed, err := Print(&cfg)
	if err != nil || !strings.Contains(string(printed), "\npass_file: /somewhere") {
		t.Errorf("printed: %v\n%s", err, printed)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("store:\n  retention: 3d\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = Decode("f", data, &sample{})
	})
}
