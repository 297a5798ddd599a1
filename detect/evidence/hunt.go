package evidence

import "fmt"

// HuntHost is the part of a hunt that names the host, if it is known.
func HuntHost(host string) string {
	if host == "" {
		return ""
	}
	return fmt.Sprintf(" host:%q", host)
}
