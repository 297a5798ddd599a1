package body

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lapwing/parse/classify"
)

func sum(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// told is everything a Doc says, as text.
func told(d *Doc) string {
	var b strings.Builder
	fmt.Fprintln(&b, d.Type, d.Operation, d.Keys, d.Hash, d.Items, d.Sensitive.Names(), d.Flags, d.More)
	for i := range d.Leaves {
		l := &d.Leaves[i]
		fmt.Fprintf(&b, "%s %d %v %d %v %v %q\n", l.Path, l.Key, l.Kind, l.Depth, l.Elem, l.InKey, l.Value)
	}
	return b.String()
}

// What a Reader remembers only saves work: after other bodies it says the same
// as a new one, whether the text is whole, cut, or not quite JSON.
func TestWarmReaderAgreesWithANewOne(t *testing.T) {
	keys := []string{"id", "ref", "name", "email", "token", "items", "data", "42", "a\"b", `a\b`, "", "password", "code", "lat", "query", "method", "550e8400-e29b-41d4-a716-446655440000"}
	values := []string{`1`, `-7`, `-`, `12.5`, `true`, `null`, `"a"`, `"ava@example.com"`, `"550e8400-e29b-41d4-a716-446655440000"`, `"x\"y"`, `4111111111111111`, `{}`, `[]`, `"ORD-12345"`, `-x`, `:`}
	doc := func(t *rapid.T) string {
		var write func(b *strings.Builder, depth int)
		write = func(b *strings.Builder, depth int) {
			switch k := rapid.IntRange(0, 3).Draw(t, "kind"); {
			case k == 0 && depth < 4:
				b.WriteByte('[')
				for i := range rapid.IntRange(0, 4).Draw(t, "n") {
					if i > 0 {
						b.WriteByte(',')
					}
					write(b, depth+1)
				}
				b.WriteByte(']')
			case k <= 2 && depth < 4:
				b.WriteByte('{')
				for i := range rapid.IntRange(0, 5).Draw(t, "n") {
					if i > 0 {
						b.WriteByte(',')
					}
					name, _ := json.Marshal(rapid.SampledFrom(keys).Draw(t, "key"))
					b.Write(name)
					b.WriteString(rapid.SampledFrom([]string{":", " : ", "", "::"}).Draw(t, "colon"))
					write(b, depth+1)
				}
				b.WriteByte('}')
			default:
				b.WriteString(rapid.SampledFrom(values).Draw(t, "value"))
			}
		}
		var b strings.Builder
		write(&b, 0)
		s := b.String()
		if rapid.IntRange(0, 3).Draw(t, "cut") == 0 {
			s = s[:rapid.IntRange(0, len(s)).Draw(t, "at")]
		}
		return s
	}
	rapid.Check(t, func(t *rapid.T) {
		warm := NewReader(classify.NewKeys(nil, nil), sum)
		var d, e Doc
		for range rapid.IntRange(0, 4).Draw(t, "before") {
			warm.Read(&d, []byte("application/json"), []byte(doc(t)))
		}
		s := []byte(doc(t))
		warm.Read(&d, []byte("application/json"), s)
		NewReader(classify.NewKeys(nil, nil), sum).Read(&e, []byte("application/json"), s)
		if got, want := told(&d), told(&e); got != want {
			t.Fatalf("%s:\n warm %s\n new %s", s, got, want)
		}
	})
}

// A response is a request without the leaves that only requests need.
func TestResponseLeavesAreThoseOfTheRequest(t *testing.T) {
	text := []byte(`{"id":1,"email":"ava@example.com","status":"ok","self":"/a/1","access_token":"abc","user":{"name":"x","id":2},"note":"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."}`)
	var d, e Doc
	r := NewReader(classify.NewKeys(nil, nil), sum)
	r.Read(&d, []byte("application/json"), text)
	r.ReadResponse(&e, []byte("application/json"), text)
	if d.Hash != e.Hash || d.Sensitive != e.Sensitive {
		t.Errorf("hash %x and %x, sensitive %v and %v", d.Hash, e.Hash, d.Sensitive.Names(), e.Sensitive.Names())
	}
	var want []string
	for _, l := range d.Leaves {
		if l.Path != "email" {
			want = append(want, l.Path)
		}
	}
	var got []string
	for _, l := range e.Leaves {
		got = append(got, l.Path)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("leaves %v, want %v", got, want)
	}
}
