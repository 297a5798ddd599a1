package probing

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestFamilies(t *testing.T) {
	for path, want := range map[string]string{
		"/.env": "environment file", "/app/.env.production": "environment file", "/.GIT/config": "git repository",
		"/wp-login.php": "wordpress login", "/blog/wp-content/x": "wordpress content", "/index.php.bak": "source code",
		"/site.tar.gz": "archive of a site", "/users.sql": "database dump", "/actuator/env": "spring actuator", "/v3/api-docs": "openapi description",
		"/a/..%2f..%2fetc/passwd": "password file", "/static/../../x": "path traversal", "/phpMyAdmin-4.8/": "phpmyadmin", "/orders~": "backup copy",
		"/orders": "", "/products/7": "", "/v1/users/me": "", "/environment": "", "/login": "", "/": "", "": "",
	} {
		if got := dictionary[familyOf(path)].name; got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if len(dictionary) < 150 || len(dictionary) > 256 {
		t.Errorf("%d families", len(dictionary))
	}
}

func FuzzFamilyOf(f *testing.F) {
	for _, s := range []string{"/.env", "///..", "/%00", "/a.b.c.d~", "\xff/\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if int(familyOf(path)) >= len(dictionary) {
			t.Fatal("no such family")
		}
		unasked(path)
		asset(path)
	})
}

func BenchmarkFamilyOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		familyOf("/api/v2/customers/search/by-name")
	}
}

// plainFamilyOf is familyOf as simply as it can be said.
func plainFamilyOf(path string) family {
	path = strings.ToLower(path[:min(len(path), maxInspected)])
	var prefixes []part
	for i, e := range dictionary {
		for w := range strings.FieldsSeq(e.words) {
			if w[0] != '*' && w[len(w)-1] == '*' {
				prefixes = append(prefixes, part{w[:len(w)-1], family(i)})
			}
		}
	}
	segments := strings.Split(path, "/")
	for i, seg := range segments {
		if seg == "" {
			continue
		}
		if f, ok := known.words[seg]; ok {
			return f
		}
		if i == len(segments)-1 {
			if f := ending([]byte(seg)); f != none {
				return f
			}
		}
		for _, p := range prefixes {
			if strings.HasPrefix(seg, p.text) {
				return p.is
			}
		}
	}
	for _, p := range known.inside {
		if strings.Contains(path, p.text) {
			return p.is
		}
	}
	return none
}

// Whatever a path is made of, the tables say what the list says.
func TestFamilyIsThatOfTheList(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var pieces []string
	for _, e := range dictionary {
		pieces = append(pieces, strings.Fields(strings.ReplaceAll(e.words, "*", "x"))...)
	}
	pieces = append(pieces, "api", "v1", "orders", "users", "17", "/", "..", "%", "A", "é")
	hits := 0
	for range 20_000 {
		var b strings.Builder
		for range 1 + rng.IntN(5) {
			w := pieces[rng.IntN(len(pieces))]
			if rng.IntN(4) == 0 {
				w = w[:rng.IntN(len(w)+1)]
			}
			if rng.IntN(6) == 0 {
				w = strings.ToUpper(w)
			}
			b.WriteString([...]string{"/", "", "-", "/"}[rng.IntN(4)] + w)
		}
		path := b.String()
		got, want := familyOf(path), plainFamilyOf(path)
		if got != want {
			t.Fatalf("%q is of %d, want %d", path, got, want)
		}
		if want != none {
			hits++
		}
	}
	if hits < 1000 || hits > 19_990 {
		t.Errorf("%d of 20,000 paths are of a family: the test shows little", hits)
	}
}
