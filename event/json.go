package event

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"net/netip"
	"strconv"
	"time"
)

// AppendJSON appends the call as one JSON object, in the field order of the
// documentation, leaving out what is empty. It allocates nothing but room in b.
func (c *Call) AppendJSON(b []byte) []byte {
	b = append(b, `{"id":"`...)
	b = appendHex64(b, binary.BigEndian.Uint64(c.ID[:8]))
	b = appendHex64(b, binary.BigEndian.Uint64(c.ID[8:]))
	b = append(b, `","time":"`...)
	b = appendTime(b, c.Time)
	b = append(b, `","duration_ms":`...)
	b = appendMillis(b, c.Duration)
	b = str(b, `,"sensor":`, c.Sensor)
	b = append(b, `,"source":"`...)
	b = append(b, c.Source.String()...)
	b = append(b, '"')
	if c.Client.IsValid() {
		b = append(b, `,"client":"`...)
		b = appendAddr(b, c.Client)
		b = append(b, '"')
	}
	b = num(b, `,"client_port":`, int64(c.ClientPort))
	if c.Peer.IsValid() {
		b = append(b, `,"peer":"`...)
		b = appendAddrPort(b, c.Peer)
		b = append(b, '"')
	}
	if c.Server.IsValid() {
		b = append(b, `,"server":"`...)
		b = appendAddr(b, c.Server)
		b = append(b, '"')
	}
	b = num(b, `,"server_port":`, int64(c.ServerPort))
	b = str(b, `,"scheme":`, c.Scheme)
	b = str(b, `,"protocol":`, c.Protocol)
	b = str(b, `,"method":`, c.Method)
	b = str(b, `,"host":`, c.Host)
	b = str(b, `,"path":`, c.Path)
	b = str(b, `,"query":`, c.Query)
	b = str(b, `,"route":`, c.Route)
	b = str(b, `,"operation":`, c.Operation)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(c.Status), 10)
	b = append(b, `,"request_bytes":`...)
	b = strconv.AppendInt(b, c.RequestBytes, 10)
	b = append(b, `,"response_bytes":`...)
	b = strconv.AppendInt(b, c.ResponseBytes, 10)
	b = str(b, `,"user_agent":`, c.UserAgent)
	b = str(b, `,"referer":`, c.Referer)
	if c.Actor.Kind != "" {
		b = append(b, `,"actor":{"kind":`...)
		b = AppendString(b, string(c.Actor.Kind))
		b = append(b, `,"value":`...)
		b = AppendString(b, c.Actor.Value)
		b = append(b, '}')
	}
	b = str(b, `,"user":`, c.User)
	b = str(b, `,"tenant":`, c.Tenant)
	b = str(b, `,"token":`, c.Token)
	b = str(b, `,"account":`, c.Account)
	b = str(b, `,"path_shape":`, c.PathShape)
	b = str(b, `,"auth":`, c.Auth.String())
	b = str(b, `,"fingerprint":`, c.Fingerprint)
	b = c.appendDetail(b)
	return append(b, '}')
}

// AppendDetailJSON appends what is no plain column of a call (ids, shape,
// sensitive, gap, flags) as one JSON object; UnmarshalJSON reads it back into a
// call that has only these.
func (c *Call) AppendDetailJSON(b []byte) []byte {
	b = append(b, '{')
	n := len(b)
	b = c.appendDetail(b)
	if len(b) > n {
		b = append(b[:n], b[n+1:]...) // the first comma
	}
	return append(b, '}')
}

func (c *Call) appendDetail(b []byte) []byte {
	if len(c.IDs) > 0 {
		b = append(b, `,"ids":[`...)
		b = appendIDs(b, c.IDs)
		b = append(b, ']')
	}
	if !c.Shape.Request.isZero() || !c.Shape.Response.isZero() {
		b = append(b, `,"shape":{`...)
		n := len(b)
		if !c.Shape.Request.isZero() {
			b = append(b, `"request":`...)
			b = c.Shape.Request.appendJSON(b)
		}
		if !c.Shape.Response.isZero() {
			if len(b) > n {
				b = append(b, ',')
			}
			b = append(b, `"response":`...)
			b = c.Shape.Response.appendJSON(b)
		}
		b = append(b, '}')
	}
	if len(c.Sensitive.Request) > 0 || len(c.Sensitive.Response) > 0 {
		b = append(b, `,"sensitive":{`...)
		n := len(b)
		if len(c.Sensitive.Request) > 0 {
			b = append(b, `"request":`...)
			b = appendStrings(b, c.Sensitive.Request)
		}
		if len(c.Sensitive.Response) > 0 {
			if len(b) > n {
				b = append(b, ',')
			}
			b = append(b, `"response":`...)
			b = appendStrings(b, c.Sensitive.Response)
		}
		b = append(b, '}')
	}
	if !c.Gap.IsZero() {
		b = c.Gap.appendJSON(b)
	}
	if c.Flags != 0 {
		b = append(b, `,"flags":[`...)
		first := true
		for i, n := range flagNames {
			if c.Flags&(1<<i) != 0 {
				if !first {
					b = append(b, ',')
				}
				first = false
				b = append(b, '"')
				b = append(b, n...)
				b = append(b, '"')
			}
		}
		b = append(b, ']')
	}
	return b
}

