package wire

import (
	"net/netip"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"lapwing/event"
)

// columns hold the identifiers of the call at hand until all are read.
type columns struct {
	forms, names, hashes, ints, orders []uint64
}

func (d *decoder) call(c *event.Call, b []byte, sensor string) error {
	var (
		f                  = fields{b: b}
		timeNS, timeS      int64
		hasSeconds, hasID  bool
		peer               netip.Addr
		peerPort           uint16
		col                = &d.columns
		hasColumns         bool
		reqList, respList  = d.reqs[:0], d.resps[:0]
		rawReq, rawResp    []byte
		reqShape, resShape []byte
	)
	c.Sensor = sensor
	for f.next() {
		v := f.value
		switch f.num {
		case callID:
			if len(f.bytes) != len(c.ID) {
				return malformed("a call's id has %d bytes, want %d", len(f.bytes), len(c.ID))
			}
			copy(c.ID[:], f.bytes)
			hasID = true
		case callTime:
			timeNS = protowire.DecodeZigZag(v)
		case callTimeSeconds:
			timeS, hasSeconds = protowire.DecodeZigZag(v), true
		case callDuration:
			c.Duration = time.Duration(protowire.DecodeZigZag(v))
		case callClient:
			c.Client = d.addr(f.bytes)
		case callMethod:
			c.Method = d.word(v)
		case callHost:
			c.Host = d.word(v)
		case callPath:
			c.Path = d.word(v)
		case callPathShape:
			c.PathShape = d.word(v)
		case callStatus:
			c.Status = int(int32(v))
		case callActorKind:
			c.Actor.Kind = event.Kind(d.word(v))
		case callActorValue:
			c.Actor.Value = d.word(v)
		case callRequestBytes:
			c.RequestBytes = protowire.DecodeZigZag(v)
		case callResponseBytes:
			c.ResponseBytes = protowire.DecodeZigZag(v)
		case callUserAgent:
			c.UserAgent = d.word(v)
		case callQuery:
			c.Query = d.word(v)
		case callSource:
			if v <= uint64(event.SourceLog) {
				c.Source = event.Source(v)
			}
		case callClientPort:
			c.ClientPort = uint16(v)
		case callPeer:
			peer = d.addr(f.bytes)
		case callPeerPort:
			peerPort = uint16(v)
		case callServer:
			c.Server = d.addr(f.bytes)
		case callServerPort:
			c.ServerPort = uint16(v)
		case callScheme:
			c.Scheme = d.word(v)
		case callProtocol:
			c.Protocol = d.word(v)
		case callRoute:
			c.Route = d.word(v)
		case callOperation:
			c.Operation = d.word(v)
		case callReferer:
			c.Referer = d.word(v)
		case callUser:
			c.User = d.word(v)
		case callTenant:
			c.Tenant = d.word(v)
		case callToken:
			c.Token = d.word(v)
		case callAccount:
			c.Account = d.word(v)
		case callAuth:
			if v <= uint64(event.AuthSignature) {
				c.Auth = event.Auth(v)
			}
		case callFingerprint:
			c.Fingerprint = d.word(v)
		case callSensor:
			c.Sensor = d.word(v)
		case callIDForm, callIDName, callIDHash, callIDInt, callIDOrder:
			if !hasColumns {
				hasColumns = true
				*col = columns{col.forms[:0], col.names[:0], col.hashes[:0], col.ints[:0], col.orders[:0]}
			}
			switch f.num {
			case callIDForm:
				col.forms = f.appendVarints(col.forms)
			case callIDName:
				col.names = f.appendVarints(col.names)
			case callIDHash:
				col.hashes = f.appendFixed(col.hashes)
			case callIDInt:
				col.ints = f.appendVarints(col.ints)
			case callIDOrder:
				col.orders = f.appendVarints(col.orders)
			}
		case callRequestShape:
			reqShape = f.bytes
		case callResponseShape:
			resShape = f.bytes
		case callRequestSensitive:
			reqList, rawReq = f.appendVarints(reqList), whole(reqList, f.bytes)
		case callResponseSensitive:
			respList, rawResp = f.appendVarints(respList), whole(respList, f.bytes)
		case callGapRequest:
			c.Gap.Request = protowire.DecodeZigZag(v)
		case callGapResponse:
			c.Gap.Response = protowire.DecodeZigZag(v)
		case callGapMarks:
			c.Gap.NoRequest = v&gapNoRequest != 0
			c.Gap.NoResponse = v&gapNoResponse != 0
			c.Gap.BodyUnread = v&gapBodyUnread != 0
			c.Gap.IDsIncomplete = v&gapIDsIncomplete != 0
		case callFlags:
			c.Flags = event.Flags(v)
		}
	}
	if f.bad || !hasID {
		return malformed("a call is broken at byte %d of %d", f.at, len(b))
	}
	d.reqs, d.resps = reqList, respList
	if len(reqList) > 0 {
		c.Sensitive.Request = d.wordList(0, reqList, rawReq)
	}
	if len(respList) > 0 {
		c.Sensitive.Response = d.wordList(1, respList, rawResp)
	}
	c.Peer = netip.AddrPortFrom(peer, peerPort)
	if hasColumns {
		if err := d.ids(c); err != nil {
			return err
		}
	}
	if err := d.shape(&c.Shape.Request, reqShape); err != nil {
		return err
	}
	if err := d.shape(&c.Shape.Response, resShape); err != nil {
		return err
	}
	if err := d.time(c, timeNS, timeS, hasSeconds); err != nil {
		return err
	}
	switch {
	case d.bad:
		return malformed("a call refers to a string, a key set or an address that is not there")
	case d.used > MaxExpanded:
		return malformed("its calls have more than %d bytes of strings", MaxExpanded)
	}
	return nil
}

