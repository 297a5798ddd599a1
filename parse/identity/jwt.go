package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
)

const (
	// maxTokenBytes bounds a token that is decoded; servers refuse headers
	// beyond 8 to 16 KiB.
	maxTokenBytes = 16 << 10
	// maxClaimBytes bounds a claim that names someone.
	maxClaimBytes = 256
)

// Claims are what a JSON Web Token (RFC 7519) says, unverified.
type Claims struct {
	User     string // who, by the first of sub, user_id, uid, preferred_username, email, oid, client_id, azp
	Tenant   string
	Machine  bool // User is a program: client_id or azp
	Unsigned bool // alg is none or missing
}

// The order in which claims name a user.
var userClaims = [...]string{"sub", "user_id", "uid", "preferred_username", "email", "oid", "userId", "username", "cognito:username", "user_name", "upn"}

var machineClaims = [...]string{"client_id", "azp", "appid", "clientId", "cid"}

var tenantClaims = [...]string{"tenant", "tenant_id", "tid", "org", "org_id", "organization", "organization_id", "tenantId", "orgId", "custom:tenant_id",
	"account_id", "company_id", "workspace_id", "team_id"}

// JWT decodes header and payload of a token in compact form; ok is false if
// they are no JSON objects.
func JWT(token []byte) (c Claims, ok bool) {
	if len(token) > maxTokenBytes {
		return c, false
	}
	head, rest, found := bytes.Cut(token, []byte("."))
	payload, signature, more := bytes.Cut(rest, []byte("."))
	if !found || !more {
		return c, false
	}
	var header struct {
		Alg *string `json:"alg"`
	}
	text, err := decode64(head)
	if err != nil || json.Unmarshal(text, &header) != nil {
		return c, false
	}
	c.Unsigned = header.Alg == nil || *header.Alg == "" || strings.EqualFold(*header.Alg, "none") || len(signature) == 0
	if text, err = decode64(payload); err != nil {
		return c, false
	}
	var claims map[string]json.RawMessage
	if json.Unmarshal(text, &claims) != nil {
		return c, false
	}
	if c.User = first(claims, userClaims[:]); c.User == "" {
		c.User = first(claims, machineClaims[:])
		c.Machine = c.User != ""
	}
	c.Tenant = first(claims, tenantClaims[:])
	return c, true
}

func decode64(b []byte) ([]byte, error) {
	b = bytes.TrimRight(b, "=")
	return base64.RawURLEncoding.AppendDecode(make([]byte, 0, len(b)), b)
}

// first returns the first claim that is a short string or number.
func first(claims map[string]json.RawMessage, names []string) string {
	for _, n := range names {
		raw := claims[n]
		if len(raw) == 0 || len(raw) > maxClaimBytes {
			continue
		}
		if raw[0] == '"' {
			var s string
			if json.Unmarshal(raw, &s) == nil && s != "" {
				return s
			}
		} else if raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' {
			return string(raw)
		}
	}
	return ""
}
