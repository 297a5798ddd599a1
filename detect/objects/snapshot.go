package objects

// SnapshotTypes names the cases that incidents hold.
func (*Stage) SnapshotTypes() []any {
	return []any{(*bolaCase)(nil), (*enumerationCase)(nil), (*crowdCase)(nil)}
}
