// Package examples carries the bundled sample: a recording of a shop's API
// with four attacks in it, and the shop's OpenAPI document. See README.md.
package examples

import "embed"

// Files holds Capture and Spec.
//
//go:embed shop.pcap.gz shop.openapi.yaml
var Files embed.FS

// Names within Files.
const (
	Capture = "shop.pcap.gz"
	Spec    = "shop.openapi.yaml"
)
