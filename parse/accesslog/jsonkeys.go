package accesslog

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lapwing/parse/exchange"
)

// A meaning is what the value under a key is.
type meaning struct {
	kind    kind
	rank    uint8
	nameLen int    // of a header whose name is the end of the key
	name    []byte // of a header whose name is fixed
}

// jsonKeys finds the meaning of a key path. It is read-only after it is made.
type jsonKeys struct {
	own   map[string]*meaning // of the configuration, as spelled there
	plain map[string]*meaning // defaults, by normalised path
}

// lookup finds the meaning of a dotted path: the configured one, a default
// under its exact spelling, then lower case with "_" for "-", without the
// names of envelopes in front; a header by its prefix.
func (k *jsonKeys) lookup(path []byte) *meaning {
	if m, ok := k.own[string(path)]; ok {
		return m
	}
	if m, ok := exactKeys[string(path)]; ok {
		return m
	}
	norm := strings.ToLower(strings.ReplaceAll(string(path), "-", "_"))
	for {
		if m, ok := k.plain[norm]; ok {
			return m
		}
		for _, p := range headerPrefixes {
			if name, ok := strings.CutPrefix(norm, p.prefix); ok && name != "" {
				if name == "host" && p.kind == kHeader {
					return &meaning{kind: kHost, rank: 2}
				}
				return &meaning{kind: p.kind, nameLen: len(name)}
			}
		}
		head, rest, ok := strings.Cut(norm, ".")
		if !ok || !envelopes[head] {
			break
		}
		norm = rest
	}
	// Traefik: request_User-Agent, downstream_Content-Type.
	for _, p := range traefikPrefixes {
		if name, ok := strings.CutPrefix(string(path), p.prefix); ok && name != "" && name[0] >= 'A' && name[0] <= 'Z' {
			return &meaning{kind: p.kind, nameLen: len(name)}
		}
	}
	return &meaning{}
}

// envelopes are objects around an access-log entry that other log shippers and
// cloud services add; below them the usual names hold.
var envelopes = map[string]bool{
	"properties": true, "jsonpayload": true, "json": true, "httprequest": true, "http_request": true, "data": true, "fields": true, "log": true,
	"nginx": true, "access": true, "event": true, "message": true, "access_log": true, "accesslog": true, "attributes": true, "context": true, "req": true, "res": true,
}

type headerPrefix struct {
	prefix string
	kind   kind
}

var headerPrefixes = []headerPrefix{
	{"request.headers.", kHeader}, {"request_headers.", kHeader}, {"req.headers.", kHeader}, {"headers.", kHeader}, {"http.request.headers.", kHeader},
	{"http.request.header.", kHeader}, {"req_headers.", kHeader}, {"request.header.", kHeader}, {"req.header.", kHeader},
	{"response.headers.", kResponseHeader}, {"resp_headers.", kResponseHeader}, {"response_headers.", kResponseHeader}, {"res.headers.", kResponseHeader},
	{"http.response.header.", kResponseHeader}, {"http.response.headers.", kResponseHeader},
}

var traefikPrefixes = []headerPrefix{{"request_", kHeader}, {"downstream_", kResponseHeader}}

// exactKeys are names whose spelling decides: Traefik counts nanoseconds in
// Duration, where others write seconds in duration.
var exactKeys = map[string]*meaning{
	"Duration": {kind: kNanos, rank: 1}, "StartUTC": {kind: kStart, rank: 3}, "StartLocal": {kind: kStart, rank: 2},
	"ClientAddr": {kind: kPeer, rank: 2}, "ClientHost": {kind: kClient, rank: 1}, "ClientPort": {kind: kPeerPort}, "ClientUsername": {kind: kUser},
	"RequestHost": {kind: kHost, rank: 1}, "RequestAddr": {kind: kHost}, "RequestMethod": {kind: kMethod}, "RequestPath": {kind: kTarget},
	"RequestProtocol": {kind: kProtocol}, "RequestScheme": {kind: kScheme}, "RequestContentSize": {kind: kRequestBody},
	"DownstreamStatus": {kind: kStatus, rank: 2}, "DownstreamContentSize": {kind: kBody, rank: 2}, "OriginStatus": {kind: kStatus}, "OriginContentSize": {kind: kBody},
	"TLSVersion": {kind: kTLS}, "RequestPort": {kind: kServerPort}, "TimeTaken": {kind: kSeconds}, "SentBytes": {kind: kSent},
}

