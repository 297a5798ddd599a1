package publish

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"lapwing/stream/https"
	"lapwing/stream/kafka"
	"lapwing/stream/spool"
)

// Client is the section as the client of Kafka takes it. It reads the files of
// certificates.
func (k *Kafka) Client() (kafka.Config, error) {
	cfg := kafka.Config{
		Brokers: k.Brokers, Prefix: k.Prefix, ClientID: k.ClientID, Partitions: k.Partitions, Replication: k.Replication,
		Retention: time.Duration(k.Retention), Compression: k.Compression,
		SASL: kafka.SASL{Mechanism: k.SASL.Mechanism, User: k.SASL.User, Password: k.SASL.Password.Reveal()},
	}
	if k.TLS.On() {
		var err error
		if cfg.TLS, err = kafka.LoadTLS(k.TLS.CAFile, k.TLS.CertFile, k.TLS.KeyFile, k.TLS.ServerName); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

// Sender returns a sender of records for the section.
func (h *HTTPS) Sender() (*https.Sender, error) {
	t, err := clientTLS(h.CAFile, h.CertFile, h.KeyFile)
	if err != nil {
		return nil, err
	}
	return https.NewSender(https.SenderConfig{URL: h.URL, Token: h.Token.Reveal(), TLS: t, Compression: h.Compression, Insecure: h.Insecure})
}

func clientTLS(caFile, certFile, keyFile string) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("publish.https.ca_file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("publish.https.ca_file: %s holds no certificate in PEM form", caFile)
		}
	}
	if certFile != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("publish.https.cert_file: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// Config is the section as the spool takes it.
func (s *Spool) Config(sensor string, keyMark uint32, partitions int, log *slog.Logger) spool.Config {
	c := spool.Config{Dir: s.Dir, Sensor: sensor, KeyMark: keyMark, Partitions: partitions, MaxBytes: int64(s.MaxBytes), Linger: time.Duration(s.Linger), Log: log}
	if !s.Sync {
		c.Sync = spool.SyncNone
	}
	return c
}

// A Publisher is a spool with its way out.
type Publisher struct {
	*spool.Spool
	To    string        // in words
	kafka *kafka.Client // nil over HTTPS
	ready bool          // the topics have been looked at
	log   *slog.Logger
}

// reach bounds how long a start waits for the other end.
const reach = 15 * time.Second

// Open opens the spool of the named sensor, whose key has the given mark, and looks once whether Kafka can
// be used. Brokers that cannot be reached are weather: the spool bridges it.
// Brokers that refuse us, and topics that do not fit, are an error.
func Open(ctx context.Context, c *Config, sensor string, keyMark uint32, log *slog.Logger) (*Publisher, error) {
	if c.Spool.Dir == "" {
		return nil, errors.New("publish.spool.dir must name a directory: calls wait there while nobody takes them")
	}
	p := &Publisher{log: log}
	if c.HTTPS.URL != "" {
		sender, err := c.HTTPS.Sender()
		if err != nil {
			return nil, fmt.Errorf("publish.https: %w", err)
		}
		p.To, p.ready = c.HTTPS.URL, true
		p.Spool, err = spool.Open(c.Spool.Config(sensor, keyMark, 1, log), sender)
		return p, err
	}
	cfg, err := c.Kafka.Client()
	if err != nil {
		return nil, err
	}
	cfg.Log = log
	if p.kafka, err = kafka.New(cfg); err != nil {
		return nil, err
	}
	p.To = fmt.Sprintf("kafka %v, topic %s", c.Kafka.Brokers, p.kafka.Topics().Calls)
	if err := p.look(ctx); err != nil {
		p.kafka.Close()
		return nil, err
	}
	p.Spool, err = spool.Open(c.Spool.Config(sensor, keyMark, p.kafka.Partitions(), log), p.kafka.Sender())
	if err != nil {
		p.kafka.Close()
	}
	return p, err
}

// look checks brokers and topics.
func (p *Publisher) look(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, reach)
	defer cancel()
	err := p.kafka.Check(bounded)
	if err == nil {
		if err = p.kafka.Ensure(bounded); err == nil {
			p.ready = true
			return nil
		}
		if bounded.Err() == nil {
			return err
		}
	}
	if refused(err) {
		return err
	}
	p.log.Warn("Kafka is out of reach: calls wait in the spool", "error", err)
	return nil
}

// refused reports whether somebody answered, and will not have us: waiting
// does not mend that.
func refused(err error) bool {
	var (
		code    kafkago.Error
		verify  *tls.CertificateVerificationError
		head    tls.RecordHeaderError
		remote  *net.OpError
		unknown x509.UnknownAuthorityError
	)
	if errors.As(err, &code) {
		return !code.Temporary()
	}
	return errors.As(err, &verify) || errors.As(err, &head) || errors.As(err, &remote) && remote.Op == "remote error" || errors.As(err, &unknown)
}

// Run ships what is in the spool until ctx ends, or the spool is closed and
// everything is shipped.
func (p *Publisher) Run(ctx context.Context) error {
	for pause := time.Second; !p.ready; pause = min(2*pause, 30*time.Second) {
		// Topics that a broker makes by itself would have another number of
		// partitions: nothing is sent before they are there.
		if err := p.kafka.Ensure(ctx); err == nil {
			p.ready = true
			break
		} else if ctx.Err() == nil {
			p.log.Error("the topics cannot be used yet: calls wait in the spool", "error", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
	return p.Spool.Run(ctx)
}

// Kafka returns what was sent to Kafka; false over HTTPS.
func (p *Publisher) Kafka() (kafka.Stats, bool) {
	if p.kafka == nil {
		return kafka.Stats{}, false
	}
	return p.kafka.Stats(), true
}

// Release gives everything back, after Close and after Run has returned.
func (p *Publisher) Release() error {
	err := p.Spool.Release()
	if p.kafka != nil {
		p.kafka.Close()
	}
	return err
}
