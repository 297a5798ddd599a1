// Package post sends one HTTP request on behalf of a destination and says what
// its answer means for retrying.
//
// Promises: no URL, header or body of the request is in an error, since each
// may be a secret; redirects are not followed, since they would carry the
// secret elsewhere; at most 4 KiB of an answer are read. 2xx is success; 408,
// 425, 429, 5xx and everything that went wrong on the way may be tried again,
// honouring Retry-After; every other status is final.
package post

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lapwing/alerting"
)

const maxAnswer = 4 << 10

// A Client sends requests. The zero value is ready.
type Client struct {
	HTTP *http.Client     // default: one without redirects, with sane limits
	Now  func() time.Time // for Retry-After as a date; default time.Now
}

var standard = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 25 * time.Second,
		IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 1, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
	},
}

// JSON posts body to target with the extra header fields and returns the
// beginning of the answer's body.
func (c Client) JSON(ctx context.Context, target string, body []byte, header map[string]string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, alerting.Permanent(errors.New("the URL is malformed"))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "lapwing")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	client := c.HTTP
	if client == nil {
		client = standard
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, bare(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		if err != nil {
			return nil, bare(err)
		}
		return answer, nil
	}
	fault := fmt.Errorf("answered %d %s: %s", resp.StatusCode, http.StatusText(resp.StatusCode), alerting.Cut(alerting.Plain(strings.TrimSpace(string(answer))), 200))
	switch code := resp.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return answer, alerting.RetryAfter(fault, c.delay(resp.Header.Get("Retry-After")))
	}
	return answer, alerting.Permanent(fault)
}

// bare takes the URL, which often is the secret, out of an error of net/http.
func bare(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("request failed: %w", err)
}

// delay reads Retry-After, RFC 9110 §10.2.3.
func (c Client) delay(v string) time.Duration {
	if s, err := strconv.ParseUint(strings.TrimSpace(v), 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	return max(0, at.Sub(now()))
}
