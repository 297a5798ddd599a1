package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	kafkago "github.com/segmentio/kafka-go"
)

// ErrLostClaim is wrapped by the error of a commit when the partition belongs,
// or will soon belong, to another member. The worker should end; Group.Run does
// not take it for a failure.
var ErrLostClaim = errors.New("the claim on the partition is lost")

// ErrOutOfRange is wrapped by Fetch's error when the position is behind the end
// of the partition: the topic was made anew, or a broker lost messages.
var ErrOutOfRange = errors.New("the position is behind the end of the partition")

// fatal reports whether waiting and trying again cannot help.
func fatal(err error) bool {
	var wrong *topicError
	if errors.As(err, &wrong) {
		return true
	}
	var code kafkago.Error
	if errors.As(err, &code) {
		switch code {
		case kafkago.TopicAuthorizationFailed, kafkago.GroupAuthorizationFailed, kafkago.ClusterAuthorizationFailed,
			kafkago.SASLAuthenticationFailed, kafkago.UnsupportedSASLMechanism, kafkago.IllegalSASLState,
			kafkago.UnsupportedVersion, kafkago.InvalidTopic, kafkago.InvalidGroupId, kafkago.InvalidSessionTimeout,
			kafkago.InconsistentGroupProtocol, kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge,
			kafkago.InvalidRequiredAcks, kafkago.UnsupportedForMessageFormat, kafkago.PolicyViolation,
			kafkago.UnsupportedCompressionType, kafkago.InvalidRecord, kafkago.InvalidTimestamp, kafkago.GroupMaxSizeReached:
			return true
		}
		return false
	}
	return certificateError(err)
}

func certificateError(err error) bool {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
	)
	return errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &verify)
}

// diagnose is explain for an error that comes again and again. Where kafka-go
// only knows that it knows no such topic or leader, the brokers are asked why.
func (c *Client) diagnose(ctx context.Context, err error, what string) error {
	var code kafkago.Error
	if !errors.As(err, &code) && ctx.Err() == nil {
		if reason := c.Check(ctx); reason != nil && ctx.Err() == nil {
			return reason
		}
	}
	return c.explain(err, what)
}

// explain turns what went wrong into a sentence that says what to do. What is
// the name of the topic or group that was asked for, if any.
func (c *Client) explain(err error, what string) error {
	if err == nil {
		return nil
	}
	brokers := strings.Join(c.cfg.Brokers, ", ")
	var (
		wrong *topicError
		code  kafkago.Error
		alert tls.AlertError
		head  tls.RecordHeaderError
		dns   *net.DNSError
	)
	say := func(format string, args ...any) error {
		return fmt.Errorf("kafka: "+format+" (%w)", append(args, err)...)
	}
	switch {
	case errors.As(err, &wrong):
		return err
	case errors.As(err, &code):
		switch code {
		case kafkago.SASLAuthenticationFailed:
			return say("the brokers refuse the credentials of user %q: check user, password and mechanism (%s)", c.cfg.SASL.User, c.cfg.SASL.Mechanism)
		case kafkago.UnsupportedSASLMechanism:
			return say("the brokers do not offer the SASL mechanism %s: choose another one, or enable it there", c.cfg.SASL.Mechanism)
		case kafkago.IllegalSASLState:
			return say("the brokers want credentials, or none: check the SASL mechanism (%q)", c.cfg.SASL.Mechanism)
		case kafkago.TopicAuthorizationFailed:
			return say("user %q has no right to topic %s: grant Describe and Read or Write with kafka-acls.sh", c.cfg.SASL.User, what)
		case kafkago.GroupAuthorizationFailed:
			return say("user %q has no right to the consumer group %s: grant Read with kafka-acls.sh", c.cfg.SASL.User, what)
		case kafkago.ClusterAuthorizationFailed:
			return say("user %q has no right to do this to the cluster: grant it with kafka-acls.sh", c.cfg.SASL.User)
		case kafkago.UnknownTopicOrPartition:
			return say("topic %s, or a partition of it, does not exist: create it, or check the prefix %q", what, c.cfg.Prefix)
		case kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge:
			return say("a message is larger than topic %s accepts: raise max.message.bytes to at least 1048588", what)
		case kafkago.InvalidTimestamp:
			return say("the clock of this machine and that of the brokers differ too much for topic %s: set the clocks, or message.timestamp.type=LogAppendTime", what)
		case kafkago.NotEnoughReplicas, kafkago.NotEnoughReplicasAfterAppend:
			return say("topic %s has fewer in-sync replicas than its min.insync.replicas: bring the missing brokers back", what)
		case kafkago.InvalidSessionTimeout:
			return say("the brokers refuse a session timeout of %s: they set group.min.session.timeout.ms and group.max.session.timeout.ms", c.cfg.SessionTimeout)
		case kafkago.InconsistentGroupProtocol:
			return say("group %s has members of another program or version: give it another prefix, or stop the others", what)
		case kafkago.UnsupportedVersion:
			return say("the brokers are too old or too new for this request: Kafka 2.1 to 4.x is supported")
		}
		if what != "" {
			return say("%s", what)
		}
		return fmt.Errorf("kafka: %w", err)
	case certificateError(err):
		return say("the brokers' certificate is not accepted: check the certificates to trust, and the server name")
	case errors.As(err, &head):
		return say("%s answers, but not in TLS: switch TLS off, or use the port that speaks it", brokers)
	case errors.As(err, &alert):
		return say("the brokers refuse the TLS connection: they may want a client certificate that they trust")
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET):
		switch {
		case c.cfg.TLS != nil:
			return say("%s closes the connection during the TLS greeting: the port may speak plain text, or want a client certificate", brokers)
		case c.cfg.SASL.Mechanism == "":
			return say("%s closes the connection without an answer: the port may want TLS or credentials", brokers)
		}
		return say("%s closes the connection without an answer: the port may want TLS", brokers)
	case errors.As(err, &dns):
		return say("the name of broker %s cannot be resolved", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return say("nobody listens at %s: are the brokers running, and is the port right?", brokers)
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		return say("no answer from %s in time", brokers)
	}
	if what != "" {
		return fmt.Errorf("kafka: %s: %w", what, err)
	}
	return fmt.Errorf("kafka: %w", err)
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
