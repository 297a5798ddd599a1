package https

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"

	"lapwing/stream/spool"
)

// Path is where records are posted to.
const Path = "/v1/records"

// ContentType is that of a wire.Record.
const ContentType = "application/vnd.lapwing.record"

const (
	// slow is how long a sender waits after an answer that only a person can mend.
	slow = 30 * time.Second
	// maxAsked bounds what Retry-After may ask for.
	maxAsked = 5 * time.Minute
	// maxAnswer is how much of an answer is read.
	maxAnswer = 64 << 10
)

// SenderConfig says where records go.
type SenderConfig struct {
	URL         string // https://host:port; Path is added
	Token       string // bearer token; "" sends none
	TLS         *tls.Config
	Compression string        // none, gzip or zstd; "" is zstd
	Insecure    bool          // allow plain http to other hosts
	Timeout     time.Duration // of one request; 60 s
}

// A Sender is a spool.Sender that posts records.
type Sender struct {
	cfg    SenderConfig
	url    string
	client *http.Client
	zstd   *zstd.Encoder
	buf    bytes.Buffer
	packed []byte
}

var _ spool.Sender = (*Sender)(nil)

// NewSender checks the configuration. It reaches for nobody.
func NewSender(cfg SenderConfig) (*Sender, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address such as https://lapwing.example:8473", cfg.URL)
	}
	if u.Scheme == "http" && !cfg.Insecure && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("%s would show calls and token to everybody on the way: use https, or say insecure: true", u.Redacted())
	}
	if !strings.HasSuffix(u.Path, Path) {
		u = u.JoinPath(Path)
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = time.Minute
	}
	s := &Sender{cfg: cfg, url: u.String()}
	s.client = &http.Client{
		Timeout: cfg.Timeout,
		Transport: &http.Transport{
			// One request is under way at a time: HTTP/2 would add nothing but
			// errors that hide what TLS said.
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: cfg.TLS, DisableCompression: true,
			DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 90 * time.Second,
		},
		// A redirect could lead records and token to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	switch cfg.Compression {
	case "", "zstd":
		if s.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true)); err != nil {
			return nil, err
		}
	case "none", "gzip":
	default:
		return nil, fmt.Errorf("compression must be none, gzip or zstd (got %q)", cfg.Compression)
	}
	return s, nil
}

// loopback reports whether a host is this one, without asking DNS.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send implements spool.Sender.
func (s *Sender) Send(ctx context.Context, recs []spool.Packed) error {
	for i := range recs {
		err := s.post(ctx, recs[i].Value)
		if err == nil {
			continue
		}
		var refused *refusal
		if errors.As(err, &refused) {
			return &spool.Rejection{Index: i, Reason: refused.reason}
		}
		if i > 0 {
			return &spool.Partial{Sent: i, Err: err}
		}
		return err
	}
	return nil
}

// A refusal says that one record is refused for ever.
type refusal struct{ reason string }

func (r *refusal) Error() string { return r.reason }

func (s *Sender) post(ctx context.Context, value []byte) error {
	body, coding, err := s.compress(value)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", ContentType)
	req.Header.Set("User-Agent", "lapwing-sensor")
	if coding != "" {
		req.Header.Set("Content-Encoding", coding)
	}
	if s.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.cfg.Token)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return s.explain(err)
	}
	defer resp.Body.Close()
	answered, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return s.explain(fmt.Errorf("%s: reading the answer: %w", s.url, err))
	}
	return s.judge(resp, answered)
}

// judge turns an answer into what the spool is to do.
func (s *Sender) judge(resp *http.Response, body []byte) error {
	reason := reasonOf(body)
	say := func(format string, args ...any) error {
		text := fmt.Sprintf(s.url+" "+format, args...)
		if reason != "" {
			text += ": " + reason
		}
		return errors.New(text)
	}
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		return nil
	case code == http.StatusUnprocessableEntity:
		return &refusal{reason}
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500:
		err := say("cannot store records now (%d)", code)
		if after := retryAfter(resp.Header.Get("Retry-After")); after > 0 {
			return &spool.Pause{Err: err, After: after}
		}
		return err
	case code == http.StatusUnauthorized:
		return &spool.Pause{Err: say("refuses the token (401): check token or token_file on both sides"), After: slow}
	case code == http.StatusForbidden:
		return &spool.Pause{Err: say("refuses this sensor (403): check its certificate and the receiver's client_ca"), After: slow}
	case code == http.StatusNotFound || code == http.StatusMethodNotAllowed:
		return &spool.Pause{Err: say("takes no records (%d): check the address, and that the receiver of records is switched on there", code), After: slow}
	case code >= 300 && code < 400:
		return &spool.Pause{Err: say("redirects (%d) to %q: give the final address", code, resp.Header.Get("Location")), After: slow}
	default:
		return &spool.Pause{Err: say("refuses records (%d)", code), After: slow}
	}
}

// explain says what to do about an error of the connection.
func (s *Sender) explain(err error) error {
	var verify *tls.CertificateVerificationError
	var head tls.RecordHeaderError
	var remote *net.OpError
	switch {
	case errors.As(err, &verify):
		return &spool.Pause{Err: fmt.Errorf("the receiver's certificate is not accepted: check ca_file and the host name in the url: %w", err), After: slow}
	case errors.As(err, &head):
		return &spool.Pause{Err: fmt.Errorf("the receiver does not answer in TLS: check the port, or the scheme of the url: %w", err), After: slow}
	case strings.HasPrefix(s.url, "http://") && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)):
		// So a receiver hangs up that wants TLS. The addresses in the error differ
		// each time: without them it is one complaint, not many.
		return &spool.Pause{Err: fmt.Errorf("%s closes the connection before it answers: if the receiver speaks TLS, begin the url with https://", s.url), After: slow}
	case errors.As(err, &remote) && remote.Op == "remote error": // so crypto/tls calls an alert
		return &spool.Pause{Err: fmt.Errorf("the receiver refuses the TLS connection: it may want a client certificate that it trusts (cert_file, key_file): %w", err), After: slow}
	}
	return err
}

// compress returns the body and its content coding.
func (s *Sender) compress(value []byte) ([]byte, string, error) {
	switch {
	case s.zstd != nil:
		s.packed = s.zstd.EncodeAll(value, s.packed[:0])
		return s.packed, "zstd", nil
	case s.cfg.Compression == "gzip":
		s.buf.Reset()
		w := gzip.NewWriter(&s.buf)
		if _, err := w.Write(value); err != nil {
			return nil, "", err
		}
		if err := w.Close(); err != nil {
			return nil, "", err
		}
		return s.buf.Bytes(), "gzip", nil
	}
	return value, "", nil
}

// retryAfter reads RFC 9110 §10.2.3, seconds or a date; 0 if there is none.
func retryAfter(h string) time.Duration {
	if n, err := strconv.Atoi(h); err == nil && n > 0 {
		return min(time.Duration(n)*time.Second, maxAsked)
	}
	if at, err := http.ParseTime(h); err == nil {
		return min(max(time.Until(at), 0), maxAsked)
	}
	return 0
}

// reasonOf is what an answer gives as its reason; it comes from elsewhere, and
// is cut to one short printable line.
func reasonOf(body []byte) string {
	var a Answer
	if json.Unmarshal(body, &a) != nil {
		return ""
	}
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, a.Error)
	return clean[:min(len(clean), 300)]
}