// whole returns raw if it is the first of a field's values and so, as far as
// anyone writes it, all of them.
func whole(before []uint64, raw []byte) []byte {
	if len(before) > 0 {
		return nil
	}
	return raw
}

// The years that RFC 3339 can write.
const (
	minSecond = -62135596800 // the year 1
	maxSecond = 253402300799 // the end of 9999
)

func (d *decoder) time(c *event.Call, ns, s int64, hasSeconds bool) error {
	if hasSeconds {
		if s < minSecond || s > maxSecond || ns < 0 || ns >= 1e9 {
			return malformed("a call's time is outside the years 1 to 9999")
		}
		c.Time = time.Unix(s, ns).UTC()
		return nil
	}
	sum := d.base + ns
	if (ns > 0) != (sum > d.base) && ns != 0 {
		return malformed("a call's time overflows")
	}
	c.Time = time.Unix(0, sum).UTC()
	return nil
}

func (d *decoder) ids(c *event.Call) error {
	col := &d.columns
	n := len(col.forms)
	if len(col.names) != n || len(col.hashes) != n {
		return malformed("a call's identifiers have %d forms, %d names, %d hashes", n, len(col.names), len(col.hashes))
	}
	refs := d.newRefs(n)
	ints, orders := col.ints, col.orders
	for i := range refs {
		form := col.forms[i]
		r := &refs[i]
		r.Response = form&idResponse != 0
		if in := event.Place(form >> 1 & 7); in <= event.InCookie {
			r.In = in
		}
		if class := form >> 6; class <= uint64(event.ClassSecret) {
			r.Class = event.Class(class)
		}
		r.Name, r.Hash = d.word(col.names[i]), col.hashes[i]
		if form&idHasInt != 0 {
			if len(ints) == 0 {
				return malformed("a call's identifiers lack an integer")
			}
			r.Int, ints = protowire.DecodeZigZag(ints[0]), ints[1:]
		}
		if form&idHasOrder != 0 {
			if len(orders) == 0 {
				return malformed("a call's identifiers lack an order")
			}
			r.Order, orders = orders[0], orders[1:]
		}
	}
	if len(ints) > 0 || len(orders) > 0 {
		return malformed("a call has integers or orders that belong to no identifier")
	}
	if n > 0 {
		c.IDs = refs
	}
	return nil
}

func (d *decoder) shape(s *event.BodyShape, b []byte) error {
	f := fields{b: b}
	for f.next() {
		switch f.num {
		case shapeType:
			s.Type = d.word(f.value)
		case shapeKeySet:
			switch {
			case f.value > uint64(len(d.keys)):
				d.bad = true
			case f.value > 0 && len(d.keys[f.value-1]) > 0:
				s.Keys = d.keys[f.value-1]
				d.used += d.weights[f.value-1]
			}
		case shapeHash:
			s.Hash = f.value
		case shapeItems:
			s.Items = int(protowire.DecodeZigZag(f.value))
		case shapeOutcome:
			s.Outcome = d.word(f.value)
		case shapeLocation:
			s.Location = d.word(f.value)
		}
	}
	if f.bad {
		return malformed("the shape of a body is broken")
	}
	return nil
}

// addr reads 4 bytes, 16 bytes, or 16 bytes and a zone.
func (d *decoder) addr(b []byte) netip.Addr {
	switch {
	case len(b) == 4:
		return netip.AddrFrom4([4]byte(b))
	case len(b) == 16:
		return netip.AddrFrom16([16]byte(b))
	case len(b) > 16:
		return netip.AddrFrom16([16]byte(b)).WithZone(string(b[16:]))
	default:
		d.bad = true
		return netip.Addr{}
	}
}
