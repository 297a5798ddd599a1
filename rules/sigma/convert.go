package sigma

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yaml "github.com/oasdiff/yaml3"
)

// convert makes one expression of a rule.
func (d *document) convert(o Options) (string, error) {
	switch {
	case d.category == "webserver":
	case d.category == "proxy" && o.Proxy:
	case d.category == "proxy":
		return "", errors.New("it is for web proxies: what own machines ask of others, not what is asked of an API")
	case d.category != "":
		return "", fmt.Errorf("it is for logs of the category %s", d.category)
	case d.service != "" || d.product != "":
		return "", fmt.Errorf("it is for other logs of %s, not for its access log", strings.TrimSpace(d.product+" "+d.service))
	default:
		return "", errors.New("it names no log source")
	}
	if d.status == "deprecated" || d.status == "unsupported" {
		return "", fmt.Errorf("its author calls it %s", d.status)
	}
	if d.detection == nil || d.detection.Kind != yaml.MappingNode {
		return "", errors.New("it has no detection")
	}
	searches := map[string]string{}
	var order []string
	var condition *yaml.Node
	for i := 0; i+1 < len(d.detection.Content); i += 2 {
		name, v := d.detection.Content[i].Value, d.detection.Content[i+1]
		switch name {
		case "condition":
			condition = v
		case "timeframe":
		default:
			e, err := search(v)
			if err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
			searches[name] = e
			order = append(order, name)
		}
	}
	all := texts(condition)
	if len(all) == 0 {
		return "", errors.New("it has no condition")
	}
	var parts []string
	for _, c := range all {
		e, err := parseCondition(c, order, searches)
		if err != nil {
			return "", fmt.Errorf("condition: %w", err)
		}
		parts = append(parts, e)
	}
	return join(parts, "or"), nil
}

// join connects expressions; each that connects others itself gets parentheses.
func join(parts []string, with string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	for i, p := range parts {
		parts[i] = enclose(p)
	}
	return strings.Join(parts, "\n"+with+" ")
}

