// Package publish is where a sensor's calls go, as both binaries configure it:
// to Kafka, or over HTTPS to a `lapwing run`, in both cases through a bounded
// log on the own disk that bridges the time in which nobody takes them.
package publish

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"lapwing/cmd/internal/config"
)

// Config is the section publish.
type Config struct {
	Kafka Kafka `yaml:"kafka" doc:"publish to Kafka"`
	HTTPS HTTPS `yaml:"https" doc:"publish over HTTPS to a lapwing that has no Kafka"`
	Spool Spool `yaml:"spool" doc:"the log on disk that calls wait in until they are taken"`
}

// Kafka says how Kafka is reached, and how the topics are made.
type Kafka struct {
	Brokers     []string        `yaml:"brokers" doc:"addresses to begin with, as kafka-1:9092; empty: no Kafka"`
	Prefix      string          `yaml:"prefix" doc:"what the names of all topics and groups begin with: lapwing gives lapwing.calls"`
	ClientID    string          `yaml:"client_id" doc:"name of this client in the brokers' logs and quotas"`
	Partitions  int             `yaml:"partitions" doc:"partitions of the calls topic: 1, 2, 4 … 256"`
	Replication int             `yaml:"replication" doc:"copies of each partition, for topics that are made; 0: the brokers' default"`
	Retention   config.Duration `yaml:"retention" doc:"how long the calls topic keeps calls, if it is made; 0: the brokers' default"`
	Compression string          `yaml:"compression" doc:"none, snappy, lz4, zstd or gzip"`
	TLS         TLS             `yaml:"tls" doc:"encryption towards the brokers"`
	SASL        SASL            `yaml:"sasl" doc:"credentials for the brokers"`
}

// TLS says how the other end is known, and how we are.
type TLS struct {
	Enabled    bool   `yaml:"enabled" doc:"encrypt; a file below switches it on too"`
	CAFile     string `yaml:"ca_file" doc:"certificates (PEM) that may sign the other end's; empty: the system's"`
	CertFile   string `yaml:"cert_file" doc:"own certificate (PEM), for mutual TLS"`
	KeyFile    string `yaml:"key_file" doc:"key of the own certificate (PEM)"`
	ServerName string `yaml:"server_name" doc:"name to expect in the certificate; empty: the host of the address"`
}

// On reports whether anything asks for encryption.
func (t *TLS) On() bool {
	return t.Enabled || t.CAFile != "" || t.CertFile != "" || t.KeyFile != "" || t.ServerName != ""
}

// SASL are credentials.
type SASL struct {
	Mechanism    string        `yaml:"mechanism" doc:"plain, scram-sha-256 or scram-sha-512; empty: none"`
	User         string        `yaml:"user" doc:"user name"`
	Password     config.Secret `yaml:"password" doc:"password"`
	PasswordFile string        `yaml:"password_file" doc:"file that holds the password"`
}

// HTTPS says where records are posted to.
type HTTPS struct {
	URL         string        `yaml:"url" doc:"where to, as https://lapwing.example:8473 (the path /v1/records is added); empty: off"`
	Token       config.Secret `yaml:"token" doc:"bearer token to present"`
	TokenFile   string        `yaml:"token_file" doc:"file that holds the token"`
	CAFile      string        `yaml:"ca_file" doc:"certificates (PEM) that may sign the receiver's; empty: the system's"`
	CertFile    string        `yaml:"cert_file" doc:"own certificate (PEM), for mutual TLS"`
	KeyFile     string        `yaml:"key_file" doc:"key of the own certificate (PEM)"`
	Compression string        `yaml:"compression" doc:"none, gzip or zstd"`
	Insecure    bool          `yaml:"insecure" doc:"allow plain http to a host other than this one: calls and token can be read on the way"`
}

// Spool bounds the log on disk.
type Spool struct {
	Dir      string          `yaml:"dir" doc:"directory of the log; one sensor each"`
	MaxBytes config.Bytes    `yaml:"max_bytes" doc:"room on disk; beyond it followed logs wait and calls from packets are dropped and counted"`
	Linger   config.Duration `yaml:"linger" doc:"how long calls are collected to be packed together"`
	Sync     bool            `yaml:"sync" doc:"wait for the disk before a followed log counts as read; false survives a killed process, not a power failure"`
}

