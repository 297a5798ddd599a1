package identity

// UserHeaders are the names by which gateways tell who the user is; they count
// from trusted peers only.
var userHeaders = []string{"X-User-Id", "X-Authenticated-User", "X-Authenticated-Userid", "X-Consumer-Username", "X-Consumer-Custom-Id", "X-Forwarded-User",
	"X-Auth-Request-User", "X-Auth-Request-Email", "X-Forwarded-Email", "X-Remote-User", "Remote-User", "X-Goog-Authenticated-User-Email", "X-Ms-Client-Principal-Name",
	"X-Amzn-Oidc-Identity", "Cf-Access-Authenticated-User-Email", "X-Webauth-User"}

// UserHeaders returns the well-known identity headers, in order of preference.
func UserHeaders() []string { return append([]string(nil), userHeaders...) }
