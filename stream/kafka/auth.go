package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// A DialFunc opens a connection, as net.Dialer.DialContext does.
type DialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// LoadTLS makes a TLS configuration from PEM files. Without caFile the
// system's certificates are trusted; without certFile no certificate is shown;
// without serverName the host of each broker's address is expected.
func LoadTLS(caFile, certFile, keyFile, serverName string) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: serverName}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("kafka: reading the certificates to trust: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka: %s holds no certificate in PEM form", caFile)
		}
	}
	if certFile != "" || keyFile != "" {
		cert, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("kafka: reading the own certificate: %w", err)
		}
		t.Certificates = []tls.Certificate{cert}
	}
	return t, nil
}

// mechanism returns nil for the zero value.
func (s *SASL) mechanism() (sasl.Mechanism, error) {
	switch strings.ToLower(s.Mechanism) {
	case "":
		if s.User != "" {
			return nil, fmt.Errorf("kafka: a user is given without a SASL mechanism: plain, scram-sha-256 or scram-sha-512")
		}
		return nil, nil
	case "plain":
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case "scram-sha-256":
		return scramMechanism(scram.SHA256, s)
	case "scram-sha-512":
		return scramMechanism(scram.SHA512, s)
	}
	return nil, fmt.Errorf("kafka: the SASL mechanism must be plain, scram-sha-256 or scram-sha-512 (got %q)", s.Mechanism)
}

func scramMechanism(algo scram.Algorithm, s *SASL) (sasl.Mechanism, error) {
	m, err := scram.Mechanism(algo, s.User, s.Password)
	if err != nil {
		return nil, fmt.Errorf("kafka: preparing the SASL credentials (RFC 5802): %w", err)
	}
	return m, nil
}
