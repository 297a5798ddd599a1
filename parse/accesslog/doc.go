// Package accesslog turns one line of an access log into an exchange.Raw.
//
// It knows the formats that web servers, proxies and load balancers write, and
// compiles the format strings their users write: nginx log_format, Apache
// LogFormat, Envoy's format strings, and JSON under any key names.
//
// Order: one line in, at most one exchange out; nothing is kept from line to
// line but the last second's date, the key order of the last JSON line and the
// #Fields of a W3C log. The same lines in the same order give the same result.
//
// Concurrency: a Format holds scratch space. Give every file its own and call
// Parse from one goroutine at a time.
//
// Loss: a line that is no access-log line of the format is an error wrapping
// ErrUnparsed; blank lines, comments and directives give ErrNoCall. A request
// that is no HTTP (TLS bytes sent to port 80, "-") is a call with flags, since
// somebody sent it.
//
// Limits: the length of a line is the caller's; headers, key paths and nesting
// are bounded here. Parse is linear in the line and allocates nothing once its
// scratch space has grown to the longest escaped line.
package accesslog
