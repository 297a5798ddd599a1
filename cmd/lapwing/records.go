package main

import (
	"errors"
	"fmt"
	"net"

	"lapwing/cmd/internal/config"
)

// RecordsConfig is the receiver of other sensors' records.
type RecordsConfig struct {
	Listen    string        `yaml:"listen" doc:"address for POST /v1/records; empty: off"`
	Token     config.Secret `yaml:"token" doc:"sensors must present it as a bearer token"`
	TokenFile string        `yaml:"token_file" doc:"file that holds the token"`
	CertFile  string        `yaml:"cert_file" doc:"certificate (PEM) of this receiver"`
	KeyFile   string        `yaml:"key_file" doc:"key of the certificate (PEM)"`
	ClientCA  string        `yaml:"client_ca_file" doc:"certificates (PEM) that may sign the sensors': sensors must show one"`
	Insecure  bool          `yaml:"insecure" doc:"listen without TLS on an address that others can reach"`
}

func (r *RecordsConfig) validate() error {
	if r.Listen == "" {
		return nil
	}
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("sensor.records."+format, args...)) }
	host, _, err := net.SplitHostPort(r.Listen)
	if err != nil {
		bad("listen: %q is no address such as 0.0.0.0:8473", r.Listen)
	}
	tls := r.CertFile != "" || r.KeyFile != ""
	switch {
	case (r.CertFile == "") != (r.KeyFile == ""):
		bad("cert_file and key_file go together")
	case !tls && r.ClientCA != "":
		bad("client_ca_file needs cert_file and key_file: without TLS nobody shows a certificate")
	case !tls && !r.Insecure && !loopback(host):
		bad("listen: %q can be reached by others, and without cert_file calls and token could be read on the way; give a certificate, or say insecure: true", r.Listen)
	}
	if r.Token == "" && r.ClientCA == "" && !loopback(host) {
		bad("listen: %q can be reached by others, and anybody could send calls; give token_file or client_ca_file", r.Listen)
	}
	return errors.Join(errs...)
}

// loopback reports whether a host is this machine alone.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
