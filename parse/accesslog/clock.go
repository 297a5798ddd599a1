package accesslog

import "time"

// A clock reads time stamps and remembers the last second: lines of one second
// share all of their date.
type clock struct {
	key  [40]byte // the stamp without its fraction
	n    int
	sec  int64
	last bool
}

// read returns the time that v states in any form a log is known to write:
// 21/Nov/2026:20:53:09 +0000 (zone optional, fraction optional), RFC 3339 and
// its relatives (space for T, "2026/11/21 …", comma fraction, zone absent =
// UTC, +hhmm), and the seconds, milliseconds, microseconds or nanoseconds since
// 1970, told apart by size.
func (c *clock) read(v []byte) (time.Time, bool) {
	if len(v) < 8 || len(v) > len(c.key) {
		return time.Time{}, false
	}
	switch {
	case len(v) >= 20 && v[2] == '/' && v[6] == '/':
		return c.split(v, 20, (*clock).clf)
	case len(v) >= 19 && (v[4] == '-' || v[4] == '/') && v[7] == v[4]:
		return c.split(v, 19, (*clock).iso)
	}
	return epoch(v)
}

// split takes the fraction out of v after its first n bytes and reads the rest,
// unless it is what was read last.
func (c *clock) split(v []byte, n int, parse func(*clock, []byte, []byte) (int64, bool)) (time.Time, bool) {
	end, nano := n, int64(0)
	if end < len(v) && (v[end] == '.' || v[end] == ',') {
		scale := int64(100_000_000)
		for end++; end < len(v) && v[end]-'0' <= 9; end++ {
			nano += int64(v[end]-'0') * scale
			scale /= 10
		}
	}
	zone := v[end:]
	if c.last && c.n == n+len(zone) && string(c.key[:n]) == string(v[:n]) && string(c.key[n:c.n]) == string(zone) {
		return time.Unix(c.sec, nano).UTC(), true
	}
	sec, ok := parse(c, v[:n], zone)
	if !ok {
		return time.Time{}, false
	}
	c.n = copy(c.key[:], v[:n])
	c.n += copy(c.key[c.n:], zone)
	c.sec, c.last = sec, true
	return time.Unix(sec, nano).UTC(), true
}

// clf reads 21/Nov/2026:20:53:09 with its zone.
func (c *clock) clf(v, zone []byte) (int64, bool) {
	month := monthOf(v[3:6])
	day, ok1 := number(v[0:2])
	year, ok2 := number(v[7:11])
	sod, ok3 := secondOfDay(v[12:20])
	off, ok4 := offset(zone)
	if month == 0 || !ok1 || !ok2 || !ok3 || !ok4 || v[11] != ':' {
		return 0, false
	}
	days, ok := civil(year, int64(month), day)
	return days*86400 + sod - off, ok
}

// iso reads 2026-11-21T20:53:09 with its zone.
func (c *clock) iso(v, zone []byte) (int64, bool) {
	year, ok1 := number(v[0:4])
	month, ok2 := number(v[5:7])
	day, ok3 := number(v[8:10])
	sod, ok4 := secondOfDay(v[11:19])
	off, ok5 := offset(zone)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || v[10] != 'T' && v[10] != 't' && v[10] != ' ' {
		return 0, false
	}
	days, ok := civil(year, month, day)
	return days*86400 + sod - off, ok
}

func secondOfDay(v []byte) (int64, bool) { // hh:mm:ss
	h, ok1 := number(v[0:2])
	m, ok2 := number(v[3:5])
	s, ok3 := number(v[6:8])
	if !ok1 || !ok2 || !ok3 || v[2] != ':' || v[5] != ':' || h > 23 || m > 59 || s > 60 {
		return 0, false
	}
	return h*3600 + m*60 + s, true
}

// offset reads "", Z, UTC, +0100, +01:00 with or without a space before.
func offset(v []byte) (int64, bool) {
	if len(v) > 0 && v[0] == ' ' {
		v = v[1:]
	}
	switch len(v) {
	case 0:
		return 0, true
	case 1:
		return 0, v[0] == 'Z' || v[0] == 'z'
	case 3:
		if s := string(v); s == "UTC" || s == "GMT" {
			return 0, true
		}
		return 0, false
	case 6:
		if v[3] != ':' {
			return 0, false
		}
	case 5:
	default:
		return 0, false
	}
	h, ok1 := number(v[1:3])
	m, ok2 := number(v[len(v)-2:])
	if !ok1 || !ok2 || h > 23 || m > 59 || v[0] != '+' && v[0] != '-' {
		return 0, false
	}
	n := h*3600 + m*60
	if v[0] == '-' {
		n = -n
	}
	return n, true
}

func monthOf(v []byte) int {
	const names = "janfebmaraprmayjunjulaugsepoctnovdec"
	if len(v) < 3 {
		return 0
	}
	a, b, c := v[0]|0x20, v[1]|0x20, v[2]|0x20
	for i := 0; i < len(names); i += 3 {
		if names[i] == a && names[i+1] == b && names[i+2] == c {
			return i/3 + 1
		}
	}
	return 0
}

// civil returns the days from 1970-01-01 (Howard Hinnant, "chrono-Compatible
// Low-Level Date Algorithms"); false for a date that is none.
func civil(y, m, d int64) (int64, bool) {
	if m < 1 || m > 12 || d < 1 || y < 1970 || y > 2200 {
		return 0, false // a year no log has: a misread field
	}
	max := int64(31)
	switch m {
	case 4, 6, 9, 11:
		max = 30
	case 2:
		max = 28
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			max = 29
		}
	}
	if d > max {
		return 0, false
	}
	if m <= 2 {
		y--
		m += 12
	}
	era := y / 400
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468, true
}

// epoch reads a count since 1970. Seconds stay below 1e11 until the year 5138,
// and a thousand times that is a thousandth of the unit.
func epoch(v []byte) (time.Time, bool) {
	whole, nano, ok := decimal(v)
	if !ok || whole < 1e8 { // before 1973: some other number
		return time.Time{}, false
	}
	switch {
	case whole < 1e11:
		return time.Unix(whole, nano).UTC(), true
	case whole < 1e14:
		return time.Unix(whole/1e3, whole%1e3*1e6+nano/1e3).UTC(), true
	case whole < 1e17:
		return time.Unix(whole/1e6, whole%1e6*1e3).UTC(), true
	}
	return time.Unix(whole/1e9, whole%1e9).UTC(), true
}
