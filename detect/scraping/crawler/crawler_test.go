package crawler

import "testing"

func TestDeclared(t *testing.T) {
	for agent, want := range map[string]bool{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":                               true,
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)": true,
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36":                false,
		"curl/8.5.0": false, "python-requests/2.31": false, "": false,
	} {
		if got := Declared(agent); got != want {
			t.Errorf("Declared(%q) = %v, want %v", agent, got, want)
		}
	}
}
