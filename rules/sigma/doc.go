// Package sigma turns Sigma rules for web servers, and Sigma correlations of
// them, into rules of Lapwing.
//
// Read are the rule format 2.0 and the correlation format 2.0 as specified at
// https://github.com/SigmaHQ/sigma-specification. A rule is imported only if
// all of it can be expressed: one that would match more or less than its author
// meant is left out, with the reason. What calls do not have (cookies, request
// bodies, names of users) can be in no rule.
//
// A Sigma rule was written for the lines of an access log. Lapwing's paths and
// queries have sensitive values replaced, so a pattern that would only match
// inside such a value never does.
//
// Limits: files of 1 MiB, 200 documents each, values of 2,000 characters.
package sigma

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	yaml "github.com/oasdiff/yaml3"

	"lapwing/rules"
)

const (
	maxDocuments = 200
	maxValue     = 2000
)

// A File is one to import.
type File struct {
	Name string
	Data []byte
}

// A Result is what became of one document.
type Result struct {
	File   string `json:"file"`
	Title  string `json:"title"`
	Sigma  string `json:"sigma_id,omitempty"`
	Rule   string `json:"rule,omitempty"`    // ID of the rule it became
	PartOf string `json:"part_of,omitempty"` // the correlation that uses it, where it raises nothing itself
	Reason string `json:"reason,omitempty"`  // why it was not imported
	YAML   string `json:"-"`                 // the rule, an element of the list under rules
}

// Options say what to import.
type Options struct {
	// Proxy also takes rules for web proxies: what own machines ask of others, of
	// which some fit what others ask of an API.
	Proxy bool
}

// Import converts all documents of the files. Correlations may name rules of
// any of them.
func Import(files []File, o Options) []Result {
	var docs []*document
	for _, f := range files {
		docs = append(docs, read(f)...)
	}
	names := map[string]*document{}
	for _, d := range docs {
		for _, name := range []string{d.name, d.sigma} {
			if name != "" && names[name] == nil {
				names[name] = d
			}
		}
	}
	used := map[string]bool{}
	for _, d := range docs {
		if d.fault == nil && d.correlation == nil {
			d.expression, d.fault = d.convert(o)
		}
	}
	for _, d := range docs { // after all rules have their expressions
		if d.fault == nil && d.correlation != nil {
			d.form, d.fault = d.correlate(names)
		}
	}
	var out []Result
	for _, d := range docs {
		r := Result{File: d.file, Title: d.title, Sigma: d.sigma}
		switch {
		case d.fault != nil:
			r.Reason = d.fault.Error()
		case d.partOf != "" && !d.generates:
			r.PartOf = d.partOf
		default:
			r.Rule = unique(used, d.slug())
			r.YAML = d.yaml(r.Rule)
			if _, err := rules.Parse(r.Rule, []byte("rules:\n"+r.YAML)); err != nil {
				r.Rule, r.YAML, r.Reason = "", "", "it becomes no valid rule: "+firstLine(err.Error())
			}
		}
		out = append(out, r)
	}
	return out
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func unique(used map[string]bool, id string) string {
	for n, try := 2, id; ; n++ {
		if !used[try] {
			used[try] = true
			return try
		}
		try = fmt.Sprintf("%s-%d", id, n)
	}
}

// A document is one rule or correlation.
type document struct {
	file, title, sigma, name   string
	description, author, level string
	status                     string
	tags, references, harmless []string
	category, product, service string
	detection, correlation     *yaml.Node
	generates                  bool
	fault                      error
	expression                 string // of a rule
	form                       string // of a correlation: the YAML of its part
	partOf                     string // the title of a correlation that uses it
}

// read splits a file into documents.
func read(f File) (docs []*document) {
	bad := func(format string, args ...any) []*document {
		return append(docs, &document{file: f.Name, title: f.Name, fault: fmt.Errorf(format, args...)})
	}
	if len(f.Data) > rules.MaxFileBytes {
		return bad("the file is larger than %d bytes", rules.MaxFileBytes)
	}
	defer func() {
		if r := recover(); r != nil {
			docs = bad("the YAML reader gave up: %v", r)
		}
	}()
	dec := yaml.NewDecoder(strings.NewReader(string(f.Data)))
	for {
		var n yaml.Node
		if err := dec.Decode(&n); errors.Is(err, io.EOF) {
			return docs
		} else if err != nil {
			return bad("it is no YAML: %s", strings.ReplaceAll(err.Error(), "\n", " "))
		}
		if len(docs) == maxDocuments {
			return bad("it has more than %d documents", maxDocuments)
		}
		if n.Kind == yaml.DocumentNode && len(n.Content) == 1 && n.Content[0].Kind == yaml.MappingNode {
			docs = append(docs, readDocument(f.Name, n.Content[0]))
		} else {
			docs = bad("a document of it is no mapping")
		}
	}
}

func readDocument(file string, n *yaml.Node) *document {
	d := &document{file: file, title: text(get(n, "title")), sigma: text(get(n, "id")), name: text(get(n, "name")), description: text(get(n, "description")),
		author: text(get(n, "author")), level: text(get(n, "level")), status: text(get(n, "status")), tags: texts(get(n, "tags")),
		references: texts(get(n, "references")), harmless: texts(get(n, "falsepositives")), detection: get(n, "detection"), correlation: get(n, "correlation")}
	source := get(n, "logsource")
	d.category, d.product, d.service = text(get(source, "category")), text(get(source, "product")), text(get(source, "service"))
	d.title = cmp.Or(d.title, d.sigma, file)
	d.generates = text(get(n, "generate")) == "true" || text(get(d.correlation, "generate")) == "true"
	if alias(n, 0) {
		d.fault = errors.New("YAML aliases and deep nesting are not read")
	}
	return d
}

func alias(n *yaml.Node, depth int) bool {
	return n.Kind == yaml.AliasNode || depth > 16 || slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return alias(c, depth+1) })
}

// get is the value of a key; nil if it is not there.
func get(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// texts reads one text or a list of them.
func texts(n *yaml.Node) (out []string) {
	switch {
	case n == nil:
	case n.Kind == yaml.ScalarNode && n.Tag != "!!null":
		out = append(out, n.Value)
	case n.Kind == yaml.SequenceNode:
		for _, e := range n.Content {
			if e.Kind == yaml.ScalarNode {
				out = append(out, e.Value)
			}
		}
	}
	return out
}
