package simulate

// Spec returns the application's description.
func (w *World) Spec() []byte { return []byte(`{}`) }
