// Package webhook posts notifications as JSON to any URL.
//
// With a secret, requests are signed as Standard Webhooks describes
// (https://www.standardwebhooks.com): webhook-id, the same on every retry,
// webhook-timestamp and webhook-signature, HMAC-SHA256 over id.timestamp.body.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lapwing/alerting"
	"lapwing/alerting/post"
)

// Config says where to post.
type Config struct {
	Name   string // default "webhook"
	URL    string // may hold a secret: it never shows in errors
	Secret string // "whsec_" and base64, or any text; empty: unsigned
	Client post.Client
	Now    func() time.Time // of the signature; default time.Now
}

// A Destination posts to one URL.
type Destination struct {
	cfg Config
	key []byte
}

var _ alerting.Destination = (*Destination)(nil)

// New returns the destination, or what is wrong with the configuration.
func New(c Config) (*Destination, error) {
	if c.Name == "" {
		c.Name = "webhook"
	}
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("alerting: %s: the URL must begin with https:// or http://", c.Name)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	d := &Destination{cfg: c, key: []byte(c.Secret)}
	if b64, ok := strings.CutPrefix(c.Secret, "whsec_"); ok {
		key, err := base64.StdEncoding.DecodeString(b64)
		if err != nil || len(key) == 0 {
			return nil, errors.New("alerting: " + c.Name + `: after "whsec_" the secret must be base64`)
		}
		d.key = key
	}
	return d, nil
}

// Name returns the configured name.
func (d *Destination) Name() string { return d.cfg.Name }

// Send posts n.
func (d *Destination) Send(ctx context.Context, n alerting.Notification) error {
	body, err := json.Marshal(n.Payload())
	if err != nil {
		return alerting.Permanent(fmt.Errorf("encode notification: %w", err))
	}
	header := map[string]string{"webhook-id": n.Key}
	if len(d.key) > 0 {
		at := strconv.FormatInt(d.cfg.Now().Unix(), 10)
		header["webhook-timestamp"] = at
		header["webhook-signature"] = sign(d.key, n.Key, at, body)
	}
	_, err = d.cfg.Client.JSON(ctx, d.cfg.URL, body, header)
	return err
}

func sign(key []byte, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(id + "." + at + ".")) // a hash never fails
	_, _ = mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
