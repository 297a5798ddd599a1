package probing

import "testing"

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
