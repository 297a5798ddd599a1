package network

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/oschwald/maxminddb-golang/v2"

	"lapwing/detect"
)

// A database is one file in MaxMind's format. Its fields are found by the
// names that vendors give them.
type database struct {
	reader     *maxminddb.Reader
	unreadable *atomic.Int64
	plain      bool // of a kind that says nothing of classes
}

func openDatabase(name string, unreadable *atomic.Int64) (*database, error) {
	data, err := readFile(name)
	if err != nil {
		return nil, err
	}
	r, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("it is no MaxMind database: %w", err)
	}
	return &database{r, unreadable, strings.HasPrefix(r.Metadata.DatabaseType, "GeoLite2")}, nil
}

// find calls read with the record of an address. The file may be damaged in a
// way that the reader meets only here.
func (d *database) find(a netip.Addr, read func(maxminddb.Result) error) {
	defer func() {
		if recover() != nil {
			d.unreadable.Add(1)
		}
	}()
	if d.reader.Metadata.IPVersion == 4 && a.Is6() {
		return
	}
	if r := d.reader.Lookup(a); r.Found() && read(r) != nil {
		d.unreadable.Add(1)
	}
}

// asn reads MaxMind's and DB-IP's autonomous_system_number (GeoLite2-ASN,
// GeoIP2-ISP) or IPinfo's asn, which is written AS64500.
func (d *database) asn(a netip.Addr) (n uint32) {
	d.find(a, func(r maxminddb.Result) error {
		if err := r.DecodePath(&n, "autonomous_system_number"); n != 0 || err != nil {
			return err
		}
		if err := r.DecodePath(&n, "traits", "autonomous_system_number"); n != 0 || err != nil {
			return err
		}
		var word string
		if err := r.DecodePath(&word, "asn"); err != nil {
			return r.DecodePath(&n, "asn") // a plain number
		}
		n, _ = asNumber(word)
		return nil
	})
	return n
}

// asNumber reads 64500 or AS64500.
func asNumber(s string) (uint32, bool) {
	if len(s) > 2 && strings.EqualFold(s[:2], "AS") {
		s = s[2:]
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n != 0
}

// country reads MaxMind's and DB-IP's country.iso_code, or IPinfo's country or
// country_code. Where an address is wins over where it is registered.
func (d *database) country(a netip.Addr) (code [2]byte) {
	var s string
	d.find(a, func(r maxminddb.Result) error {
		if err := r.DecodePath(&s, "country", "iso_code"); s != "" && err == nil {
			return nil
		}
		if err := r.DecodePath(&s, "country"); len(s) == 2 && err == nil {
			return nil
		}
		return r.DecodePath(&s, "country_code")
	})
	if s = strings.ToUpper(s); len(s) == 2 && letter(s[0]) && letter(s[1]) {
		code = [2]byte{s[0], s[1]}
	}
	return code
}

func letter(c byte) bool { return c >= 'A' && c <= 'Z' }

// userTypes are the values of user_type in GeoIP2 Insights and Enterprise
// (https://dev.maxmind.com/geoip/docs/databases/enterprise), connection types
// of GeoIP2 Connection-Type, and types of IPinfo.
var userTypes = map[string]detect.NetworkClass{
	"residential": detect.NetworkResidential, "cable/dsl": detect.NetworkResidential, "isp": detect.NetworkResidential, "dialup": detect.NetworkResidential,
	"cellular": detect.NetworkMobile, "mobile": detect.NetworkMobile,
	"hosting": detect.NetworkHosting, "content_delivery_network": detect.NetworkHosting, "search_engine_spider": detect.NetworkHosting,
	"business": detect.NetworkBusiness, "corporate": detect.NetworkBusiness, "government": detect.NetworkBusiness, "military": detect.NetworkBusiness,
	"cafe": detect.NetworkBusiness, "traveler": detect.NetworkBusiness,
	"college": detect.NetworkEducation, "school": detect.NetworkEducation, "library": detect.NetworkEducation, "education": detect.NetworkEducation,
	"consumer_privacy_network": detect.NetworkAnonymizer,
}

// class reads what a database says of the kind of network: the flags of GeoIP2
// Anonymous-IP, which name single addresses, before types, which name whole
// networks.
func (d *database) class(a netip.Addr) detect.NetworkClass {
	if d.plain {
		return detect.NetworkUnknown
	}
	type flags struct {
		VPN         bool   `maxminddb:"is_anonymous_vpn"`
		Tor         bool   `maxminddb:"is_tor_exit_node"`
		PublicProxy bool   `maxminddb:"is_public_proxy"`
		HomeProxy   bool   `maxminddb:"is_residential_proxy"`
		Hosting     bool   `maxminddb:"is_hosting_provider"`
		UserType    string `maxminddb:"user_type"`
		Connection  string `maxminddb:"connection_type"`
	}
	var r struct {
		flags
		Traits   flags  `maxminddb:"traits"`
		Type     string `maxminddb:"type"`
		ASNType  string `maxminddb:"asn_type"`
		Hosting2 any    `maxminddb:"hosting"` // IPinfo: "true" or ""
	}
	d.find(a, func(found maxminddb.Result) error { return found.Decode(&r) })
	for _, f := range []flags{r.flags, r.Traits} {
		switch {
		case f.VPN, f.Tor, f.PublicProxy, f.HomeProxy:
			return detect.NetworkAnonymizer
		case f.Hosting:
			return detect.NetworkHosting
		}
	}
	if r.Hosting2 == true || r.Hosting2 == "true" {
		return detect.NetworkHosting
	}
	for _, word := range []string{r.UserType, r.Traits.UserType, r.Connection, r.Traits.Connection, r.Type, r.ASNType} {
		if class, ok := userTypes[strings.ToLower(word)]; ok {
			return class
		}
	}
	return detect.NetworkUnknown
}
