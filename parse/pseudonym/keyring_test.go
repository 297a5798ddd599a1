package pseudonym

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The vectors are from the reference implementation (key 00..0f, input 00..n-1).
func TestSipHashVectors(t *testing.T) {
	var key [16]byte
	for i := range key {
		key[i] = byte(i)
	}
	k0, k1 := binary.LittleEndian.Uint64(key[:]), binary.LittleEndian.Uint64(key[8:])
	for n, want := range map[int]uint64{
		0: 0x726fdb47dd0e0e31, 1: 0x74f839c593dc67fd, 7: 0xab0200f58b01d137, 8: 0x93f5f5799a932462, 15: 0xa129ca6149be45e5,
	} {
		in := make([]byte, n)
		for i := range in {
			in[i] = byte(i)
		}
		if got := sipHash(k0, k1, in); got != want {
			t.Errorf("%d bytes: %#x, want %#x", n, got, want)
		}
	}
}

// The offline pseudonyms are part of published output: they must not drift.
func TestOfflineIsFixed(t *testing.T) {
	k := Offline()
	if k == nil {
		t.Fatal("the offline key has a wrong length")
	}
	if got := k.Secret([]byte("secret")); got != Offline().Secret([]byte("secret")) || len(got) != 16 || !strings.HasPrefix(got, "tok-") {
		t.Errorf("secret: %q", got)
	}
	if got, want := k.Name([]byte("ava.walker")), "nm-k6-bwy-LQi-hF7iqdGkndMru7ey0UhoIOas"; got != want {
		t.Errorf("name: %q, want %q", got, want)
	}
}

func TestNamesJoin(t *testing.T) {
	k := Offline()
	if k.Name([]byte(" Ava@Example.com ")) != k.Name([]byte("ava@example.com")) {
		t.Error("one e-mail address, two pseudonyms")
	}
	if k.Name([]byte("Ava")) == k.Name([]byte("ava")) {
		t.Error("user names are case sensitive, the pseudonyms are not")
	}
	if k.Name(nil) != "" || k.Name([]byte("  ")) != "" {
		t.Error("no name has a pseudonym")
	}
	if got := k.Name([]byte(strings.Repeat("x", 300))); !strings.HasPrefix(got, "tok-") {
		t.Errorf("overlong name: %q", got)
	}
}

func TestRevealText(t *testing.T) {
	k := Offline()
	n := k.Name([]byte(`a"b`))
	for _, c := range []struct {
		in   string
		text Text
		want string
	}{
		{n, Plain, `a"b`},
		{`{"user":"` + n + `"}`, JSON, `{"user":"a\"b"}`},
		{"x " + n + ", and nm-none " + n, Plain, `x a"b, and nm-none a"b`},
		{n + "-tail_2", Plain, `a"b-tail_2`},
		{"nothing", Plain, "nothing"},
		{"nm-", Plain, "nm-"},
		{"nm-" + strings.Repeat("A", 500), Plain, "nm-" + strings.Repeat("A", 500)},
	} {
		if got := k.Reveal(c.in, c.text); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	other, _ := New(make([]byte, KeyBytes))
	if got := other.Reveal(n, Plain); got != n {
		t.Errorf("another key revealed %q", got)
	}
}

func TestRevealInvertsName(t *testing.T) {
	k := Offline()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(1, 60, maxNameBytes).Draw(t, "name")
		want := string(Normalize([]byte(name)))
		p := k.Name([]byte(name))
		if got := k.Reveal(p, Plain); got != want {
			t.Fatalf("%q became %q", want, got)
		}
		var back string
		if err := json.Unmarshal([]byte(k.Reveal(`"`+p+`"`, JSON)), &back); err != nil || back != want {
			t.Fatalf("in JSON %q became %q (%v)", want, back, err)
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	k := Offline()
	var b [8]byte
	for i := range 5 * maxCachedNames {
		binary.BigEndian.PutUint64(b[:], uint64(i)|1<<63)
		k.Name(b[:])
	}
	if n := len(k.young) + len(k.old); n > 2*maxCachedNames {
		t.Errorf("%d names cached", n)
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	made, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
	if _, err := Create(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("created twice: %v", err)
	}
	read, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if made.Hash([]byte("x")) != read.Hash([]byte("x")) || made.Name([]byte("x")) != read.Name([]byte("x")) {
		t.Error("the key read is not the key made")
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("%d files left", len(files))
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil {
		t.Error("a key that everybody may read was taken")
	}
	if err := os.WriteFile(path, []byte("zz"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(path, 0o600)
	if _, err := Load(path); err == nil || strings.Contains(err.Error(), "zz") {
		t.Errorf("bad key file: %v", err)
	}
}

func FuzzReveal(f *testing.F) {
	k := Offline()
	f.Add(k.Name([]byte("ava")) + "/x nm-_--__nm-")
	f.Fuzz(func(t *testing.T, s string) {
		if !strings.Contains(s, "nm-") && k.Reveal(s, Plain) != s {
			t.Fatal("text without pseudonyms changed")
		}
		k.Reveal(s, JSON)
	})
}

func BenchmarkHash16(b *testing.B) {
	k, in := Offline(), []byte("0123456789abcdef")
	b.ReportAllocs()
	b.SetBytes(16)
	for b.Loop() {
		k.Hash(in)
	}
}

func BenchmarkNameCached(b *testing.B) {
	k, in := Offline(), []byte("ava@example.com")
	b.ReportAllocs()
	for b.Loop() {
		k.Name(in)
	}
}