// defaultKeys lists, per kind, the normalised paths under which products and
// sites write it; of several in one line the earlier listed wins.
var defaultKeys = []struct {
	kind  kind
	paths string
}{
	{kStart, "start_time started_at starttime startedat start_utc request_start requesttime clientreceivedstarttimestamp client_received_start_timestamp " +
		"edgestarttimestamp reqtimesec request_creation_time received_at time_start httprequest.timestamp"},
	{kTime, "time_iso8601 msec time_local @timestamp ts time timestamp datetime date edgeendtimestamp timegenerated eventtime event_time logtime log_time localtime _time " +
		"time_unix time_ms timestamp_ms epoch"},
	{kPeer, "realip_remote_addr request.remote_ip request.remote_addr downstream_direct_remote_address peer_ip peer network.peer.address remote_ip source.ip"},
	{kClient, "remote_addr client_ip clientip request.client_ip downstream_remote_address client.address client.ip client remote_host remotehost ip cliip client_addr " +
		"clientaddr source_ip sourceip src_ip remoteip remoteaddr client_address remote_address sourceipaddress src c_ip host_ip real_client_ip addr " +
		"request.ip net.peer.ip http.client_ip true_client_ip identity.sourceip ip_address"},
	{kPeerPort, "remote_port request.remote_port client_port clientport client.port network.peer.port src_port"},
	{kServer, "server_addr downstream_local_address server_ip serverip local_address"},
	{kServerPort, "server_port server.port serverport"},
	{kUser, "remote_user user_id userid user username user_name client_username authuser auth_user enduser.id user.name user.id consumer.username request.user"},
	{kHost, "http_host host authority :authority request.host host_header vhost domain domain_name request_host requesthost clientrequesthost originalhost reqhost http.host " +
		"url.domain server.address http_request_host requested_host hostname x_host_header host_name"},
	{kServerName, "server_name servername virtual_host requested_server_name"},
	{kRequest, "request requestline request_line common_log requestline"},
	{kMethod, "request_method method http_method verb httpmethod request.method http.request.method http.method :method clientrequestmethod reqmethod requestmethod " +
		"request_verb httprequest.requestmethod cs_method req_method"},
	{kTarget, "request_uri x_envoy_original_path x_envoy_origin_path uri request.uri originalrequesturiwithargs clientrequesturi requesturi path :path http_path request_path requestpath " +
		"url.original http.target http.url_path target request_url_path req_path resource req.url cs_uri endpoint request_target"},
	{kPath, "uri_path url_path url.path clientrequestpath reqpath document_uri request.path httprequest.uri http_uri resourcepath resource_path"},
	{kQuery, "args query_string query querystring url.query request_query requestquery querystr uri_query request.query httprequest.args"},
	{kURL, "url request.url request_url requesturl url.full http.url full_url httprequest.requesturl request.full_url"},
	{kProtocol, "server_protocol protocol proto http_version httpversion request.proto request_protocol clientrequestprotocol http_protocol network.protocol.version " +
		"http.version http.flavor request.http_version requestprotocol httprequest.protocol"},
	{kScheme, "scheme request_scheme url.scheme http_scheme http.scheme x_forwarded_proto https clientrequestscheme"},
	{kTLS, "ssl_protocol tls_version tlsversion request.tls.version request.tls.cipher_suite clientsslprotocol sslcipher"},
	{kStatus, "status response_code status_code statuscode response.status http.response.status_code http.status_code response_status code http_status httpstatus " +
		"sc_status edgeresponsestatus response.status_code response_status_code responsecode httprequest.status res.statuscode resp_status elb_status_code return_code statusline"},
	{kRequestBody, "content_length request_body_size requestcontentsize bytes_received http.request.body.size request_body_bytes request_body_length body_bytes_received"},
	{kBody, "body_bytes_sent bytes_sent_body response_body_size size bytes http.response.body.size response_length responselength response_size response_bytes content_size " +
		"http.response.body.bytes body_size length response_body_bytes responsebodysize downstreamcontentsize"},
	{kSent, "bytes_sent sentbytes response.size sent_bytes edgeresponsebytes responsesize httprequest.responsesize sc_bytes resp_size bytes_out"},
	{kSeconds, "request_time time_taken_s duration_s response_time_s elapsed_s latency_s request_duration request_time_s requesttimeseconds timetaken duration_seconds"},
	{kMillis, "duration_ms latencies.request response_time_ms request_time_ms latency_ms elapsed_ms time_taken_ms total_time_ms generation_time_milli duration_milliseconds " +
		"responsetime responsetimems response_time elapsed took total_time time_taken requestlatency integration_latency responselatency"},
	{kMicros, "duration_us latency_us request_time_us duration_micros"},
	{kNanos, "duration_ns latency_ns duration_nanos event.duration"},
	{kDuration, "duration latency httprequest.latency request_latency"},
}

