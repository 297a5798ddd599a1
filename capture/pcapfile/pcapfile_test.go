package pcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"lapwing/capture"
)

// read returns every packet as one line, and the error that ended the file.
func read(t testing.TB, file []byte) (lines []string, stats capture.Stats, err error) {
	t.Helper()
	r, err := New(bytes.NewReader(file), "f.pcap")
	if err != nil {
		return nil, capture.Stats{}, err
	}
	var p capture.Packet
	for {
		if err := r.Next(&p); err != nil {
			if again := r.Next(&p); again != err {
				t.Errorf("error is not repeated: %v, then %v", err, again)
			}
			return lines, r.Stats(), err
		}
		if p.WireLength < len(p.Data) {
			t.Errorf("wire length %d below %d captured", p.WireLength, len(p.Data))
		}
		lines = append(lines, fmt.Sprintf("link %d time %d wire %d %q", p.LinkType, p.TimeNS, p.WireLength, p.Data))
	}
}

func TestPcapVariants(t *testing.T) {
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, tt := range []struct {
			name   string
			magic  uint32
			minor  uint16
			link   uint32
			extra  int
			timeNS int64
			linkTo uint32
		}{
			{"micro", 0xa1b2c3d4, 4, 1, 0, 1_000_000_005_000, 1},
			{"nano", 0xa1b23c4d, 4, 276, 0, 1_000_000_000_005, 276},
			{"kuznetzov", 0xa1b2cd34, 4, 1, 8, 1_000_000_005_000, 1},
			{"mesquita", 0xa1b234cd, 4, 1, 0, 1_000_000_005_000, 1},
			{"navtel", 0xa12b3c4d, 4, 1, 0, 1_000_000_005_000, 1},
			{"fcs bits", 0xa1b2c3d4, 4, 0x24000001, 0, 1_000_000_005_000, 1},
			{"dlt raw", 0xa1b2c3d4, 4, 12, 0, 1_000_000_005_000, 101},
		} {
			t.Run(fmt.Sprint(tt.name, o), func(t *testing.T) {
				file := join(pcapHeader(o, tt.magic, tt.minor, tt.link),
					pcapRecord(o, 1000, 5, 60, tt.extra, []byte("abc")),
					pcapRecord(o, 1000, 5, 0, tt.extra, []byte("wire length left out")),
					pcapRecord(o, 1000, 5, 0, tt.extra, nil))
				lines, stats, err := read(t, file)
				if err != io.EOF {
					t.Fatal(err)
				}
				want := []string{
					fmt.Sprintf("link %d time %d wire 60 %q", tt.linkTo, tt.timeNS, "abc"),
					fmt.Sprintf("link %d time %d wire 20 %q", tt.linkTo, tt.timeNS, "wire length left out"),
					fmt.Sprintf("link %d time %d wire 0 %q", tt.linkTo, tt.timeNS, ""),
				}
				if fmt.Sprint(lines) != fmt.Sprint(want) {
					t.Errorf("got  %v\nwant %v", lines, want)
				}
				if (stats != capture.Stats{Packets: 3, Bytes: 23, Truncated: 1}) {
					t.Errorf("stats %+v", stats)
				}
			})
		}
	}
}

func TestPcapSwappedLengths(t *testing.T) {
	o := binary.LittleEndian
	swapped := func(wire uint32, data string) []byte {
		b := pcapRecord(o, 1, 0, 0, 0, []byte(data))
		o.PutUint32(b[8:], wire)
		o.PutUint32(b[12:], uint32(len(data)))
		return b
	}
	for minor, want := range map[uint16]int{2: 1, 3: 1, 543: 1} {
		lines, _, err := read(t, join(pcapHeader(o, 0xa1b2c3d4, minor, 1), swapped(9, "abc")))
		if err != io.EOF || len(lines) != want || !strings.HasSuffix(lines[0], `wire 9 "abc"`) {
			t.Errorf("minor %d: %v, %v", minor, lines, err)
		}
	}
}

