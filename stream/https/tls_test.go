package https

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lapwing/stream/spool"
)

// An authority signs certificates for one test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) issue() tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "edge"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	key := newKey(a.t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func TestMutualTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	k := &keeper{}
	server := httptest.NewUnstartedServer((&Receiver{Pub: k}).Handler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ours.issue()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.pool()}
	server.StartTLS()
	defer server.Close()
	for name, test := range map[string]struct {
		tls  *tls.Config
		want string // "": stored
	}{
		"known both ways":     {&tls.Config{RootCAs: ours.pool(), Certificates: []tls.Certificate{ours.issue()}}, ""},
		"no certificate":      {&tls.Config{RootCAs: ours.pool()}, "certificate"},
		"another authority's": {&tls.Config{RootCAs: ours.pool(), Certificates: []tls.Certificate{theirs.issue()}}, "certificate"},
		"unknown receiver":    {&tls.Config{RootCAs: theirs.pool(), Certificates: []tls.Certificate{ours.issue()}}, "check ca_file"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := NewSender(SenderConfig{URL: server.URL, TLS: test.tls})
			if err != nil {
				t.Fatal(err)
			}
			before := len(k.calls)
			err = s.Send(t.Context(), packed(record(uint64(before)+7, 1, 1)))
			if test.want == "" {
				if err != nil || len(k.calls) != before+1 {
					t.Fatalf("not stored: %v", err)
				}
				return
			}
			// Where the alert loses the race against the end of the connection,
			// the error is another one, and the next attempt tells.
			var pause *spool.Pause
			for range 20 {
				if errors.As(err, &pause) {
					break
				}
				err = s.Send(t.Context(), packed(record(uint64(before)+7, 1, 1)))
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !errors.As(err, &pause) || len(k.calls) != before {
				t.Errorf("error %v (%T): wanted one about %q that is tried again slowly", err, err, test.want)
			}
		})
	}
}

// A receiver that wants TLS hangs up on plain text: one complaint that says so,
// the same each time.
func TestPlainTextToAReceiverThatHangsUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 16))
			_ = c.(*net.TCPConn).SetLinger(0) // a reset
			_ = c.Close()
		}
	}()
	s, err := NewSender(SenderConfig{URL: "http://" + l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for range 3 {
		err := s.Send(t.Context(), []spool.Packed{{Value: make([]byte, 1<<20)}})
		var pause *spool.Pause
		if !errors.As(err, &pause) || !strings.Contains(err.Error(), "https://") {
			t.Fatalf("%v: want to be told to use https", err)
		}
		said[err.Error()] = true
	}
	if len(said) != 1 {
		t.Errorf("%d different complaints: %v", len(said), said)
	}
}
