package source

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"
	"sync"
	"time"

	"lapwing/capture/follow"
	"lapwing/cmd/internal/ingest"
	"lapwing/parse/accesslog"
	"lapwing/parse/exchange"
	"lapwing/stream"
)

// Logs follows a set of log files into the stream. A line's offset travels
// with its call, so that whoever keeps the calls keeps the place too.
type Logs struct {
	Name    string
	Follow  follow.Config
	Format  string            // auto, a preset or a format string
	Fields  map[string]string // for JSON lines
	Builder *exchange.Builder
	Pub     stream.Publisher
	Now     func() time.Time
	// Lateness is how far behind the newest line a call may still come.
	Lateness time.Duration
	Log      *slog.Logger

	mu      sync.Mutex
	reports map[string]ingest.LogReport // by path, all its generations together
}

// logFile is what is known of one generation of a file.
type logFile struct {
	path        string
	fingerprint uint64
	parser      *ingest.LineParser
	held        []heldLine       // until the format is known
	given       ingest.LogReport // lines given up because nobody knew their format
	warned      int64            // unparsed lines at the last warning
	turn        int64            // when its last line came, in lines of all files
}

type heldLine struct {
	data        []byte
	number, off int64
	end         int64
}

const (
	// sampleLines are held back to tell a format from.
	sampleLines = 100
	// maxLogFiles bounds the remembered generations of logs: twice as many as
	// the follower holds open. The one that was silent longest goes first; its
	// counts stay with its path.
	maxLogFiles = 1024
)

// Reports returns what became of the lines of each path, over all its
// generations.
func (l *Logs) Reports() map[string]ingest.LogReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]ingest.LogReport, len(l.reports))
	for k, v := range l.reports {
		out[k] = v
	}
	return out
}

// Run follows until ctx ends. If it fails and is run again, it continues
// behind the lines that were published.
func (l *Logs) Run(ctx context.Context) error {
	l.Follow.Resume = placesOf(l.Follow.Resume)
	follower, err := follow.New(l.Follow)
	if err != nil {
		return err
	}
	r := &logRun{Logs: l, b: newBatcher(l.Pub, l.Name), files: map[string]*logFile{}, holding: map[string]string{}, told: l.Now()}
	err = follower.Run(ctx, r.emit, r.idle)
	r.report()
	last := context.WithoutCancel(ctx)
	if flushErr := r.flush(last, r.b.lowNS); flushErr != nil && err == nil {
		err = flushErr
	}
	if retireErr := r.b.retire(last); retireErr != nil && err == nil {
		err = retireErr
	}
	return err
}

// placesOf copies what concerns logs out of the progress of all sources.
func placesOf(progress map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for source, offset := range progress {
		if strings.HasPrefix(source, "log:") {
			out[source] = offset
		}
	}
	return out
}

func (l *Logs) format(sample [][]byte) (accesslog.Format, error) {
	if len(l.Fields) > 0 {
		return accesslog.JSON(l.Fields), nil
	}
	if l.Format != "" && l.Format != "auto" {
		return accesslog.Compile(l.Format)
	}
	return accesslog.Detect(sample)
}

// pathOf is the path in a source name, log:<path>#<fingerprint>.
func pathOf(source string) string {
	source = strings.TrimPrefix(source, "log:")
	if i := strings.LastIndexByte(source, '#'); i >= 0 {
		return source[:i]
	}
	return source
}

// fingerprintOf tells the calls of one log from those of all others: two lines
// at one offset of two files must not have one ID.
func fingerprintOf(source string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(source))
	return h.Sum64()
}

// String names the source in logs.
func (l *Logs) String() string { return fmt.Sprintf("logs %s", strings.Join(l.Follow.Paths, ", ")) }