// Defaults publish nowhere, and are fit for anywhere.
func Defaults() Config {
	return Config{
		Kafka: KafkaDefaults(),
		HTTPS: HTTPS{Compression: "zstd"},
		Spool: Spool{MaxBytes: 1 << 30, Linger: config.Duration(200 * time.Millisecond), Sync: true},
	}
}

// KafkaDefaults name no brokers.
func KafkaDefaults() Kafka {
	return Kafka{Prefix: "lapwing", ClientID: "lapwing", Partitions: 16, Compression: "zstd", Retention: config.Duration(7 * 24 * time.Hour)}
}

// On reports whether calls are to be published at all.
func (c *Config) On() bool { return c.Kafka.On() || c.HTTPS.URL != "" }

// On reports whether there is a Kafka.
func (k *Kafka) On() bool { return len(k.Brokers) > 0 }

// Validate says everything that is wrong, with keys as they stand in section.
func (c *Config) Validate(section string) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(section+"."+format, args...)) }
	if c.Kafka.On() && c.HTTPS.URL != "" {
		bad("kafka.brokers and %s.https.url are both given: calls go one way", section)
	}
	if c.Spool.MaxBytes < 8<<20 {
		bad("spool.max_bytes must be at least 8MiB (got %d bytes)", c.Spool.MaxBytes)
	}
	if c.Spool.Linger < config.Duration(time.Millisecond) || c.Spool.Linger > config.Duration(900*time.Millisecond) {
		bad("spool.linger must be between 1ms and 900ms: sources tell their time once a second")
	}
	return errors.Join(append(errs, c.Kafka.Validate(section+".kafka"), c.HTTPS.validate(section+".https"))...)
}

// Validate says everything that is wrong, with keys as they stand in section.
func (k *Kafka) Validate(section string) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(section+"."+format, args...)) }
	for _, b := range k.Brokers {
		if _, port, err := net.SplitHostPort(b); err != nil || port == "" {
			bad("brokers: %q is no address such as kafka-1:9092", b)
		}
	}
	if k.Prefix == "" || len(k.Prefix) > 100 || strings.Trim(k.Prefix, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
		bad("prefix must be 1 to 100 letters, digits, dots, dashes or underscores (got %q)", k.Prefix)
	}
	if k.Partitions < 1 || k.Partitions > 256 || 256%k.Partitions != 0 {
		bad("partitions must divide 256: 1, 2, 4, 8, 16, 32, 64, 128 or 256 (got %d)", k.Partitions)
	}
	if k.Replication < 0 || k.Replication > 15 {
		bad("replication must be between 0 and 15 (got %d)", k.Replication)
	}
	if k.Retention < 0 {
		bad("retention must not be negative")
	}
	switch k.Compression {
	case "", "none", "snappy", "lz4", "zstd", "gzip":
	default:
		bad("compression must be none, snappy, lz4, zstd or gzip (got %q)", k.Compression)
	}
	if (k.TLS.CertFile == "") != (k.TLS.KeyFile == "") {
		bad("tls.cert_file and tls.key_file go together")
	}
	switch k.SASL.Mechanism {
	case "":
		if k.SASL.User != "" || k.SASL.Password != "" {
			bad("sasl.mechanism is missing beside the user: plain, scram-sha-256 or scram-sha-512")
		}
	case "plain", "scram-sha-256", "scram-sha-512":
		if k.SASL.User == "" || k.SASL.Password == "" {
			bad("sasl.user and sasl.password (or sasl.password_file) are needed for %s", k.SASL.Mechanism)
		}
	default:
		bad("sasl.mechanism must be plain, scram-sha-256 or scram-sha-512 (got %q)", k.SASL.Mechanism)
	}
	return errors.Join(errs...)
}

func (h *HTTPS) validate(section string) error {
	if h.URL == "" {
		return nil
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(section+"."+format, args...)) }
	u, err := url.Parse(h.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		bad("url must be as https://lapwing.example:8473 (got %q)", h.URL)
	case u.User != nil:
		bad("url must not hold credentials: use token_file")
	}
	if (h.CertFile == "") != (h.KeyFile == "") {
		bad("cert_file and key_file go together")
	}
	switch h.Compression {
	case "", "none", "gzip", "zstd":
	default:
		bad("compression must be none, gzip or zstd (got %q)", h.Compression)
	}
	return errors.Join(errs...)
}