// MarshalJSON returns what AppendJSON appends.
func (c *Call) MarshalJSON() ([]byte, error) { return c.AppendJSON(nil), nil }

func (s *BodyShape) isZero() bool {
	return s.Type == "" && len(s.Keys) == 0 && s.Items == 0 && s.Outcome == "" && s.Location == "" && s.Hash == 0
}

func (s *BodyShape) appendJSON(b []byte) []byte {
	b = append(b, `{"type":`...)
	b = AppendString(b, s.Type)
	if len(s.Keys) > 0 {
		b = append(b, `,"keys":`...)
		b = appendStrings(b, s.Keys)
	}
	if s.Hash != 0 {
		b = append(b, `,"hash":"`...)
		b = appendHex64(b, s.Hash)
		b = append(b, '"')
	}
	b = num(b, `,"items":`, int64(s.Items))
	b = str(b, `,"outcome":`, s.Outcome)
	b = str(b, `,"location":`, s.Location)
	return append(b, '}')
}

func (g *Gap) appendJSON(b []byte) []byte {
	b = append(b, `,"gap":{`...)
	n := len(b)
	b = num(b, `,"request_bytes":`, g.Request)
	b = num(b, `,"response_bytes":`, g.Response)
	b = flag(b, `,"no_request":`, g.NoRequest)
	b = flag(b, `,"no_response":`, g.NoResponse)
	b = flag(b, `,"body_unread":`, g.BodyUnread)
	b = flag(b, `,"ids_incomplete":`, g.IDsIncomplete)
	if len(b) > n {
		b = append(b[:n], b[n+1:]...) // the first comma
	}
	return append(b, '}')
}

// str, num and flag append a member, of which key is the name with all that
// stands around it, unless it is empty.
func str(b []byte, key, v string) []byte {
	if v == "" {
		return b
	}
	return AppendString(append(b, key...), v)
}

func num(b []byte, key string, v int64) []byte {
	if v == 0 {
		return b
	}
	return strconv.AppendInt(append(b, key...), v, 10)
}

func flag(b []byte, key string, v bool) []byte {
	if !v {
		return b
	}
	return append(append(b, key...), "true"...)
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendString(b, s)
	}
	return append(b, ']')
}

// callJSON mirrors what AppendJSON writes, for reading it back.
type callJSON struct {
	ID            ID             `json:"id"`
	Time          time.Time      `json:"time"`
	DurationMS    float64        `json:"duration_ms"`
	Sensor        string         `json:"sensor"`
	Source        string         `json:"source"`
	Client        netip.Addr     `json:"client"`
	ClientPort    uint16         `json:"client_port"`
	Peer          netip.AddrPort `json:"peer"`
	Server        netip.Addr     `json:"server"`
	ServerPort    uint16         `json:"server_port"`
	Scheme        string         `json:"scheme"`
	Protocol      string         `json:"protocol"`
	Method        string         `json:"method"`
	Host          string         `json:"host"`
	Path          string         `json:"path"`
	Query         string         `json:"query"`
	Route         string         `json:"route"`
	Operation     string         `json:"operation"`
	Status        int            `json:"status"`
	RequestBytes  int64          `json:"request_bytes"`
	ResponseBytes int64          `json:"response_bytes"`
	UserAgent     string         `json:"user_agent"`
	Referer       string         `json:"referer"`
	Actor         Actor          `json:"actor"`
	User          string         `json:"user"`
	Tenant        string         `json:"tenant"`
	Token         string         `json:"token"`
	Account       string         `json:"account"`
	PathShape     string         `json:"path_shape"`
	Auth          string         `json:"auth"`
	Fingerprint   string         `json:"fingerprint"`
	IDs           []idRefJSON    `json:"ids"`
	Shape         struct {
		Request  bodyShapeJSON `json:"request"`
		Response bodyShapeJSON `json:"response"`
	} `json:"shape"`
	Sensitive struct {
		Request  []string `json:"request"`
		Response []string `json:"response"`
	} `json:"sensitive"`
	Gap struct {
		Request       int64 `json:"request_bytes"`
		Response      int64 `json:"response_bytes"`
		NoRequest     bool  `json:"no_request"`
		NoResponse    bool  `json:"no_response"`
		BodyUnread    bool  `json:"body_unread"`
		IDsIncomplete bool  `json:"ids_incomplete"`
	} `json:"gap"`
	Flags []string `json:"flags"`
}

