package kafka

import (
	"bytes"
	"errors"
	"io"
	"sync"

	kafkago "github.com/segmentio/kafka-go"
)

// A loan lends the caller's bytes to a request. kafka-go encodes a request in a
// goroutine of its own, which goes on when the caller's context ends; the
// caller may then change what it lent. Once the loan is over nobody reads the
// bytes any more: a request that is not encoded by then fails.
type loan struct {
	mu   sync.Mutex
	over bool
}

var errLoanOver = errors.New("the request was given up")

func (l *loan) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

// lend returns nil for nil, which is how Kafka has tombstones.
func (l *loan) lend(b []byte) kafkago.Bytes {
	if b == nil {
		return nil
	}
	lent := &lentBytes{loan: l}
	lent.r.Reset(b)
	return lent
}

type lentBytes struct {
	loan *loan
	r    bytes.Reader
}

func (b *lentBytes) Read(p []byte) (int, error) {
	b.loan.mu.Lock()
	defer b.loan.mu.Unlock()
	if b.loan.over {
		return 0, errLoanOver
	}
	return b.r.Read(p)
}

// WriteTo writes into the request's buffer in memory, through a compressor. It
// is there because io.Copy would else use the compressor's ReadFrom, which that
// of lz4 refuses in the middle of a batch.
func (b *lentBytes) WriteTo(w io.Writer) (int64, error) {
	b.loan.mu.Lock()
	defer b.loan.mu.Unlock()
	if b.loan.over {
		return 0, errLoanOver
	}
	return b.r.WriteTo(w)
}

func (b *lentBytes) Len() int     { return b.r.Len() }
func (b *lentBytes) Close() error { return nil }
