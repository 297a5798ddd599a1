package clickhouse

import (
	"net/netip"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"lapwing/event"
)

// callColumns are the columns that an insert fills, in its order.
var callColumns = []callColumn{
	numbers("ended", func(e *encoder) *[]time.Time { return &e.times }, (*event.Call).End),
	int64s("duration", func(c *event.Call) int64 { return int64(c.Duration) }),
	numbers("id", func(e *encoder) *[][]byte { return &e.ids }, func(c *event.Call) []byte { return c.ID[:] }),
	low("sensor", func(c *event.Call) string { return c.Sensor }),
	codes("source", func(c *event.Call) int8 { return clamp(int(c.Source), knownSources, 0) }),
	address("client", func(c *event.Call) netip.Addr { return c.Client }),
	uint16s("client_port", func(c *event.Call) uint16 { return c.ClientPort }),
	address("peer", func(c *event.Call) netip.Addr { return c.Peer.Addr() }),
	uint16s("peer_port", func(c *event.Call) uint16 { return c.Peer.Port() }),
	{"server", func(e *encoder, col column.Interface, calls []*event.Call) error {
		for _, c := range calls {
			if err := col.AppendRow(e.box(e.address(c.Server))); err != nil {
				return err
			}
		}
		return nil
	}},
	uint16s("server_port", func(c *event.Call) uint16 { return c.ServerPort }),
	low("scheme", func(c *event.Call) string { return c.Scheme }),
	low("protocol", func(c *event.Call) string { return c.Protocol }),
	low("method", func(c *event.Call) string { return c.Method }),
	low("host", func(c *event.Call) string { return c.Host }),
	text("path", func(c *event.Call) string { return c.Path }),
	text("query", func(c *event.Call) string { return c.Query }),
	low("path_shape", func(c *event.Call) string { return c.PathShape }),
	low("route", func(c *event.Call) string { return c.Route }),
	low("operation", func(c *event.Call) string { return c.Operation }),
	numbers("status", func(e *encoder) *[]int32 { return &e.int32s }, func(c *event.Call) int32 { return int32(c.Status) }),
	int64s("request_bytes", func(c *event.Call) int64 { return c.RequestBytes }),
	int64s("response_bytes", func(c *event.Call) int64 { return c.ResponseBytes }),
	low("user_agent", func(c *event.Call) string { return c.UserAgent }),
	text("referer", func(c *event.Call) string { return c.Referer }),
	low("actor_kind", func(c *event.Call) string { return string(c.Actor.Kind) }),
	text("actor", func(c *event.Call) string { return c.Actor.Value }),
	text("user_name", func(c *event.Call) string { return c.User }),
	low("tenant", func(c *event.Call) string { return c.Tenant }),
	text("token", func(c *event.Call) string { return c.Token }),
	text("account", func(c *event.Call) string { return c.Account }),
	codes("auth", func(c *event.Call) int8 { return clamp(int(c.Auth), knownAuths, 0) }),
	low("fingerprint", func(c *event.Call) string { return c.Fingerprint }),
	array("ids.place", func(e *encoder) *[]int8 { return &e.int8s }, place),
	array("ids.name", func(e *encoder) *[]*string { return &e.names }, func(r *event.IDRef) *string { return &r.Name }),
	array("ids.class", func(e *encoder) *[]int8 { return &e.int8s }, func(r *event.IDRef) int8 { return clamp(int(r.Class), knownClasses, 0) }),
	array("ids.hash", func(e *encoder) *[]*uint64 { return &e.pointers }, func(r *event.IDRef) *uint64 { return &r.Hash }),
	array("ids.value", func(e *encoder) *[]*int64 { return &e.integers }, func(r *event.IDRef) *int64 { return &r.Int }),
	array("ids.order_ms", func(e *encoder) *[]*uint64 { return &e.pointers }, func(r *event.IDRef) *uint64 { return &r.Order }),
	low("request_type", func(c *event.Call) string { return c.Shape.Request.Type }),
	list("request_keys", func(c *event.Call) []string { return c.Shape.Request.Keys }),
	uint64s("request_hash", func(c *event.Call) uint64 { return c.Shape.Request.Hash }),
	int64s("request_items", func(c *event.Call) int64 { return int64(c.Shape.Request.Items) }),
	low("request_outcome", func(c *event.Call) string { return c.Shape.Request.Outcome }),
	low("request_location", func(c *event.Call) string { return c.Shape.Request.Location }),
	low("response_type", func(c *event.Call) string { return c.Shape.Response.Type }),
	list("response_keys", func(c *event.Call) []string { return c.Shape.Response.Keys }),
	uint64s("response_hash", func(c *event.Call) uint64 { return c.Shape.Response.Hash }),
	int64s("response_items", func(c *event.Call) int64 { return int64(c.Shape.Response.Items) }),
	low("response_outcome", func(c *event.Call) string { return c.Shape.Response.Outcome }),
	low("response_location", func(c *event.Call) string { return c.Shape.Response.Location }),
	list("request_sensitive", func(c *event.Call) []string { return c.Sensitive.Request }),
	list("response_sensitive", func(c *event.Call) []string { return c.Sensitive.Response }),
	int64s("gap_request", func(c *event.Call) int64 { return c.Gap.Request }),
	int64s("gap_response", func(c *event.Call) int64 { return c.Gap.Response }),
	numbers("gaps", func(e *encoder) *[]uint8 { return &e.uint8s }, func(c *event.Call) uint8 { return gaps(&c.Gap) }),
	uint64s("flags", func(c *event.Call) uint64 { return uint64(c.Flags) }),
	{"batch", func(e *encoder, col column.Interface, calls []*event.Call) error {
		for range calls {
			if err := col.AppendRow(e.token); err != nil {
				return err
			}
		}
		return nil
	}},
}

// callColumnList names them for a statement.
var callColumnList = func() string {
	list := make([]string, len(callColumns))
	for i := range callColumns {
		list[i] = "`" + callColumns[i].name + "`"
	}
	return strings.Join(list, ", ")
}()
