// Package sensor is what both binaries share: where calls come from, who is
// who, and the sources opened from that.
package sensor

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lapwing/cmd/internal/config"
	"lapwing/parse"
	"lapwing/parse/exchange"
	"lapwing/parse/pseudonym"
)

// Config says where calls come from.
type Config struct {
	Name        string          `yaml:"name" doc:"name of this sensor, written into every call"`
	Interfaces  []string        `yaml:"interfaces" doc:"network interfaces to watch (needs CAP_NET_RAW)"`
	Filter      string          `yaml:"filter" doc:"capture filter, such as: tcp port 80 or tcp port 8080"`
	Rings       int             `yaml:"rings" doc:"capture rings for each interface, one thread each"`
	RingSize    config.Bytes    `yaml:"ring_size" doc:"memory of one capture ring"`
	Promisc     bool            `yaml:"promiscuous" doc:"see frames that are addressed to others"`
	Ports       []uint16        `yaml:"ports" doc:"only connections with one of these ports; empty: any, by content"`
	Logs        []Log           `yaml:"logs" doc:"access logs to follow"`
	HTTP        Receiver        `yaml:"http" doc:"receive log lines over HTTP"`
	LogLateness config.Duration `yaml:"log_lateness" doc:"how far behind its newest line a log may still bring calls; detection waits so long"`
	BodyBytes   config.Bytes    `yaml:"body_bytes" doc:"how much of each body is read for keys and identifiers"`
}

// Log is one set of logs to follow.
type Log struct {
	Paths    []string          `yaml:"paths" doc:"files or glob patterns"`
	Format   string            `yaml:"format" doc:"auto, a preset (combined, common, json, …) or the server's own format string"`
	Fields   map[string]string `yaml:"fields" doc:"for JSON lines: our field name to the log's key"`
	FromEnd  bool              `yaml:"from_end" doc:"at first sight, start at the end of the file"`
	Backfill bool              `yaml:"backfill" doc:"at first sight, read rotated and compressed siblings first"`
}

// Receiver is the HTTP receiver of log lines.
type Receiver struct {
	Listen    string        `yaml:"listen" doc:"address for POST /v1/logs; empty: off"`
	Format    string        `yaml:"format" doc:"format of the lines, as for followed logs"`
	Token     config.Secret `yaml:"token" doc:"senders must present it as a bearer token"`
	TokenFile string        `yaml:"token_file" doc:"file that holds the token"`
}

// Identity says who is who.
type Identity struct {
	TrustedProxies  []string `yaml:"trusted_proxies" doc:"networks whose forwarding and identity headers are believed"`
	ClientHeaders   []string `yaml:"client_headers" doc:"single-address headers of trusted proxies, asked first: X-Real-IP, CF-Connecting-IP"`
	IdentityHeaders []string `yaml:"identity_headers" doc:"headers by which a trusted gateway names the user; empty: the well-known ones"`
	SecretKeys      []string `yaml:"secret_keys" doc:"further names of fields and parameters whose values are secrets"`
	NameKeys        []string `yaml:"name_keys" doc:"further names of fields and parameters that name a person"`
	KeyFile         string   `yaml:"key_file" doc:"file with the deployment key (32 bytes); empty: made in the data directory"`
}

// Defaults watch nothing, and are fit to watch anything.
func Defaults() Config {
	return Config{Name: "local", Rings: 1, RingSize: 64 << 20, BodyBytes: 64 << 10, LogLateness: config.Duration(2 * time.Minute), HTTP: Receiver{Format: "auto"}}
}

// Validate says everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Name == "" || len(c.Name) > 64 || strings.ContainsAny(c.Name, " \t\n\"") {
		bad("sensor.name must be 1 to 64 characters without blanks or quotes (got %q)", c.Name)
	}
	if c.Rings < 1 || c.Rings > 64 {
		bad("sensor.rings must be between 1 and 64 (got %d)", c.Rings)
	}
	if c.RingSize < 2*minBlock || c.RingSize > 1<<30 {
		bad("sensor.ring_size must be between 256KiB and 1GiB (got %d bytes)", c.RingSize)
	}
	if c.BodyBytes < 0 || c.BodyBytes > 8<<20 {
		bad("sensor.body_bytes must be at most 8MiB (got %d bytes)", c.BodyBytes)
	}
	if c.LogLateness < 0 || c.LogLateness > config.Duration(24*time.Hour) {
		bad("sensor.log_lateness must be between 0s and 24h")
	}
	for i, l := range c.Logs {
		if len(l.Paths) == 0 {
			bad("sensor.logs[%d].paths is empty", i)
		}
		if len(l.Fields) > 0 && l.Format != "" && l.Format != "auto" && l.Format != "json" {
			bad("sensor.logs[%d].fields goes with format json only", i)
		}
	}
	return errors.Join(errs...)
}

// Validate says what is wrong.
func (i *Identity) Validate() error {
	if _, err := Prefixes(i.TrustedProxies); err != nil {
		return fmt.Errorf("identity.trusted_proxies: %w", err)
	}
	return nil
}

// Prefixes reads networks; a bare address is a network of one.
func Prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		s = strings.TrimSpace(s)
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", s)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// Parser is the configuration of reading, under the given key.
func Parser(c *Config, id *Identity, keys *pseudonym.Keyring) (parse.Config, error) {
	trusted, err := Prefixes(id.TrustedProxies)
	if err != nil {
		return parse.Config{}, err
	}
	body := int(c.BodyBytes)
	if body == 0 {
		body = -1
	}
	identity := id.IdentityHeaders
	if len(identity) == 0 {
		identity = nil // the well-known ones
	}
	return parse.Config{
		Sensor: c.Name, Ports: c.Ports, BodyBytes: body,
		Exchange: exchange.Config{
			Sensor: c.Name, Keyring: keys, TrustedProxies: trusted,
			ClientHeaders: id.ClientHeaders, IdentityHeaders: identity,
			SecretKeys: id.SecretKeys, NameKeys: id.NameKeys,
		},
	}, nil
}

// Key reads the deployment key that the configuration names, or the one in
// the directory data, which is made if there is none.
func (i *Identity) Key(data string) (*pseudonym.Keyring, error) {
	if i.KeyFile != "" {
		return pseudonym.Load(i.KeyFile)
	}
	path := filepath.Join(data, "key")
	keys, err := pseudonym.Create(path)
	if errors.Is(err, os.ErrExist) {
		return pseudonym.Load(path)
	}
	return keys, err
}
