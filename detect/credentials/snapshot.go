package credentials

// SnapshotTypes names the cases that incidents hold.
func (*Stage) SnapshotTypes() []any {
	return []any{(*stuffing)(nil), (*sprayed)(nil), (*guessing)(nil), (*looping)(nil)}
}
