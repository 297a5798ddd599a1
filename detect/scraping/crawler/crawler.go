// Package crawler tells which clients say that they are a crawler. The claim
// is unverified: it may lower a severity, never clear a suspicion.
package crawler

import "strings"

// names are the tokens by which the operators of search engines, archives, AI
// crawlers and link previews ask to be recognised, lower case.
var names = [...]string{
	"googlebot", "google-extended", "googleother", "bingbot", "bingpreview", "slurp", "duckduckbot", "duckassistbot",
	"baiduspider", "yandexbot", "yandeximages", "sogou", "seznambot", "petalbot", "applebot", "amazonbot", "bytespider",
	"gptbot", "chatgpt-user", "oai-searchbot", "claudebot", "claude-searchbot", "anthropic-ai", "ccbot", "perplexitybot", "meta-externalagent",
	"facebookexternalhit", "twitterbot", "linkedinbot", "pinterestbot", "slackbot", "telegrambot", "whatsapp", "discordbot",
	"ia_archiver", "archive.org_bot", "ahrefsbot", "semrushbot", "mj12bot", "dotbot", "mojeekbot", "qwantbot", "exabot", "naverbot", "yeti/",
	"uptimerobot", "pingdom", "statuscake", "site24x7",
}

// Declared reports whether a User-Agent names a known crawler or monitor.
func Declared(userAgent string) bool {
	if len(userAgent) < 5 {
		return false
	}
	if len(userAgent) > 512 { // no operator's name stands further back
		userAgent = userAgent[:512]
	}
	lower := strings.ToLower(userAgent)
	for _, n := range names {
		if strings.Contains(lower, n) {
			return true
		}
	}
	return false
}
