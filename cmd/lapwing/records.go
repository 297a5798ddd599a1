package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"lapwing/cmd/internal/config"
	"lapwing/cmd/internal/supervise"
	"lapwing/stream"
	"lapwing/stream/https"
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
	host, _, _ := net.SplitHostPort(r.Listen) // CheckListen says what is wrong with it
	tls := r.CertFile != "" || r.KeyFile != ""
	switch {
	case (r.CertFile == "") != (r.KeyFile == ""):
		bad("cert_file and key_file go together")
	case !tls && r.ClientCA != "":
		bad("client_ca_file needs cert_file and key_file: without TLS nobody shows a certificate")
	}
	if err := https.CheckListen(r.Listen, tls, r.Insecure); err != nil {
		bad("listen: %w", err)
	}
	if r.Token == "" && r.ClientCA == "" && !loopback(host) {
		bad("listen: %q can be reached by others, and anybody could send calls; give token_file or client_ca_file", r.Listen)
	}
	return errors.Join(errs...)
}

// A recordsReceiver takes the records of other sensors. It is opened before it
// runs, so that what is wrong with address or files is said at the start.
type recordsReceiver struct {
	*https.Receiver
	listener  net.Listener
	address   string // for people
	encrypted *tls.Config
}

// openRecords opens the receiver; nil if none is configured. resume is the
// progress that was stored.
func openRecords(c *RecordsConfig, pub stream.Publisher, resume map[string]int64, log *slog.Logger) (*recordsReceiver, error) {
	if c.Listen == "" {
		return nil, nil
	}
	r := &recordsReceiver{Receiver: &https.Receiver{Pub: pub, Resume: resume, Token: c.Token.Reveal(), Log: log}}
	scheme := "http"
	if c.CertFile != "" {
		scheme = "https"
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("sensor.records.cert_file: %w", err)
		}
		r.encrypted = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
		if c.ClientCA != "" {
			if r.encrypted.ClientCAs, err = certPool(c.ClientCA, "sensor.records.client_ca_file"); err != nil {
				return nil, err
			}
			r.encrypted.ClientAuth = tls.RequireAndVerifyClientCert
		}
	}
	var err error
	if r.listener, err = net.Listen("tcp", c.Listen); err != nil {
		return nil, fmt.Errorf("sensor.records: %w", err)
	}
	r.address = fmt.Sprintf("POST %s://%s%s", scheme, r.listener.Addr(), https.Path)
	return r, nil
}

// Run listens until ctx ends. Requests under way are answered before the
// sources of the sensors are retired. It runs once: a listener that fails is
// the end of the process.
func (r *recordsReceiver) Run(ctx context.Context) error {
	server := &http.Server{
		Handler: r.Handler(), TLSConfig: r.encrypted, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		// Handshakes that fail are anybody's: scanners, probes of balancers.
		ErrorLog: slog.NewLogLogger(r.Log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() {
		if r.encrypted != nil {
			failed <- server.ServeTLS(r.listener, "", "")
		} else {
			failed <- server.Serve(r.listener)
		}
	}()
	retiring, retire := context.WithCancel(context.WithoutCancel(ctx))
	defer retire()
	retired := make(chan error, 1)
	go func() { retired <- r.Receiver.Run(retiring) }()
	select {
	case err := <-failed:
		return supervise.Fatal(fmt.Errorf("receive records: %w", err))
	case err := <-retired:
		return supervise.Fatal(fmt.Errorf("receive records: %w", errors.Join(err, server.Close())))
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(retiring, 5*time.Second)
	defer cancel()
	err := server.Shutdown(bounded)
	if err != nil {
		err = server.Close() // who had no answer sends again
	}
	retire()
	return errors.Join(err, <-retired)
}

// loopback reports whether a host is this machine alone.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