// defaultHeaders are header fields that logs name in their own way.
var defaultHeaders = map[string]string{
	"http_user_agent": "User-Agent", "user_agent": "User-Agent", "useragent": "User-Agent", "agent": "User-Agent", "ua": "User-Agent",
	"user_agent.original": "User-Agent", "http.user_agent": "User-Agent", "clientrequestuseragent": "User-Agent", "request_user_agent": "User-Agent",
	"browser": "User-Agent", "req_user_agent": "User-Agent", "httpuseragent": "User-Agent", "http_agent": "User-Agent", "identity.useragent": "User-Agent",
	"http_referer": "Referer", "referer": "Referer", "referrer": "Referer", "http_referrer": "Referer", "request_referer": "Referer",
	"clientrequestreferer": "Referer", "http.referer": "Referer", "request.referer": "Referer", "http.request.referrer": "Referer", "request_referrer": "Referer",
	"http_x_forwarded_for": "X-Forwarded-For", "x_forwarded_for": "X-Forwarded-For", "xff": "X-Forwarded-For", "forwarded_for": "X-Forwarded-For",
	"http_x_real_ip": "X-Real-IP", "x_real_ip": "X-Real-IP", "http_forwarded": "Forwarded", "forwarded": "Forwarded",
	"content_type": "Content-Type", "http_content_type": "Content-Type", "http_cf_connecting_ip": "CF-Connecting-IP", "cf_connecting_ip": "CF-Connecting-IP",
	"http_true_client_ip": "True-Client-IP", "http_origin": "Origin", "http_cookie": "Cookie", "http_authorization": "Authorization",
	"http_accept": "Accept", "http_accept_language": "Accept-Language", "http_x_api_key": "X-Api-Key", "http_x_request_id": "X-Request-Id",
}

var plainKeys = func() map[string]*meaning {
	out := map[string]*meaning{}
	for _, d := range defaultKeys {
		paths := strings.Fields(d.paths)
		for i, p := range paths {
			rank := uint8(len(paths) - i)
			if d.kind == kIgnore {
				continue
			}
			if _, taken := out[p]; !taken {
				out[p] = &meaning{kind: d.kind, rank: rank}
			}
		}
	}
	for p, name := range defaultHeaders {
		out[p] = &meaning{kind: kHeader, name: []byte(name)}
	}
	return out
}()

// mappable are the field names of a configured mapping.
var mappable = map[string]kind{
	"time": kTime, "start": kStart, "client": kClient, "client_port": kPeerPort, "peer": kPeer, "server": kServer, "server_port": kServerPort, "user": kUser,
	"host": kHost, "request": kRequest, "method": kMethod, "target": kTarget, "path": kPath, "query": kQuery, "url": kURL, "protocol": kProtocol,
	"scheme": kScheme, "status": kStatus, "request_bytes": kRequestBody, "response_bytes": kBody, "duration": kDuration, "duration_s": kSeconds,
	"duration_ms": kMillis, "duration_us": kMicros, "duration_ns": kNanos, "user_agent": kHeader, "referer": kHeader, "x_forwarded_for": kHeader,
	"x_real_ip": kHeader, "forwarded": kHeader, "content_type": kHeader,
}

// configured outranks every default.
const configured = 255

