package standard

import (
	"lapwing/detect/credentials"
	"lapwing/detect/inventory"
	"lapwing/detect/login"
	"lapwing/detect/objects"
	"lapwing/detect/probing"
	"lapwing/detect/scraping"
)

// SnapshotTypes names the stages that New makes.
func (*Detection) SnapshotTypes() []any {
	return []any{(*inventory.Stage)(nil), (*login.Stage)(nil), (*credentials.Stage)(nil), (*objects.Stage)(nil), (*probing.Stage)(nil), (*scraping.Stage)(nil)}
}