type idRefJSON struct {
	Dir   string `json:"dir"`
	In    string `json:"in"`
	Name  string `json:"name"`
	Class string `json:"class"`
	Hash  string `json:"hash"`
	Value int64  `json:"value"`
	Order uint64 `json:"order"`
}

type bodyShapeJSON struct {
	Type     string   `json:"type"`
	Keys     []string `json:"keys"`
	Hash     string   `json:"hash"`
	Items    int      `json:"items"`
	Outcome  string   `json:"outcome"`
	Location string   `json:"location"`
}

// UnmarshalJSON reads what AppendJSON writes. Unknown fields are ignored, so
// that an older reader survives a newer writer.
func (c *Call) UnmarshalJSON(data []byte) error {
	var j callJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	source, err := ParseSource(j.Source)
	if err != nil {
		return err
	}
	auth, err := ParseAuth(j.Auth)
	if err != nil {
		return err
	}
	*c = Call{
		ID: j.ID, Time: j.Time.UTC(), Duration: time.Duration(math.Round(j.DurationMS * 1e6)), Sensor: j.Sensor, Source: source,
		Client: j.Client, ClientPort: j.ClientPort, Peer: j.Peer, Server: j.Server, ServerPort: j.ServerPort,
		Scheme: j.Scheme, Protocol: j.Protocol, Method: j.Method, Host: j.Host, Path: j.Path, Query: j.Query,
		Route: j.Route, Operation: j.Operation, Status: j.Status, RequestBytes: j.RequestBytes, ResponseBytes: j.ResponseBytes,
		UserAgent: j.UserAgent, Referer: j.Referer, Actor: j.Actor, User: j.User, Tenant: j.Tenant, Token: j.Token,
		Account: j.Account, PathShape: j.PathShape, Auth: auth, Fingerprint: j.Fingerprint,
		Sensitive: Sensitive{Request: j.Sensitive.Request, Response: j.Sensitive.Response},
		Gap: Gap{Request: j.Gap.Request, Response: j.Gap.Response, NoRequest: j.Gap.NoRequest, NoResponse: j.Gap.NoResponse,
			BodyUnread: j.Gap.BodyUnread, IDsIncomplete: j.Gap.IDsIncomplete},
	}
	for _, r := range j.IDs {
		ref, err := r.ref()
		if err != nil {
			return err
		}
		c.IDs = append(c.IDs, ref)
	}
	if c.Shape.Request, err = j.Shape.Request.shape(); err != nil {
		return err
	}
	if c.Shape.Response, err = j.Shape.Response.shape(); err != nil {
		return err
	}
	for _, n := range j.Flags {
		if f, ok := FlagByName(n); ok {
			c.Flags |= f
		}
	}
	return nil
}

func (j idRefJSON) ref() (IDRef, error) {
	place, err := lookup(placeNames[:], "place", j.In)
	if err != nil {
		return IDRef{}, err
	}
	class, err := lookup(classNames[:], "class", j.Class)
	if err != nil {
		return IDRef{}, err
	}
	hash, err := parseHex64(j.Hash)
	if err != nil {
		return IDRef{}, err
	}
	return IDRef{Response: j.Dir == "response", In: Place(place), Name: j.Name, Class: Class(class), Hash: hash, Int: j.Value, Order: j.Order}, nil
}

func (j bodyShapeJSON) shape() (BodyShape, error) {
	hash, err := parseHex64(j.Hash)
	return BodyShape{Type: j.Type, Keys: j.Keys, Hash: hash, Items: j.Items, Outcome: j.Outcome, Location: j.Location}, err
}

func parseHex64(s string) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	return strconv.ParseUint(s, 16, 64)
}

func lookup(names []string, what, s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	for i, n := range names {
		if n == s {
			return i, nil
		}
	}
	return 0, errUnknown(what, []byte(s))
}
