package inventory

// SnapshotTypes names the cases that incidents hold.
func (*Stage) SnapshotTypes() []any {
	return []any{(*endpointCase)(nil), (*hostCase)(nil), (*orphanCase)(nil), (*driftCase)(nil)}
}
