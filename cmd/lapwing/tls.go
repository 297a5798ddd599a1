package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"lapwing/cmd/internal/publish"
)

// tlsConfig reads the files that a section names.
func tlsConfig(t *publish.TLS, section string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pool, err := certPool(t.CAFile, section+".ca_file")
		if err != nil {
			return nil, err
		}
		c.RootCAs = pool
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("%s.cert_file: %w", section, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func certPool(path, key string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: %s holds no certificate in PEM form", key, path)
	}
	return pool, nil
}