// enclose puts parentheses around what is more than one call or comparison.
func enclose(e string) string {
	depth, quoted := 0, false
	for i := 0; i < len(e); i++ {
		switch c := e[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(' || c == '[':
			depth++
		case c == ')' || c == ']':
			depth--
		case depth == 0 && (strings.HasPrefix(e[i:], "\nand ") || strings.HasPrefix(e[i:], "\nor ")):
			return "(" + e + ")"
		}
	}
	return e
}

// search converts one search identifier: a mapping, all of which holds; a list,
// of which one element holds; or words, of which one is somewhere in the line.
func search(n *yaml.Node) (string, error) {
	switch n.Kind {
	case yaml.MappingNode:
		if len(n.Content) == 0 {
			return "", errors.New("it is empty")
		}
		var parts []string
		for i := 0; i+1 < len(n.Content); i += 2 {
			e, err := item(n.Content[i].Value, n.Content[i+1])
			if err != nil {
				return "", err
			}
			parts = append(parts, e)
		}
		return join(parts, "and"), nil
	case yaml.SequenceNode:
		var parts []string
		var words []*yaml.Node
		for _, e := range n.Content {
			if e.Kind == yaml.ScalarNode {
				words = append(words, e)
				continue
			}
			p, err := search(e)
			if err != nil {
				return "", err
			}
			parts = append(parts, p)
		}
		if len(words) > 0 {
			p, err := item("", &yaml.Node{Kind: yaml.SequenceNode, Content: words})
			if err != nil {
				return "", err
			}
			parts = append(parts, p)
		}
		if len(parts) == 0 {
			return "", errors.New("it is empty")
		}
		return join(parts, "or"), nil
	case yaml.ScalarNode:
		return item("", n)
	}
	return "", errors.New("it is neither a mapping nor a list")
}

// A target is the field of a call that stands for one of a log line.
type target struct {
	name   string
	number bool
	addr   bool
	file   bool // the extension of the path
}

// targets by Sigma's names, which are W3C's, as log sources spell them.
// cs-uri-query means the whole request target in nearly all published rules
// (they look for paths in it), and so it does here.
var targets = map[string]target{
	"": {name: "line"}, "cs-method": {name: "method"}, "http-method": {name: "method"},
	"cs-uri": {name: "uri"}, "c-uri": {name: "uri"}, "cs-uri-query": {name: "uri"}, "uri": {name: "uri"}, "url": {name: "uri"},
	"c-uri-query": {name: "query"}, "uri_query": {name: "query"}, "cs-uri-stem": {name: "path"}, "c-uri-stem": {name: "path"}, "uri_path": {name: "path"},
	"cs-uri-extension": {name: "path", file: true}, "c-uri-extension": {name: "path", file: true},
	"sc-status": {name: "status", number: true}, "status": {name: "status", number: true},
	"c-useragent": {name: "user_agent"}, "cs-user-agent": {name: "user_agent"}, "cs(user-agent)": {name: "user_agent"}, "useragent": {name: "user_agent"}, "user-agent": {name: "user_agent"},
	"cs-referer": {name: "referer"}, "cs-referrer": {name: "referer"}, "cs(referer)": {name: "referer"}, "c-referer": {name: "referer"}, "referer": {name: "referer"},
	"c-ip": {name: "client", addr: true}, "src_ip": {name: "client", addr: true}, "clientip": {name: "client", addr: true},
	"cs-host": {name: "host"}, "host": {name: "host"}, "sc-bytes": {name: "response_bytes", number: true}, "cs-bytes": {name: "request_bytes", number: true},
	"s-port": {name: "server_port", number: true}, "c-port": {name: "client_port", number: true}, "s-ip": {name: "server", addr: true}, "dst_ip": {name: "server", addr: true},
}

// absent says why some fields can be in no rule.
var absent = map[string]string{
	"cs-cookie": "cookies never leave the sensor", "cs(cookie)": "cookies never leave the sensor", "cs-username": "names of users are pseudonyms",
	"cs-body": "bodies never leave the sensor", "cs-content": "bodies never leave the sensor", "cs-uri-body": "bodies never leave the sensor",
}

func field(name string) (target, error) {
	t, ok := targets[strings.ToLower(name)]
	if !ok {
		if why := absent[strings.ToLower(name)]; why != "" {
			return t, fmt.Errorf("field %s: %s", name, why)
		}
		return t, fmt.Errorf("field %s: a call has nothing like it", name)
	}
	return t, nil
}

// item converts one field with its modifiers and values.
func item(key string, n *yaml.Node) (string, error) {
	name, rest, _ := strings.Cut(key, "|")
	t, err := field(name)
	if err != nil {
		return "", err
	}
	m := &modified{target: t, key: key}
	if t.name == "line" {
		m.how = "contains" // a word is looked for anywhere
	}
	if rest != "" {
		if err := m.modify(strings.Split(rest, "|")); err != nil {
			return "", fmt.Errorf("%s: %w", key, err)
		}
	}
	values := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		values = n.Content
	}
	if len(values) == 0 {
		return "", fmt.Errorf("%s has no values", key)
	}
	e, err := m.compare(values)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	return e, nil
}

// parseCondition parses and, or, not, parentheses, 1 of and all of.
func parseCondition(source string, order []string, searches map[string]string) (string, error) {
	p := &condition{order: order, searches: searches}
	p.words = append(p.words, conditionWord.FindAllString(source, -1)...)
	if len(p.words) > 200 {
		return "", errors.New("it is too long")
	}
	e, err := p.or(0)
	if err == nil && p.at < len(p.words) {
		err = fmt.Errorf("%q is not expected", p.words[p.at])
		if p.words[p.at] == "|" {
			err = errors.New("it counts in the condition itself, which Sigma has given up: write a correlation")
		}
	}
	return e, err
}

var conditionWord = regexp.MustCompile(`[()|]|[^\s()|]+`)

type condition struct {
	words    []string
	at       int
	order    []string
	searches map[string]string
}

func (p *condition) next() string {
	if p.at < len(p.words) {
		return p.words[p.at]
	}
	return ""
}

func (p *condition) take(word string) bool {
	if strings.EqualFold(p.next(), word) {
		p.at++
		return true
	}
	return false
}

func (p *condition) or(depth int) (string, error) { return p.chain(depth, "or", p.and) }

func (p *condition) and(depth int) (string, error) { return p.chain(depth, "and", p.not) }

func (p *condition) chain(depth int, with string, part func(int) (string, error)) (string, error) {
	var parts []string
	for {
		e, err := part(depth)
		if err != nil {
			return "", err
		}
		if parts = append(parts, e); !p.take(with) {
			return join(parts, with), nil
		}
	}
}

func (p *condition) not(depth int) (string, error) {
	if depth > 20 {
		return "", errors.New("it is nested too deep")
	}
	switch {
	case p.take("not"):
		e, err := p.not(depth + 1)
		return "not (" + e + ")", err
	case p.take("("):
		e, err := p.or(depth + 1)
		if err == nil && !p.take(")") {
			err = errors.New("a parenthesis is not closed")
		}
		return e, err
	}
	word := p.next()
	p.at++
	if (word == "1" || word == "any" || word == "all") && p.take("of") {
		return p.of(word)
	}
	if e, ok := p.searches[word]; ok {
		return e, nil
	}
	if _, err := strconv.Atoi(word); err == nil {
		return "", fmt.Errorf("%s of: only 1 of and all of are understood", word)
	}
	return "", fmt.Errorf("%q is no search of this rule", word)
}

// of is 1 of them, all of selection_*.
func (p *condition) of(how string) (string, error) {
	pattern := p.next()
	p.at++
	var parts []string
	for _, name := range p.order {
		fits := !strings.HasPrefix(name, "_")
		if pattern != "them" {
			fits = matchesName(pattern, name)
		}
		if fits {
			parts = append(parts, p.searches[name])
		}
	}
	if len(parts) == 0 {
		return "", fmt.Errorf("%s of %s: there is no such search", how, pattern)
	}
	if how == "all" {
		return join(slices.Clone(parts), "and"), nil
	}
	return join(slices.Clone(parts), "or"), nil
}

// matchesName compares a name with a pattern of stars.
func matchesName(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name = name[at+len(part):]
	}
	return strings.HasSuffix(name, parts[len(parts)-1])
}
