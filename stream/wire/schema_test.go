package wire

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// schema compiles lapwing.proto as anybody else would.
func schema(t *testing.T) protoreflect.FileDescriptor {
	t.Helper()
	text, err := os.ReadFile("lapwing.proto")
	if err != nil {
		t.Fatal(err)
	}
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"lapwing.proto": string(text)}),
	}}
	files, err := compiler.Compile(t.Context(), "lapwing.proto")
	if err != nil {
		t.Fatal(err)
	}
	return files[0]
}

// What is written is what the published schema says, read by the protobuf
// library instead of ours; and what that library writes, ours reads.
func TestThirdPartiesReadAndWriteRecords(t *testing.T) {
	file := schema(t)
	encoded, err := os.ReadFile("testdata/record.v1.keymark.bin")
	if err != nil {
		t.Fatal(err)
	}
	record := dynamicpb.NewMessage(file.Messages().ByName("Record"))
	if err := proto.Unmarshal(encoded, record); err != nil {
		t.Fatal(err)
	}
	noUnknown(t, record)

	get := func(m protoreflect.Message, name string) protoreflect.Value {
		f := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		if f == nil {
			t.Fatalf("%s has no field %s", m.Descriptor().Name(), name)
		}
		return m.Get(f)
	}
	words := get(record, "strings").List()
	word := func(m protoreflect.Message, field string) string {
		return string(words.Get(int(get(m, field).Uint())).Bytes())
	}
	call := get(record, "calls").List().Get(0).Message()
	want := golden()
	if got := get(record, "sensor").String(); got != want.Sensor {
		t.Errorf("sensor %q", got)
	}
	if got := get(record, "first").Uint(); got != want.First {
		t.Errorf("first %d", got)
	}
	c := want.Calls[0]
	if id := get(call, "id").Bytes(); !bytes.Equal(id, c.ID[:]) {
		t.Errorf("id %x", id)
	}
	if ns := get(record, "base_time_ns").Int() + get(call, "time_ns").Int(); ns != c.Time.UnixNano() {
		t.Errorf("time %d", ns)
	}
	for field, want := range map[string]string{
		"method_ix": c.Method, "host_ix": c.Host, "path_ix": c.Path, "path_shape_ix": c.PathShape, "actor_kind_ix": string(c.Actor.Kind),
		"actor_value_ix": c.Actor.Value, "user_agent_ix": c.UserAgent, "query_ix": c.Query, "scheme_ix": c.Scheme, "protocol_ix": c.Protocol,
		"route_ix": c.Route, "operation_ix": c.Operation, "referer_ix": c.Referer, "user_ix": c.User, "tenant_ix": c.Tenant,
		"token_ix": c.Token, "account_ix": c.Account, "fingerprint_ix": c.Fingerprint,
	} {
		if got := word(call, field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	if got := get(call, "status").Uint(); got != uint64(c.Status) {
		t.Errorf("status %d", got)
	}
	hashes := get(call, "id_hash").List()
	if hashes.Len() != len(c.IDs) || hashes.Get(1).Uint() != c.IDs[1].Hash {
		t.Errorf("hashes %v", hashes)
	}
	if got := get(call, "id_int").List().Get(0).Int(); got != c.IDs[0].Int {
		t.Errorf("integer %d", got)
	}
	if got := get(get(record, "heartbeats").List().Get(0).Message(), "low_ns").Int(); got != want.Heartbeats[0].LowNS {
		t.Errorf("low %d", got)
	}
	if got := get(get(record, "drops").List().Get(0).Message(), "calls").Uint(); got != want.Drops[0].Calls {
		t.Errorf("dropped %d", got)
	}

	again, err := proto.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Decode(again)
	if err != nil {
		t.Fatal(err)
	}
	same(t, r, want)
}

// noUnknown fails for fields that the schema does not name.
func noUnknown(t *testing.T, m protoreflect.Message) {
	t.Helper()
	if len(m.GetUnknown()) > 0 {
		t.Errorf("%s has fields that lapwing.proto does not name: %x", m.Descriptor().Name(), m.GetUnknown())
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				noUnknown(t, v.List().Get(i).Message())
			}
		case f.Message() != nil:
			noUnknown(t, v.Message())
		}
		return true
	})
}

// Every field of the schema has its constant and the other way round.
func TestFieldNumbersAreThoseOfTheSchema(t *testing.T) {
	file := schema(t)
	source, err := os.ReadFile("fields.go")
	if err != nil {
		t.Fatal(err)
	}
	numbers := map[string]map[int]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\t(record|keySet|heartbeat|drop|call|shape)[A-Z]\w*\s+protowire\.Number = (\d+)$`).FindAllStringSubmatch(string(source), -1) {
		n, _ := strconv.Atoi(m[2])
		if numbers[m[1]] == nil {
			numbers[m[1]] = map[int]bool{}
		}
		numbers[m[1]][n] = true
	}
	for i := range file.Messages().Len() {
		m := file.Messages().Get(i)
		prefix := strings.TrimPrefix(strings.ToLower(string(m.Name()[:1]))+string(m.Name()[1:]), "body")
		prefix = strings.ToLower(prefix[:1]) + prefix[1:]
		for j := range m.Fields().Len() {
			n := int(m.Fields().Get(j).Number())
			if !numbers[prefix][n] {
				t.Errorf("%s.%s has number %d, and no constant %s… has", m.Name(), m.Fields().Get(j).Name(), n, prefix)
			}
			delete(numbers[prefix], n)
		}
		if len(numbers[prefix]) > 0 {
			t.Errorf("constants %s… have numbers that %s does not: %v", prefix, m.Name(), numbers[prefix])
		}
	}
}
