package input

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"lapwing/capture"
)

// fake is a source of packets given as "time:data"; it overwrites what it lent
// out, as real ones do.
type fake struct {
	packets []string
	end     error
	buf     [8]byte
	counts  capture.Counters
	closed  bool
}

func (f *fake) Next(p *capture.Packet) error {
	copy(f.buf[:], "garbage!")
	if len(f.packets) == 0 {
		return f.end
	}
	var data string
	fmt.Sscanf(f.packets[0], "%d:%s", &p.TimeNS, &data)
	p.Data = f.buf[:copy(f.buf[:], data)]
	p.WireLength = len(p.Data)
	p.LinkType = 1
	f.packets = f.packets[1:]
	f.counts.Packet(p)
	return nil
}
func (f *fake) Stats() capture.Stats { return f.counts.Load() }
func (f *fake) Close() error         { f.closed = true; return nil }

func drain(t *testing.T, s capture.Source) string {
	t.Helper()
	var out []string
	var p capture.Packet
	for {
		if err := s.Next(&p); err != nil {
			return strings.Join(append(out, err.Error()), " ")
		}
		if len(p.Data) == 4 {
			out = append(out, fmt.Sprint(p.TimeNS/1e9))
		} else {
			out = append(out, fmt.Sprintf("%d%s", p.TimeNS, p.Data))
		}
	}
}

func TestMerge(t *testing.T) {
	for _, tt := range []struct {
		sources string
		want    string
	}{
		{"", "EOF"},
		{"1:a 3:c | 2:b 4:d", "1a 2b 3c 4d EOF"},
		{"1:a 1:b | 1:a 1:c", "1a 1a 1b 1c EOF"},
		{"5:x 3:y | 5:x 4:z", "5x 5x 3y 4z EOF"}, // times that run backwards keep the file's order
		{"1:a 9:z | | 2:b", "1a 2b 9z EOF"},
	} {
		var sources []capture.Source
		for part := range strings.SplitSeq(tt.sources, "|") {
			sources = append(sources, &fake{packets: strings.Fields(part), end: io.EOF})
		}
		if got := drain(t, Merge(sources...)); got != tt.want {
			t.Errorf("%s: %s", tt.sources, got)
		}
	}
}

// The order of the arguments never matters, whatever the sources hold: equal
// packets, equal times, times that run backwards.
func TestMergeOrderOfArguments(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var contents [][]string
		total := 0
		for range 1 + rnd.IntN(5) {
			var packets []string
			for range rnd.IntN(6) {
				packets = append(packets, fmt.Sprintf("%d:%c", rnd.IntN(3), 'a'+rune(rnd.IntN(2))))
			}
			contents = append(contents, packets)
			total += len(packets)
		}
		run := func() string {
			var sources []capture.Source
			for _, c := range contents {
				sources = append(sources, &fake{packets: c, end: io.EOF})
			}
			m := Merge(sources...)
			out := drain(t, m)
			if m.Stats().Packets != uint64(total) {
				t.Fatalf("%d packets counted of %d", m.Stats().Packets, total)
			}
			return out
		}
		want := run()
		rnd.Shuffle(len(contents), func(i, j int) { contents[i], contents[j] = contents[j], contents[i] })
		if got := run(); got != want {
			t.Fatalf("%v:\n%s\n%s", contents, got, want)
		}
	}
}

func TestMergeFailure(t *testing.T) {
	broken := &fake{packets: []string{"1:a"}, end: errors.New("b.pcap: broken")}
	other := &fake{packets: []string{"2:b"}, end: errors.New("a.pcap: broken")}
	fine := &fake{packets: []string{"3:c"}, end: io.EOF}
	m := Merge(broken, fine, other)
	if got := drain(t, m); got != "1a 2b 3c a.pcap: broken\nb.pcap: broken" {
		t.Errorf("%q", got)
	}
	if got := drain(t, m); got != "EOF" {
		t.Errorf("%q", got)
	}
	if err := m.Close(); err != nil || !broken.closed || !fine.closed {
		t.Error("sources are not closed", err)
	}
	if err := m.Next(new(capture.Packet)); err != capture.ErrClosed {
		t.Error(err)
	}
}

func TestMergeIdle(t *testing.T) {
	idle := &fake{end: capture.ErrIdle}
	m := Merge(&fake{packets: []string{"1:a"}, end: io.EOF}, idle)
	var p capture.Packet
	if err := m.Next(&p); err != capture.ErrIdle {
		t.Fatal(err)
	}
	idle.packets, idle.end = []string{"0:z"}, io.EOF
	if got := drain(t, m); got != "0z 1a EOF" {
		t.Error(got)
	}
}