func TestPcapngBlocks(t *testing.T) {
	for _, o := range []appender{binary.LittleEndian, binary.BigEndian} {
		other := appender(binary.BigEndian)
		if o == other {
			other = binary.LittleEndian
		}
		u64 := func(o appender, v uint64) []byte { return o.AppendUint64(nil, v) }
		file := join(
			shb(o),
			idb(o, 1, 0),
			idb(o, 276, 4, option{9, []byte{9}}, option{14, u64(o, 10)}),
			block(o, 0x0bad, []byte("unknown block")),
			epb(o, 0, 1_000_001, 60, []byte("one")),
			epb(o, 1, 5, 3, []byte("two")),
			epb(o, 9, 5, 3, []byte("undeclared interface")),
			opb(o, 1, 7, 100, []byte("three")),
			spb(o, 90, []byte("four")), // first interface: unlimited, 90 > what is there
			spb(o, 4, []byte("five")),
			isb(o, 0, option{4, u64(o, 100)}, option{5, u64(o, 3)}, option{7, u64(o, 4)}),
			isb(o, 0, option{4, u64(o, 150)}, option{5, u64(o, 3)}, option{7, u64(o, 6)}),
			shb(other), // a new section forgets the interfaces and may turn the bytes round
			epb(other, 0, 1, 1, []byte("x")),
			idb(other, 101, 2, option{9, []byte{0x80 | 10}}),
			epb(other, 0, 1024+512, 1, []byte("y")),
			spb(other, 8, []byte("ab")),
		)
		lines, stats, err := read(t, file)
		if err != io.EOF {
			t.Fatal(err)
		}
		want := []string{
			`link 1 time 1000001000 wire 60 "one"`,
			`link 276 time 10000000005 wire 3 "two"`,
			`link 276 time 10000000007 wire 100 "three"`,
			`link 1 time 10000000007 wire 4 "five"`,
			`link 101 time 1500000000 wire 1 "y"`,
			`link 101 time 1500000000 wire 8 "ab"`,
		}
		if strings.Join(lines, "\n") != strings.Join(want, "\n") {
			t.Errorf("%v:\n%s", o, strings.Join(lines, "\n"))
		}
		wantStats := capture.Stats{Packets: 6, Bytes: 18, Truncated: 3, Errored: 3, KernelPackets: 150, KernelDrops: 9}
		if stats != wantStats {
			t.Errorf("%v: stats %+v", o, stats)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, tt := range []struct {
		resol  byte
		offset int64
		count  uint64
		want   int64
	}{
		{6, 0, 1, 1000},
		{9, 0, 1, 1},
		{0, 0, 3, 3e9},
		{12, 0, 1_999, 1},
		{19, 0, 10_000_000_000_000_000_000, 1e9},
		{20, 5, 1, 5e9}, // finer than 64 bits can count a second in
		{0x80 | 32, 0, 1 << 31, 5e8},
		{0x80 | 63, 0, 1<<63 + 1<<62, 15e8},
		{0x80 | 64, 0, 1 << 63, 0},
		{0, 0, math.MaxUint64, math.MaxInt64},
		{0, -9, 10, 1e9},
		{0, -10, 9, -1e9},
		{0, math.MinInt64, 9, math.MinInt64},
		{0, math.MaxInt64, math.MaxUint64, math.MaxInt64},
	} {
		o := binary.LittleEndian
		f := newIface(o, idb(o, 1, 0, option{9, []byte{tt.resol}}, option{14, o.AppendUint64(nil, uint64(tt.offset))})[8:])
		if got := f.time(tt.count); got != tt.want {
			t.Errorf("resolution %#x, offset %d, count %d: %d, want %d", tt.resol, tt.offset, tt.count, got, tt.want)
		}
	}
}

// Whatever is missing at the end, the packets before it come out and the error
// says where the record at fault begins.
func TestCutOffAnywhere(t *testing.T) {
	o := binary.BigEndian
	files := map[string][][]byte{
		"pcap": {pcapHeader(o, 0xa1b2c3d4, 4, 1), pcapRecord(o, 1, 0, 3, 0, []byte("abc")), pcapRecord(o, 2, 0, 5, 0, []byte("defgh"))},
		"ng":   {join(shb(o), idb(o, 1, 0)), epb(o, 0, 1, 3, []byte("abc")), epb(o, 0, 2, 5, []byte("defgh"))},
	}
	for name, parts := range files {
		whole := join(parts...)
		first, second := len(parts[0]), len(parts[0])+len(parts[1])
		for cut := first; cut < len(whole); cut++ {
			lines, stats, err := read(t, whole[:cut])
			wantPackets, wantOffset := 0, int64(first)
			if cut >= second {
				wantPackets, wantOffset = 1, int64(second)
			}
			if len(lines) != wantPackets || stats.Packets != uint64(wantPackets) {
				t.Errorf("%s cut at %d: %d packets", name, cut, len(lines))
			}
			if cut == first || cut == second {
				if err != io.EOF {
					t.Errorf("%s cut at %d between records: %v", name, cut, err)
				}
				continue
			}
			var e *Error
			if !errors.As(err, &e) || e.Offset != wantOffset || e.Name != "f.pcap" || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s cut at %d: %v", name, cut, err)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	o := binary.LittleEndian
	huge := pcapRecord(o, 0, 0, 0, 0, nil)
	o.PutUint32(huge[8:], MaxRecord+1)
	lie := block(o, 77, make([]byte, 20))
	o.PutUint32(lie[len(lie)-4:], 36)
	long := block(o, 6, nil)
	o.PutUint32(long[4:], 0xfffffffc)
	odd := block(o, 6, nil)
	o.PutUint32(odd[4:], 13)
	v3 := shb(o)
	o.PutUint16(v3[12:], 2)
	for _, tt := range []struct {
		name string
		file []byte
		want string
	}{
		{"no capture", []byte("GET / HTTP/1.1"), "f.pcap: byte 0: not a capture file (starts with 47 45 54 20)"},
		{"empty", nil, "f.pcap: byte 0: file ends inside a file header: unexpected EOF"},
		{"short header", pcapHeader(o, 0xa1b2c3d4, 4, 1)[:20], "f.pcap: byte 0: file ends inside a file header: unexpected EOF"},
		{"pcap version", func() []byte { h := pcapHeader(o, 0xa1b2c3d4, 4, 1); h[4] = 9; return h }(), "f.pcap: byte 0: pcap version 9.4 is not supported"},
		{"huge record", join(pcapHeader(o, 0xa1b2c3d4, 4, 1), huge), "f.pcap: byte 24: record claims 262145 bytes, the limit is 262144; the file is damaged here"},
		{"trailing length", join(shb(o), lie), "f.pcap: byte 28: block of type 0x4d says 32 bytes at its start and 36 at its end"},
		{"length beyond file", join(shb(o), long), "f.pcap: byte 28: file ends inside a block of type 0x6 that claims 4294967292 bytes: unexpected EOF"},
		{"odd length", join(shb(o), odd), "f.pcap: byte 28: block of type 0x6 claims a length of 13, which no block can have"},
		{"ng version", v3, "f.pcap: byte 0: pcapng version 2.0 is not supported"},
		{"no byte order", append([]byte{0x0a, 0x0d, 0x0d, 0x0a}, make([]byte, 24)...), "f.pcap: byte 0: section header has no byte-order magic (00 00 00 00)"},
	} {
		_, _, err := read(t, tt.file)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v\nwant %s", tt.name, err, tt.want)
		}
	}
}

// An oversized packet in pcapng costs that packet only.
func TestOversizedBlockSkipped(t *testing.T) {
	o := binary.LittleEndian
	file := join(shb(o), idb(o, 1, 0), epb(o, 0, 1, 0, make([]byte, 3<<20)), epb(o, 0, 2, 0, make([]byte, MaxRecord+1)),
		block(o, 10, make([]byte, 3<<20)), epb(o, 0, 3, 0, make([]byte, MaxRecord)), epb(o, 0, 4, 0, []byte("after")))
	lines, stats, err := read(t, file)
	if err != io.EOF || len(lines) != 2 || !strings.HasSuffix(lines[1], `"after"`) || stats.Errored != 2 {
		t.Fatalf("%d lines, %+v, %v", len(lines), stats, err)
	}
}

// How the bytes arrive must not matter, and views must be right across the end
// of the buffer.
func TestReadSizesDoNotMatter(t *testing.T) {
	o := binary.LittleEndian
	parts := [][]byte{shb(o), idb(o, 1, 0)}
	for i := range 40 {
		parts = append(parts, epb(o, 0, uint64(i), 0, bytes.Repeat([]byte{byte(i)}, i*3001)))
	}
	file := join(parts...)
	want, wantStats, wantErr := read(t, file)
	for name, reader := range map[string]io.Reader{
		"halves": iotest.HalfReader(bytes.NewReader(file)), "data with error": iotest.DataErrReader(bytes.NewReader(file)),
	} {
		r, err := New(reader, "f.pcap")
		if err != nil {
			t.Fatal(err)
		}
		var p capture.Packet
		for i := range want {
			if err := r.Next(&p); err != nil {
				t.Fatalf("%s: packet %d: %v", name, i, err)
			}
			if got := fmt.Sprintf("link %d time %d wire %d %q", p.LinkType, p.TimeNS, p.WireLength, p.Data); got != want[i] {
				t.Fatalf("%s: packet %d differs", name, i)
			}
		}
		if err := r.Next(&p); err != wantErr || r.Stats() != wantStats {
			t.Errorf("%s: %v, %+v", name, err, r.Stats())
		}
	}
}

func TestClose(t *testing.T) {
	pr, pw := io.Pipe()
	go pw.Write(pcapHeader(binary.LittleEndian, 0xa1b2c3d4, 4, 1))
	r, err := New(pr, "pipe")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- r.Next(new(capture.Packet)) }()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != capture.ErrClosed {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal("second close:", err)
	}
}

func FuzzReader(f *testing.F) {
	for _, o := range []appender{binary.LittleEndian, binary.BigEndian} {
		f.Add(join(pcapHeader(o, 0xa1b2c3d4, 4, 1), pcapRecord(o, 1, 2, 3, 0, []byte("abc"))))
		f.Add(join(pcapHeader(o, 0xa1b2cd34, 3, 1), pcapRecord(o, 1, 2, 3, 8, []byte("abc"))))
		f.Add(join(shb(o), idb(o, 1, 3, option{9, []byte{0x8a}}, option{14, make([]byte, 8)}), epb(o, 0, 1, 1, []byte("a")),
			opb(o, 0, 1, 1, []byte("b")), spb(o, 5, []byte("abc")), isb(o, 0, option{5, make([]byte, 8)})))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		lines, stats, err := read(t, file)
		if err == nil {
			t.Fatal("no end")
		}
		if stats.Packets != uint64(len(lines)) || stats.Bytes > uint64(len(file)) {
			t.Fatalf("%d packets, %+v of a file of %d bytes", len(lines), stats, len(file))
		}
	})
}

// repeat is an endless file in memory: header once, then the body again and
// again.
type repeat struct {
	head, body []byte
	at, left   int
}

func (r *repeat) Read(b []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(b, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	if r.left <= 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), r.left)], r.body[r.at:])
	r.at = (r.at + n) % len(r.body)
	r.left -= n
	return n, nil
}

func BenchmarkNext(b *testing.B) {
	o := binary.LittleEndian
	for _, size := range []int{100, 1460} {
		data := make([]byte, size)
		for name, parts := range map[string][2][]byte{
			"pcap":   {pcapHeader(o, 0xa1b23c4d, 4, 1), pcapRecord(o, 1, 2, uint32(size), 0, data)},
			"pcapng": {join(shb(o), idb(o, 1, 0)), epb(o, 0, 1, uint32(size), data)},
		} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(parts[1])))
				body := bytes.Repeat(parts[1], 1000)
				r, err := New(&repeat{head: parts[0], body: body, left: b.N * len(parts[1])}, "bench")
				if err != nil {
					b.Fatal(err)
				}
				var p capture.Packet
				n := 0
				for r.Next(&p) == nil {
					n++
				}
				if n != b.N {
					b.Fatalf("%d packets of %d", n, b.N)
				}
			})
		}
	}
}