// JSON returns the format of logs with one JSON object a line. The usual keys
// of nginx, Caddy, Traefik, Envoy, Istio, Kong and cloud services are known;
// mapping adds to them: our field name → the log's key, dotted where it is
// nested, as {"client": "conn.ip", "duration_ms": "took"}. Field names are
// time, start, client, client_port, peer, server, server_port, user, host,
// request (the line), method, target (path and query), path, query, url,
// protocol, scheme, status, request_bytes, response_bytes, duration (unit by
// its form) or duration_s, _ms, _us, _ns, user_agent, referer,
// x_forwarded_for, x_real_ip, forwarded, content_type. A mapping with an
// unknown field name gives a format that parses nothing and says so.
func JSON(mapping map[string]string) Format {
	own, err := jsonMapping(mapping)
	if err != nil {
		return broken{err}
	}
	return newJSON("json", own)
}

func newJSON(name string, own map[string]*meaning) Format {
	strict := true
	for _, m := range own {
		if m.kind == kTarget || m.kind == kRequest || m.kind == kPath || m.kind == kURL {
			strict = false // the user says where the request stands: that is proof enough
		}
	}
	return wrap(&jsonLog{name: name, keys: &jsonKeys{own: own, plain: plainKeys}, strict: strict})
}

func jsonMapping(mapping map[string]string) (map[string]*meaning, error) {
	own := map[string]*meaning{}
	for _, field := range slices.Sorted(maps.Keys(mapping)) {
		k, ok := mappable[field]
		if !ok {
			return nil, fmt.Errorf("unknown field %q in the mapping; known are %s", field, strings.Join(slices.Sorted(maps.Keys(mappable)), ", "))
		}
		m := &meaning{kind: k, rank: configured}
		if k == kHeader {
			m.name = []byte(headerName(field))
		}
		if mapping[field] == "" {
			return nil, fmt.Errorf("field %q is mapped to no key", field)
		}
		own[mapping[field]] = m
	}
	return own, nil
}

// compileJSONSpec reads "json:field=key,field=key".
func compileJSONSpec(spec string) (Format, error) {
	mapping := map[string]string{}
	col := len("json:") + 1
	for part := range strings.SplitSeq(spec[len("json:"):], ",") {
		field, key, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return nil, &SpecError{Reason: fmt.Sprintf("want field=key, got %q", clip(part)), Column: col}
		}
		mapping[field] = key
		if _, err := jsonMapping(map[string]string{field: key}); err != nil {
			return nil, &SpecError{Reason: err.Error(), Column: col}
		}
		col += len(part) + 1
	}
	return JSON(mapping), nil
}

// compileTemplate reads a format string that is itself a JSON object, as
// log_format escape=json '{"time":"$time_iso8601",…}': each key whose value is
// one placeholder gets that meaning.
func compileTemplate(spec string, tok tokenizer) (Format, error) {
	own := map[string]*meaning{}
	seen := map[kind]bool{}
	var bad error
	f := &jsonLog{keys: &jsonKeys{}}
	f.line, f.escapes = []byte(spec), true
	if !walkTemplate(f, func(path, v string) {
		variable, n, err := variable{}, 0, error(nil)
		if v != "" {
			variable, n, err = tok(v)
		}
		if err != nil && bad == nil {
			bad = &SpecError{Reason: err.Error(), Column: strings.Index(spec, v) + 1}
		}
		if n == 0 || n != len(v) && !(variable.kind == kPath && strings.HasPrefix(v[n:], "$is_args")) {
			return
		}
		m := &meaning{kind: variable.kind, rank: configured, name: []byte(variable.name)}
		if m.kind == kPath && n != len(v) {
			m.kind = kTarget
		}
		seen[m.kind] = true
		own[path] = m
	}) {
		return nil, &SpecError{Reason: "the JSON template is broken", Column: f.pos + 1}
	}
	if bad != nil {
		return nil, bad
	}
	if err := needed(seen); err != nil {
		return nil, err
	}
	return newJSON("custom", own), nil
}

// walkTemplate calls visit for every leaf of the template held by f.
func walkTemplate(f *jsonLog, visit func(path, v string)) bool {
	f.visit = visit
	if f.line[0] != '{' || !f.object(0) {
		return false
	}
	f.space()
	return f.pos == len(f.line)
}

// broken is a format that could not be made; it fails on every line, loudly.
type broken struct{ err error }

func (b broken) Name() string { return "json" }

func (b broken) Parse([]byte, *exchange.Raw) error {
	return &LineError{Reason: "log format is misconfigured: " + b.err.Error()}
}
