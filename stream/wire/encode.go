package wire

import (
	"encoding/binary"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"lapwing/event"
)

// An Encoder packs calls into one record at a time. It keeps its tables and
// buffers from record to record, so that in a steady state it allocates
// nothing. It holds on to the strings of its calls until Reset. One goroutine
// at a time.
type Encoder struct {
	KeyMark uint32 // of every record; kept by Reset

	sensor  string
	base    int64 // Unix nanoseconds; of the first call whose time fits
	hasBase bool
	calls   int

	dict    dictionary
	last    [callTimeSeconds + 1]lastWord // by field of a call
	sets    keySets
	words   []byte // field strings, encoded
	keySets []byte // field key_sets, encoded
	body    []byte // field calls, encoded
	call    []byte // scratch: the call at hand
	packed  []byte // scratch: a packed field
}

// A lastWord is what the call before had in the same field, which for most
// fields is what this one has.
type lastWord struct {
	text  string
	index uint32
}

// Reset begins a record of the named sensor.
func (e *Encoder) Reset(sensor string) {
	e.sensor, e.base, e.hasBase, e.calls = strings.ToValidUTF8(sensor, "\ufffd"), 0, false, 0
	e.dict.reset()
	clear(e.last[:])
	e.sets.reset()
	// Index 0 is the empty string.
	e.words = protowire.AppendTag(e.words[:0], recordStrings, protowire.BytesType)
	e.words = append(e.words, 0)
	e.keySets, e.body = e.keySets[:0], e.body[:0]
}

// Calls is how many calls were added since Reset.
func (e *Encoder) Calls() int { return e.calls }

// Size is how many bytes the calls take so far, with their dictionary.
func (e *Encoder) Size() int { return len(e.words) + len(e.keySets) + len(e.body) }

// Add packs one more call behind the others.
func (e *Encoder) Add(c *event.Call) {
	b := e.call[:0]
	b = protowire.AppendTag(b, callID, protowire.BytesType)
	b = append(b, 16)
	b = append(b, c.ID[:]...)
	b = e.appendTime(b, c.Time)
	b = appendSint(b, callDuration, int64(c.Duration))
	b = appendAddr(b, callClient, c.Client)
	b = e.appendString(b, callMethod, c.Method)
	b = e.appendString(b, callHost, c.Host)
	b = e.appendString(b, callPath, c.Path)
	b = e.appendString(b, callPathShape, c.PathShape)
	b = appendUint(b, callStatus, uint64(uint32(c.Status)))
	b = e.appendString(b, callActorKind, string(c.Actor.Kind))
	b = e.appendString(b, callActorValue, c.Actor.Value)
	b = appendSint(b, callRequestBytes, c.RequestBytes)
	b = appendSint(b, callResponseBytes, c.ResponseBytes)
	b = e.appendString(b, callUserAgent, c.UserAgent)
	b = e.appendString(b, callQuery, c.Query)
	b = appendUint(b, callSource, uint64(c.Source))
	b = appendUint(b, callClientPort, uint64(c.ClientPort))
	b = appendAddr(b, callPeer, c.Peer.Addr())
	b = appendUint(b, callPeerPort, uint64(c.Peer.Port()))
	b = appendAddr(b, callServer, c.Server)
	b = appendUint(b, callServerPort, uint64(c.ServerPort))
	b = e.appendString(b, callScheme, c.Scheme)
	b = e.appendString(b, callProtocol, c.Protocol)
	b = e.appendString(b, callRoute, c.Route)
	b = e.appendString(b, callOperation, c.Operation)
	b = e.appendString(b, callReferer, c.Referer)
	b = e.appendString(b, callUser, c.User)
	b = e.appendString(b, callTenant, c.Tenant)
	b = e.appendString(b, callToken, c.Token)
	b = e.appendString(b, callAccount, c.Account)
	b = appendUint(b, callAuth, uint64(c.Auth))
	b = e.appendString(b, callFingerprint, c.Fingerprint)
	if c.Sensor != e.sensor {
		b = protowire.AppendTag(b, callSensor, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(e.index(c.Sensor)))
	}
	if len(c.IDs) > 0 {
		b = e.appendIDs(b, c.IDs)
	}
	b = e.appendShape(b, callRequestShape, &c.Shape.Request)
	b = e.appendShape(b, callResponseShape, &c.Shape.Response)
	b = e.appendStrings(b, callRequestSensitive, c.Sensitive.Request)
	b = e.appendStrings(b, callResponseSensitive, c.Sensitive.Response)
	if !c.Gap.IsZero() {
		b = appendSint(b, callGapRequest, c.Gap.Request)
		b = appendSint(b, callGapResponse, c.Gap.Response)
		b = appendUint(b, callGapMarks, gapMarks(&c.Gap))
	}
	b = appendUint(b, callFlags, uint64(c.Flags))
	e.call = b

	e.body = protowire.AppendTag(e.body, recordCalls, protowire.BytesType)
	e.body = protowire.AppendVarint(e.body, uint64(len(b)))
	e.body = append(e.body, b...)
	e.calls++
}

