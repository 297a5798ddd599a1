package simulate

var flowAttacks = []attack{}
