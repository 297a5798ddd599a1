package simulate

// attackPlots are the attacks.
func attackPlots() []plot { return nil }
