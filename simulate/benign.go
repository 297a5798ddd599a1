package simulate

// benignPlots are harmless things that look like attacks.
func benignPlots() []plot { return nil }
