package spec

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	yaml "github.com/oasdiff/yaml3"
)

var yamlLine = regexp.MustCompile(`line (\d+)`)

// decodeYAML decodes a YAML document with keys as text. The reader itself
// refuses documents whose aliases multiply.
func decodeYAML(data []byte) (tree any, err error) {
	defer func() {
		if r := recover(); r != nil {
			tree, err = nil, fmt.Errorf("1: the YAML reader gave up: %v", r)
		}
	}()
	if err := yaml.Unmarshal(data, &tree); err != nil {
		line := "1"
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			line = m[1]
		}
		return nil, errors.New(line + ": " + short(strings.ReplaceAll(err.Error(), "\n", " ")))
	}
	return textKeys(tree), nil
}

// textKeys turns keys such as the unquoted 200 into text.
func textKeys(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = textKeys(e)
		}
		return v
	case map[any]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[fmt.Sprint(k)] = textKeys(e)
		}
		return out
	case []any:
		for i := range v {
			v[i] = textKeys(v[i])
		}
		return v
	}
	return v
}
