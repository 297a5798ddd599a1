package probing

// SnapshotTypes names the cases that incidents hold.
func (*Stage) SnapshotTypes() []any { return []any{(*probe)(nil)} }
