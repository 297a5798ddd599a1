package clickhouse

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"
	"text/template"

	"lapwing/event"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// A migration is one numbered file. Every statement in it may run twice, and
// at the same time as itself in another process.
type migration struct {
	version    int
	name       string
	statements []string
}

// names make the text of statements: the same files describe one server and a
// cluster.
type names struct {
	database string
	cluster  string // "" is one server
}

// Table names a table that queries speak to.
func (n names) Table(name string) string { return quote(n.database) + "." + quote(name) }

// Local names the table that holds rows: in a cluster, those of one shard.
func (n names) Local(name string) string {
	if n.cluster == "" {
		return n.Table(name)
	}
	return n.Table(name + "_local")
}

// OnCluster runs a statement on every server of the cluster.
func (n names) OnCluster() string {
	if n.cluster == "" {
		return ""
	}
	return " ON CLUSTER " + quote(n.cluster)
}

// Sharded is the engine of a table of which each shard holds a part.
func (n names) Sharded(engine, table string) string {
	if n.cluster == "" {
		return engine
	}
	return fmt.Sprintf("Replicated%s('/clickhouse/tables/{shard}/{database}/%s_local', '{replica}')", engine, table)
}

// Everywhere is the engine of a small table that every server holds whole.
func (n names) Everywhere(engine, table, version string) string {
	if n.cluster == "" {
		if version == "" {
			return engine
		}
		return engine + "(" + version + ")"
	}
	if version != "" {
		version = ", " + version
	}
	return fmt.Sprintf("Replicated%s('/clickhouse/tables/all/{database}/%s', '{shard}-{replica}'%s)", engine, table, version)
}

// Distributed is the statement that makes the table over all shards.
func (n names) Distributed(table, key string) string {
	if n.cluster == "" {
		return ""
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s AS %s ENGINE = Distributed(%s, %s, %s, %s);",
		n.Table(table), n.OnCluster(), n.Local(table), quote(n.cluster), quote(n.database), quote(table+"_local"), key)
}

// Dedup are the settings that make a table recognise a repeated insert. One
// server remembers window inserts; replicas remember through Keeper, where
// each costs a node.
func (n names) Dedup(window int) string {
	if n.cluster == "" {
		return fmt.Sprintf("non_replicated_deduplication_window = %d, fsync_after_insert = 1, fsync_part_directory = 1", window)
	}
	return fmt.Sprintf("replicated_deduplication_window = %d, replicated_deduplication_window_seconds = 604800", min(window, 10_000))
}

// Durable makes one server write through to the disk: there is no replica that
// would still have the row after a power failure.
func (n names) Durable() string {
	if n.cluster == "" {
		return "\nSETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
	}
	return ""
}

// AuthEnum, PlaceEnum and ClassEnum list what package event knows.
func (names) AuthEnum() string {
	return enum(0, func(i int) string { return event.Auth(i).String() })
}

// PlaceEnum has the places of a request from 0 and those of a response from responsePlace.
func (names) PlaceEnum() string {
	return enum(0, func(i int) string { return prefixed("request.", event.Place(i).String()) }) + ", " +
		enum(responsePlace, func(i int) string { return prefixed("response.", event.Place(i).String()) })
}

func (names) ClassEnum() string {
	return enum(0, func(i int) string { return event.Class(i).String() })
}

// FlagNames lists the names of flags by their bits.
func (names) FlagNames() string {
	var out []string
	for i := range 64 {
		if name := event.Flags(1 << i).Names(); len(name) == 1 {
			out = append(out, literal(name[0]))
		} else {
			out = append(out, literal("bit "+strconv.Itoa(i)))
		}
	}
	return strings.Join(out, ", ")
}

func prefixed(prefix, s string) string {
	if s == "invalid" {
		return s
	}
	return prefix + s
}

func enum(from int, name func(int) string) string {
	var out []string
	for i := 0; name(i) != "invalid"; i++ {
		out = append(out, fmt.Sprintf("%s = %d", literal(name(i)), from+i))
	}
	return strings.Join(out, ", ")
}

// quote makes an identifier, literal a string, of any text.
func quote(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}

func literal(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(s) + "'"
}

// migrations returns all migrations in order.
func migrations(n names) ([]migration, error) {
	entries, err := fs.ReadDir(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	var out []migration
	for _, e := range entries {
		version, err := strconv.Atoi(strings.SplitN(e.Name(), "_", 2)[0])
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", e.Name(), err)
		}
		text, err := fs.ReadFile(migrationFiles, "migrations/"+e.Name())
		if err != nil {
			return nil, err
		}
		t, err := template.New(e.Name()).Parse(string(text))
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, n); err != nil {
			return nil, err
		}
		out = append(out, migration{version: version, name: strings.TrimSuffix(e.Name(), ".sql"), statements: split(b.String())})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].version < out[j].version })
	return out, nil
}

// split cuts a file into statements, which end with a semicolon at the end of
// a line, and leaves out the comments before them.
func split(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ";\n") {
		lines := strings.Split(strings.TrimSpace(part), "\n")
		for len(lines) > 0 && (strings.TrimSpace(lines[0]) == "" || strings.HasPrefix(lines[0], "--")) {
			lines = lines[1:]
		}
		if len(lines) > 0 {
			out = append(out, strings.Join(lines, "\n"))
		}
	}
	return out
}

// migrate brings the database to this program's version. Several processes
// may do so at once: statements are idempotent, and a version is noted once
// all of its statements have run.
func (s *Store) migrate(ctx context.Context) error {
	list, err := migrations(s.names)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := s.exec(ctx, "CREATE TABLE IF NOT EXISTS "+s.names.Table("migrations")+s.names.OnCluster()+
		" (version UInt32, name String, applied DateTime('UTC') DEFAULT now('UTC')) ENGINE = "+
		s.names.Everywhere("ReplacingMergeTree", "migrations", "")+" ORDER BY version"+s.names.Durable()); err != nil {
		return err
	}
	var present uint32
	if err := s.conn.QueryRow(ctx, "SELECT max(version) FROM "+s.names.Table("migrations")).Scan(&present); err != nil {
		return s.explain("read the version of the database", err)
	}
	newest := list[len(list)-1].version
	if int(present) > newest {
		return fmt.Errorf("store: database %q is at version %d and this program knows versions up to %d: it was used by a newer lapwing; run that one, or name another database", s.names.database, present, newest)
	}
	for _, m := range list {
		if m.version <= int(present) {
			continue
		}
		for _, statement := range m.statements {
			if err := s.exec(ctx, statement); err != nil {
				return fmt.Errorf("migration %s: %w", m.name, err)
			}
		}
		if err := s.exec(ctx, "INSERT INTO "+s.names.Table("migrations")+" (version, name) VALUES ($1, $2)", uint32(m.version), m.name); err != nil {
			return err
		}
	}
	return nil
}