// AppendTo appends the record with the calls added since Reset. The calls,
// the sensor and nothing else come from the encoder.
func (e *Encoder) AppendTo(b []byte, boot, first uint64, heartbeats []event.Heartbeat, drops []Drop) []byte {
	b = appendUint(b, recordMajor, Major)
	b = appendText(b, recordSensor, e.sensor)
	b = appendUint(b, recordBoot, boot)
	b = appendUint(b, recordFirst, first)
	b = appendSint(b, recordBaseTime, e.base)
	b = append(b, e.words...)
	b = append(b, e.keySets...)
	b = append(b, e.body...)
	for i := range heartbeats {
		h := &heartbeats[i]
		e.packed = appendText(e.packed[:0], heartbeatSource, h.Source)
		e.packed = appendSint(e.packed, heartbeatLow, h.LowNS)
		if h.Retired {
			e.packed = appendUint(e.packed, heartbeatRetired, 1)
		}
		b = appendBytes(b, recordHeartbeats, e.packed)
	}
	for i := range drops {
		d := &drops[i]
		e.packed = appendText(e.packed[:0], dropReason, strings.ToValidUTF8(d.Reason, "\ufffd"))
		e.packed = appendUint(e.packed, dropCalls, d.Calls)
		b = appendBytes(b, recordDrops, e.packed)
	}
	return appendUint(b, recordKeyMark, uint64(e.KeyMark))
}

// Append appends the record in its wire form. Equal records have equal bytes.
func (r *Record) Append(b []byte) []byte {
	e := Encoder{KeyMark: r.KeyMark}
	e.Reset(r.Sensor)
	for _, c := range r.Calls {
		e.Add(c)
	}
	return e.AppendTo(b, r.Boot, r.First, r.Heartbeats, r.Drops)
}

// Bound is no less than what one call adds to a record, dictionary included;
// for most calls it is several times as much.
func Bound(c *event.Call) int {
	const perString = 2 * (2 + 5) // a dictionary entry's head, and an index with its tag
	n := 512 + 26*perString
	n += len(c.Sensor) + len(c.Scheme) + len(c.Protocol) + len(c.Method) + len(c.Host) + len(c.Path) + len(c.Query) +
		len(c.PathShape) + len(c.Route) + len(c.Operation) + len(c.UserAgent) + len(c.Referer) + len(c.Actor.Kind) +
		len(c.Actor.Value) + len(c.User) + len(c.Tenant) + len(c.Token) + len(c.Account) + len(c.Fingerprint) +
		len(c.Client.Zone()) + len(c.Peer.Addr().Zone()) + len(c.Server.Zone())
	for i := range c.IDs {
		n += len(c.IDs[i].Name) + perString + 8 + 10 + 10 + 4
	}
	for _, s := range [...]*event.BodyShape{&c.Shape.Request, &c.Shape.Response} {
		n += len(s.Type) + len(s.Outcome) + len(s.Location) + 4*perString
		for _, k := range s.Keys {
			n += len(k) + perString
		}
	}
	for _, list := range [...][]string{c.Sensitive.Request, c.Sensitive.Response} {
		for _, s := range list {
			n += len(s) + perString
		}
	}
	return n
}

// appendTime writes a time relative to the base, or, if that does not fit 64
// bits of nanoseconds, as seconds and nanoseconds.
func (e *Encoder) appendTime(b []byte, t time.Time) []byte {
	sec := t.Unix()
	if sec > -maxPlainSeconds && sec < maxPlainSeconds {
		ns := t.UnixNano()
		if !e.hasBase {
			e.base, e.hasBase = ns, true
		}
		return appendSint(b, callTime, ns-e.base)
	}
	b = appendSint(b, callTime, int64(t.Nanosecond()))
	b = protowire.AppendTag(b, callTimeSeconds, protowire.VarintType)
	return protowire.AppendVarint(b, protowire.EncodeZigZag(sec))
}

