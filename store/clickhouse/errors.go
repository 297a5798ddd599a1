package clickhouse

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// Codes of ClickHouse's errors, src/Common/ErrorCodes.cpp.
const (
	codeNoSuchColumn       = 16
	codeUnknownType        = 50
	codeTypeMismatch       = 53
	codeUnknownTable       = 60
	codeSyntax             = 62
	codeUnknownDatabase    = 81
	codeUnknownSetting     = 115
	codeReadonly           = 164
	codeUnknownUser        = 192
	codeWrongPassword      = 193
	codeRequiredPassword   = 194
	codeMemoryLimit        = 241
	codeTooManyParts       = 252
	codeSupportDisabled    = 344
	codeAccessDenied       = 497
	codeAuthentication     = 516
	codeUnknownIdentifier  = 47
	codeTimeout            = 159
	codeTooManyRows        = 158
	codeTooManyRowsOrBytes = 396
)

func codeOf(err error) int32 {
	var e *ch.Exception
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// tooOld reports whether the server is older than what is supported: from 24.8,
// a long-term release, on, deleting rows rebuilds projections.
func tooOld(major, minor uint64) bool {
	return major < minMajor || major == minMajor && minor < minMinor
}

const minMajor, minMinor = 24, 8

// permanent reports whether repeating the same statement cannot help until
// somebody changes something at the server or in the configuration.
func permanent(err error) bool {
	switch codeOf(err) {
	case codeNoSuchColumn, codeUnknownType, codeTypeMismatch, codeUnknownTable, codeSyntax, codeUnknownDatabase, codeUnknownSetting,
		codeReadonly, codeUnknownUser, codeWrongPassword, codeRequiredPassword, codeSupportDisabled, codeAccessDenied,
		codeAuthentication, codeUnknownIdentifier:
		return true
	}
	return errors.Is(err, ch.ErrBatchInvalid)
}

// explain says in one sentence what went wrong and what to do.
func (s *Store) explain(what string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	where := strings.Join(s.addresses, ", ")
	var (
		exception *ch.Exception
		unknownCA x509.UnknownAuthorityError
		hostname  x509.HostnameError
		record    tls.RecordHeaderError
		network   net.Error
	)
	switch {
	case errors.As(err, &exception):
		first, _, _ := strings.Cut(exception.Message, "\n")
		if len(first) > 400 {
			first = first[:400] + "…"
		}
		switch exception.Code {
		case codeAuthentication, codeWrongPassword, codeUnknownUser, codeRequiredPassword:
			return fmt.Errorf("store: ClickHouse at %s refuses user %q: check store.clickhouse.user and its password (%w)", where, s.user, errCode(exception.Code))
		case codeAccessDenied, codeReadonly:
			return fmt.Errorf("store: %s: user %q lacks a right: %s: grant it, or see docs/clickhouse.md for the rights that are needed (%w)", what, s.user, first, errCode(exception.Code))
		case codeUnknownDatabase:
			return fmt.Errorf("store: ClickHouse at %s has no database %q and user %q cannot make it: create it, or grant CREATE DATABASE (%w)", where, s.names.database, s.user, errCode(exception.Code))
		case codeTimeout, codeTooManyRows, codeTooManyRowsOrBytes:
			return fmt.Errorf("store: %s: the question is too large for the set limits (%s): ask for a shorter time or fewer calls, or raise the limits (%w)", what, first, err)
		}
		return fmt.Errorf("store: %s: %w", what, err)
	case errors.As(err, &unknownCA), errors.As(err, &hostname):
		return fmt.Errorf("store: the certificate of ClickHouse at %s cannot be trusted: %w: set store.clickhouse.tls.ca_file, or the name it is issued to", where, err)
	case errors.As(err, &record), strings.Contains(err.Error(), "unexpected packet"):
		return fmt.Errorf("store: %s does not speak what was expected: %w: check that the port is ClickHouse's native one (9000, with TLS 9440) and whether it wants TLS", where, err)
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("store: ClickHouse at %s cannot be reached: %w: check the address and that the server runs", where, err)
	}
	return fmt.Errorf("store: %s: %w", what, err)
}

// errCode is an error of the server by its number.
type errCode int32

func (c errCode) Error() string { return fmt.Sprintf("ClickHouse error %d", int32(c)) }
