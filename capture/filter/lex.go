package filter

import "strings"

// A token is a word, an operator or the end of the expression.
type token struct {
	text   string // "" at the end
	column int
}

// lex cuts an expression into tokens. "&&", "||" and "!" become words.
func lex(expr string) ([]token, error) {
	if len(expr) > maxExpression {
		return nil, &Error{maxExpression + 1, "expression is longer than 16 KiB"}
	}
	var tokens []token
	for i := 0; i < len(expr); {
		c := expr[i]
		start := i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '(' || c == ')':
			i++
			tokens = append(tokens, token{string(c), start + 1})
		case c == '!':
			i++
			tokens = append(tokens, token{"not", start + 1})
		case strings.HasPrefix(expr[i:], "&&"):
			i += 2
			tokens = append(tokens, token{"and", start + 1})
		case strings.HasPrefix(expr[i:], "||"):
			i += 2
			tokens = append(tokens, token{"or", start + 1})
		case isWord(c):
			for i < len(expr) && isWord(expr[i]) {
				i++
			}
			tokens = append(tokens, token{expr[start:i], start + 1})
		default:
			return nil, &Error{start + 1, "unexpected " + quote(expr[i:i+1])}
		}
	}
	return append(tokens, token{"", len(expr) + 1}), nil
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == ':' || c == '/' || c == '-' || c == '_'
}
