package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lapwing/capture"
	"lapwing/cmd/internal/ingest"
	"lapwing/cmd/internal/sensor"
	"lapwing/event"
	"lapwing/parse/pseudonym"
)

// inputFlags are what analyze and calls share.
type inputFlags struct {
	logFormat string
	trusted   []string
}

func (f *inputFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.logFormat, "format", "auto", "format of access logs: auto, combined, common, json, …, or a log_format string")
	cmd.Flags().StringSliceVar(&f.trusted, "trusted-proxies", nil, "networks whose forwarding headers are believed, as 10.0.0.0/8,192.0.2.1")
}

// prepare loads the configuration and the key for reading files.
func (f *inputFlags) prepare(c *common) (Config, *pseudonym.Keyring, error) {
	cfg, err := c.load()
	if err != nil {
		return cfg, nil, err
	}
	if f.trusted != nil {
		if _, err := sensor.Prefixes(f.trusted); err != nil {
			return cfg, nil, usageError("--trusted-proxies: %w", err)
		}
		cfg.Identity.TrustedProxies = f.trusted
	}
	keys := pseudonym.Offline()
	if cfg.Identity.KeyFile != "" {
		if keys, err = pseudonym.Load(cfg.Identity.KeyFile); err != nil {
			return cfg, nil, err
		}
	}
	return cfg, keys, nil
}

// read runs all inputs through the parser.
func read(ctx context.Context, cfg *Config, keys *pseudonym.Keyring, inputs []string, format string, sink ingest.Sink) (ingest.Report, error) {
	parser, err := sensor.Parser(&cfg.Sensor.Config, &cfg.Identity, keys)
	if err != nil {
		return ingest.Report{}, err
	}
	sink.Progress = progressOn(os.Stderr)
	report, err := ingest.Files(ctx, ingest.Config{Inputs: inputs, LogFormat: format, Parse: parser}, sink)
	if sink.Progress != nil {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	return report, err
}

// inputArgs checks the inputs of a command: at least one, standard input once.
func inputArgs(cmd *cobra.Command, inputs []string) error {
	if err := cobra.MinimumNArgs(1)(cmd, inputs); err != nil {
		return err
	}
	n := 0
	for _, in := range inputs {
		if in == "-" {
			n++
		}
	}
	if n > 1 {
		return fmt.Errorf("standard input is named %d times", n)
	}
	return nil
}

// progressOn draws a progress line on a terminal; elsewhere there is none.
func progressOn(f *os.File) func(read, size int64) {
	if !isTerminal(f) {
		return nil
	}
	last := time.Time{}
	return func(read, size int64) {
		if now := time.Now(); now.Sub(last) > 200*time.Millisecond {
			last = now
			if size > 0 {
				fmt.Fprintf(f, "\r\x1b[K%3d %%  %d of %d MB", 100*read/max(size, 1), read/1e6, size/1e6)
			} else {
				fmt.Fprintf(f, "\r\x1b[K%d MB", read/1e6)
			}
		}
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// colours reports whether f wants colours.
func colours(f *os.File) bool { return isTerminal(f) && os.Getenv("NO_COLOR") == "" }

// complain prints what went wrong with the inputs, a line each.
func complain(err error) {
	if err == nil {
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(os.Stderr, "lapwing:", line)
	}
}

// account says in words what was read, and what could not be.
func account(r *ingest.Report) []string {
	var out []string
	if r.Captures > 0 {
		p := &r.Parse
		out = append(out, fmt.Sprintf("%d packets, %d requests, %d responses, %d calls (%d without response, %d without request)",
			p.Packets, p.Requests, p.Responses, p.Calls, p.NoResponse, p.NoRequest))
		out = append(out, coverage(r.Capture, p.Coverage.HTTP, p.Coverage.TLS, p.Coverage.HTTP2, p.Coverage.WebSocket, p.Coverage.Other+p.Coverage.Unread+p.Coverage.Faulted+p.Coverage.Waiting, p.Coverage.Lost))
		if p.Faults > 0 {
			out = append(out, fmt.Sprintf("%d connections were given up after a fault of the parser: %s", p.Faults, firstLine(p.LastFault)))
		}
	}
	for i := range r.Logs {
		l := &r.Logs[i]
		s := fmt.Sprintf("%s: %d lines as %s, %d calls", l.Name, l.Lines, l.Format, l.Calls)
		if l.Unparsed > 0 {
			s += fmt.Sprintf(", %d lines not understood", l.Unparsed)
		}
		out = append(out, s)
		for _, e := range l.Examples {
			out = append(out, "  "+e)
		}
	}
	if r.HARs > 0 {
		out = append(out, fmt.Sprintf("%d calls from HAR", r.HARCalls))
	}
	if r.Calls > 0 {
		out = append(out, fmt.Sprintf("%s to %s UTC", time.Unix(0, r.FirstNS).UTC().Format("2006-01-02 15:04:05"), time.Unix(0, r.LastNS).UTC().Format("2006-01-02 15:04:05")))
	}
	return out
}

// coverage says what share of the bytes could be read as calls.
func coverage(c capture.Stats, http, tls, h2, ws, other, lost uint64) string {
	total := http + tls + h2 + ws + other + lost
	if total == 0 {
		return "no TCP payload"
	}
	s := fmt.Sprintf("%s of %d payload bytes are HTTP/1", percent(http, total), total)
	for _, part := range []struct {
		n    uint64
		what string
	}{{tls, "TLS, not readable"}, {h2, "HTTP/2, not read yet"}, {ws, "WebSocket"}, {other, "other protocols"}, {lost, "missing from the capture"}} {
		if part.n > 0 {
			s += fmt.Sprintf("; %s %s", percent(part.n, total), part.what)
		}
	}
	if c.Truncated > 0 {
		s += fmt.Sprintf("; %d packets cut short by the snap length", c.Truncated)
	}
	if c.KernelDrops > 0 {
		s += fmt.Sprintf("; %d packets dropped before capture", c.KernelDrops)
	}
	return s
}

func percent(n, total uint64) string { return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(total)) }

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// callWriter writes calls as NDJSON with names shown.
type callWriter struct {
	w    io.Writer
	keys *pseudonym.Keyring
	buf  []byte
	err  error
}

func (cw *callWriter) write(c *event.Call) {
	if cw.err != nil {
		return
	}
	cw.buf = append(c.AppendJSON(cw.buf[:0]), '\n')
	if bytes.Contains(cw.buf, []byte(`nm-`)) {
		cw.buf = append(cw.buf[:0], cw.keys.Reveal(string(cw.buf), pseudonym.JSON)...)
	}
	_, cw.err = cw.w.Write(cw.buf)
}
