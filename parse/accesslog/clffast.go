package accesslog

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"lapwing/event"
	"lapwing/parse/exchange"
)

// fast reads the line that nearly all lines are: an IPv4 client, no escapes, a
// request line of HTTP/1 or later, sizes in digits. It fills raw and returns
// true, or returns false having decided nothing. Parse must give the same
// result without it; a test compares them.
func (f *clf) fast(line []byte, raw *exchange.Raw) bool {
	client, i, ok := ipv4(line)
	if !ok || len(line) < i+60 || line[i] != ' ' || line[i+1] != '-' || line[i+2] != ' ' {
		return false
	}
	i += 3
	var user []byte
	if line[i] == '-' && line[i+1] == ' ' {
		i++
	} else {
		n := bytes.IndexByte(line[i:], ' ')
		if n <= 0 || len(line) < i+n+50 || line[i] == '"' {
			return false
		}
		user = line[i : i+n]
		i += n
	}
	if line[i+1] != '[' || line[i+4] != '/' || line[i+28] != ']' || line[i+29] != ' ' || line[i+30] != '"' {
		return false
	}
	at, ok := f.rec.clock.read(line[i+2 : i+28])
	if !ok {
		return false
	}
	i += 31
	n := bytes.IndexByte(line[i:], '"')
	if n < 14 || len(line) < i+n+6 { // "GET / HTTP/1.1"
		return false
	}
	request, rest := line[i:i+n], line[i+n+1:]
	var name string
	switch string(request[n-9:]) {
	case " HTTP/1.1":
		name, n = "http/1.1", n-9
	case " HTTP/2.0":
		name, n = "h2", n-9
	case " HTTP/1.0":
		name, n = "http/1.0", n-9
	default:
		return false
	}
	sp := 0
	for sp < 8 && tchar[request[sp]] {
		sp++
	}
	if sp == 0 || request[sp] != ' ' || sp+1 >= n || request[sp+1] != '/' {
		return false
	}
	target := request[sp+1 : n]
	if !visible(target) {
		return false
	}
	if rest[0] != ' ' || rest[1] < '1' || rest[1] > '9' || rest[2]-'0' > 9 || rest[3]-'0' > 9 || rest[4] != ' ' {
		return false
	}
	code := int(rest[1]-'0')*100 + int(rest[2]-'0')*10 + int(rest[3]-'0')
	i = 5
	var size int64
	for ; i < len(rest) && rest[i]-'0' <= 9; i++ {
		if i > 20 {
			return false
		}
		size = size*10 + int64(rest[i]-'0')
	}
	if i == 5 {
		return false
	}
	r := &f.rec
	r.n = 0
	if i < len(rest) {
		if !f.agents(rest[i:]) {
			return false
		}
	}
	*raw = exchange.Raw{
		Source: event.SourceLog, Time: at, Peer: netip.AddrPortFrom(client, 0), Protocol: name, Method: request[:sp], Target: target,
		User: user, Status: code, RequestHeaders: r.headers[:r.n],
	}
	raw.ResponseBody.WireBytes = size
	return true
}

// agents reads ` "referer" "user agent"` and nothing after it but fields in quotes.
func (f *clf) agents(v []byte) bool {
	r := &f.rec
	for _, name := range [...][]byte{nameReferer, nameUserAgent} {
		if len(v) == 0 {
			return true
		}
		if len(v) < 3 || v[0] != ' ' || v[1] != '"' {
			return false
		}
		end := bytes.IndexByte(v[2:], '"')
		if end < 0 || end+3 < len(v) && v[end+3] != ' ' {
			return false
		}
		if !missing(v[2 : end+2]) {
			r.headers[r.n] = exchange.Field{Name: name, Value: v[2 : end+2]}
			r.n++
		}
		v = v[end+3:]
	}
	return len(v) == 0 || v[len(v)-1] != 's' // Traefik's tail ends in "ms"
}

// visible reports whether v holds no blank, control or DEL byte, eight bytes a
// step (the "hasless" and "haszero" tricks of Bit Twiddling Hacks; bytes above
// 0x7f are let through).
func visible(v []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(v) >= 8 {
		x := binary.LittleEndian.Uint64(v)
		del := x ^ ones*0x7f
		if ((x-ones*0x21)&^x|(del-ones)&^del)&highs != 0 {
			return false
		}
		v = v[8:]
	}
	for _, c := range v {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