func (e *Encoder) appendIDs(b []byte, ids []event.IDRef) []byte {
	p := e.packed[:0]
	for i := range ids {
		p = protowire.AppendVarint(p, idForm(&ids[i]))
	}
	b = appendBytes(b, callIDForm, p)
	p = p[:0]
	last, lastIndex := "", uint32(0)
	for i := range ids {
		// A list names many values in one place.
		if name := ids[i].Name; name != last {
			last, lastIndex = name, e.index(name)
		}
		p = protowire.AppendVarint(p, uint64(lastIndex))
	}
	b = appendBytes(b, callIDName, p)
	p = p[:0]
	for i := range ids {
		p = binary.LittleEndian.AppendUint64(p, ids[i].Hash)
	}
	b = appendBytes(b, callIDHash, p)
	p = p[:0]
	for i := range ids {
		if ids[i].Int != 0 {
			p = protowire.AppendVarint(p, protowire.EncodeZigZag(ids[i].Int))
		}
	}
	b = appendPacked(b, callIDInt, p)
	p = p[:0]
	for i := range ids {
		if ids[i].Order != 0 {
			p = protowire.AppendVarint(p, ids[i].Order)
		}
	}
	b = appendPacked(b, callIDOrder, p)
	e.packed = p
	return b
}

// idForm packs what an identifier is into one number; see lapwing.proto.
func idForm(r *event.IDRef) uint64 {
	form := uint64(r.In&7)<<1 | uint64(r.Class)<<6
	if r.Response {
		form |= idResponse
	}
	if r.Int != 0 {
		form |= idHasInt
	}
	if r.Order != 0 {
		form |= idHasOrder
	}
	return form
}

func (e *Encoder) appendShape(b []byte, field protowire.Number, s *event.BodyShape) []byte {
	if s.Type == "" && len(s.Keys) == 0 && s.Hash == 0 && s.Items == 0 && s.Outcome == "" && s.Location == "" {
		return b
	}
	p := e.appendWord(e.packed[:0], shapeType, s.Type)
	if len(s.Keys) > 0 {
		p = appendUint(p, shapeKeySet, uint64(e.keySet(s)))
	}
	if s.Hash != 0 {
		p = protowire.AppendTag(p, shapeHash, protowire.Fixed64Type)
		p = protowire.AppendFixed64(p, s.Hash)
	}
	p = appendSint(p, shapeItems, int64(s.Items))
	p = e.appendWord(p, shapeOutcome, s.Outcome)
	p = e.appendWord(p, shapeLocation, s.Location)
	e.packed = p
	return appendBytes(b, field, p)
}

// keySet returns 1 + the index of a list of keys, which it adds if it is new.
func (e *Encoder) keySet(s *event.BodyShape) uint32 {
	n, isNew := e.sets.find(s.Hash, s.Keys)
	if isNew {
		list := e.dict.scratch[:0]
		for _, k := range s.Keys {
			list = protowire.AppendVarint(list, uint64(e.index(k)))
		}
		e.dict.scratch = list
		size := 1 + protowire.SizeBytes(len(list))
		e.keySets = protowire.AppendTag(e.keySets, recordKeySets, protowire.BytesType)
		e.keySets = protowire.AppendVarint(e.keySets, uint64(size))
		e.keySets = appendBytes(e.keySets, keySetKeys, list)
	}
	return n + 1
}

func (e *Encoder) appendStrings(b []byte, field protowire.Number, list []string) []byte {
	if len(list) == 0 {
		return b
	}
	p := e.packed[:0]
	for _, s := range list {
		p = protowire.AppendVarint(p, uint64(e.index(s)))
	}
	e.packed = p
	return appendBytes(b, field, p)
}

func (e *Encoder) appendString(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	last := &e.last[field]
	if last.text != s {
		*last = lastWord{s, e.index(s)}
	}
	b = protowire.AppendTag(b, field, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(last.index))
}

// appendWord is appendString for fields that are not those of a call.
func (e *Encoder) appendWord(b []byte, field protowire.Number, s string) []byte {
	return appendUint(b, field, uint64(e.index(s)))
}

// index returns a string's place in the dictionary, and adds it if it is new.
func (e *Encoder) index(s string) uint32 {
	if s == "" {
		return 0
	}
	n, isNew := e.dict.find(s)
	if isNew {
		e.words = protowire.AppendTag(e.words, recordStrings, protowire.BytesType)
		e.words = protowire.AppendString(e.words, s)
	}
	return n
}

func gapMarks(g *event.Gap) (m uint64) {
	if g.NoRequest {
		m |= gapNoRequest
	}
	if g.NoResponse {
		m |= gapNoResponse
	}
	if g.BodyUnread {
		m |= gapBodyUnread
	}
	if g.IDsIncomplete {
		m |= gapIDsIncomplete
	}
	return m
}
