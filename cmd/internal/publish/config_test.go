package publish

import (
	"strings"
	"testing"

	"lapwing/cmd/internal/config"
)

func TestDefaultsAreValidAndOff(t *testing.T) {
	c := Defaults()
	if err := c.Validate("publish"); err != nil {
		t.Error(err)
	}
	if c.On() {
		t.Error("something is published without being asked for")
	}
}

// Each mistake is told with the key as it stands in the file.
func TestMistakesAreTold(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"two ways":            {func(c *Config) { c.Kafka.Brokers, c.HTTPS.URL = []string{"k:9092"}, "https://l:8473" }, "publish.kafka.brokers"},
		"a small spool":       {func(c *Config) { c.Spool.MaxBytes = 1 << 20 }, "publish.spool.max_bytes"},
		"a long linger":       {func(c *Config) { c.Spool.Linger = config.Duration(2e9) }, "publish.spool.linger"},
		"a broker's port":     {func(c *Config) { c.Kafka.Brokers = []string{"kafka-1"} }, `"kafka-1" is no address`},
		"a prefix":            {func(c *Config) { c.Kafka.Prefix = "a b" }, "publish.kafka.prefix"},
		"partitions":          {func(c *Config) { c.Kafka.Partitions = 12 }, "partitions must divide 256"},
		"replication":         {func(c *Config) { c.Kafka.Replication = 16 }, "publish.kafka.replication"},
		"retention":           {func(c *Config) { c.Kafka.Retention = -1 }, "publish.kafka.retention"},
		"compression":         {func(c *Config) { c.Kafka.Compression = "lzma" }, "publish.kafka.compression"},
		"half a certificate":  {func(c *Config) { c.Kafka.TLS.CertFile = "c.pem" }, "tls.cert_file and tls.key_file"},
		"a user without how":  {func(c *Config) { c.Kafka.SASL.User = "u" }, "publish.kafka.sasl.mechanism"},
		"no password":         {func(c *Config) { c.Kafka.SASL = SASL{Mechanism: "plain", User: "u"} }, "sasl.password"},
		"an unknown way in":   {func(c *Config) { c.Kafka.SASL.Mechanism = "gssapi" }, `"gssapi"`},
		"a URL":               {func(c *Config) { c.HTTPS.URL = "lapwing:8473" }, "publish.https.url"},
		"credentials in it":   {func(c *Config) { c.HTTPS.URL = "https://u:p@l:8473" }, "token_file"},
		"half a certificate2": {func(c *Config) { c.HTTPS.URL, c.HTTPS.KeyFile = "https://l:8473", "k.pem" }, "publish.https.cert_file"},
		"its compression":     {func(c *Config) { c.HTTPS.URL, c.HTTPS.Compression = "https://l:8473", "lz4" }, "publish.https.compression"},
	} {
		c := Defaults()
		tc.change(&c)
		err := c.Validate("publish")
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q in it", name, err, tc.says)
		}
	}
}

func TestAFileSwitchesEncryptionOn(t *testing.T) {
	for _, on := range []TLS{{Enabled: true}, {CAFile: "f"}, {CertFile: "f"}, {KeyFile: "f"}, {ServerName: "n"}} {
		if !on.On() {
			t.Errorf("%+v does not ask for encryption", on)
		}
	}
	if (&TLS{}).On() {
		t.Error("nothing asks for encryption")
	}
}

// What cannot be opened is said before anything is published.
func TestOpenSaysWhatIsMissing(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"a certificate of the broker":   {func(c *Config) { c.Kafka.Brokers, c.Kafka.TLS.CAFile = []string{"127.0.0.1:1"}, "/none.pem" }, "/none.pem"},
		"a certificate of the receiver": {func(c *Config) { c.HTTPS.URL, c.HTTPS.CAFile = "https://127.0.0.1:1", "/none.pem" }, "/none.pem"},
	} {
		c := Defaults()
		c.Spool.Dir = t.TempDir()
		tc.change(&c)
		p, err := Open(t.Context(), &c, "s", 1, nil)
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q in it", name, err, tc.says)
		}
		if p != nil {
			t.Errorf("%s: it is open in spite of the error", name)
		}
	}
}
