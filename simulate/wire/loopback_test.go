package wire

import (
	"net/netip"
	"testing"
)

func TestLoopbackKeepsNetworksTogether(t *testing.T) {
	var l loopback
	at := func(s string) netip.Addr { return l.of(netip.MustParseAddr(s)) }
	a, b, other, six := at("203.0.113.7"), at("203.0.113.8"), at("198.51.100.7"), at("2001:db8::1")
	if a == b || a.As4()[2] != b.As4()[2] || a.As4()[3] != 7 {
		t.Errorf("neighbours became %s and %s", a, b)
	}
	if other.As4()[2] == a.As4()[2] || six.As4()[2] == a.As4()[2] {
		t.Errorf("strangers became neighbours: %s %s %s", a, other, six)
	}
	if at("203.0.113.7") != a || at("2001:db8::1") != six {
		t.Error("a caller has two addresses")
	}
	for i := range 70_000 {
		v := l.of(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 1}))
		if !v.IsLoopback() || v.As4()[1] == 0 {
			t.Fatalf("%d became %s", i, v)
		}
	}
	if len(l.nets) > 65_000 {
		t.Errorf("%d networks are kept", len(l.nets))
	}
}
