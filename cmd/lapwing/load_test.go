package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const loadMarker = "LAPWING_TEST_LOAD"

// kinds of requests; each path begins with one, and each has its own answer.
var kinds = []string{"ok", "gzip", "missing", "fail", "created"}

// makeLoad is a client: it sends -n requests, or for -for, over -conns
// connections, as fast as it can or pausing -pause after each, and prints how
// many were answered. Paths are /kind/name-number.
func makeLoad(args []string) int {
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	base := f.String("url", "", "")
	name := f.String("name", "", "")
	n := f.Int64("n", 1<<40, "")
	conns := f.Int("conns", 4, "")
	period := f.Duration("for", time.Hour, "")
	pause := f.Duration("pause", 0, "")
	short := f.Bool("short", false, "a connection for each request")
	if err := f.Parse(args); err != nil {
		return 2
	}
	transport := &http.Transport{MaxIdleConnsPerHost: *conns, MaxConnsPerHost: *conns, DisableKeepAlives: *short}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	var next, answered, failed atomic.Int64
	end := time.Now().Add(*period)
	var wg sync.WaitGroup
	for range *conns {
		wg.Go(func() {
			for time.Now().Before(end) {
				i := next.Add(1)
				if i > *n {
					return
				}
				kind := kinds[i%int64(len(kinds))]
				url := fmt.Sprintf("%s/%s/%s-%d", *base, kind, *name, i)
				var resp *http.Response
				var err error
				if i%7 == 0 {
					resp, err = client.Post(url, "application/json", strings.NewReader(`{"quantity":1}`))
				} else {
					resp, err = client.Get(url)
				}
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
				if err != nil {
					failed.Add(1)
					fmt.Fprintln(os.Stderr, err)
					return
				}
				answered.Add(1)
				time.Sleep(*pause)
			}
		})
	}
	wg.Wait()
	transport.CloseIdleConnections()
	fmt.Println(answered.Load())
	if failed.Load() > 0 {
		return 1
	}
	return 0
}
