package credentials

import "math/bits"

// users estimates how many people authenticated from one place within a day
// or two: a linear counter of 64 bits in two generations. It is exact enough
// to tell a household from an office, which is all it is asked.
type users struct {
	young, old uint64
	turnNS     int64
}

// household is how many people may share an address before what one of them
// does is no longer held against it.
const household = 5

func (u *users) add(key uint64, nowNS int64) {
	if nowNS >= u.turnNS {
		if u.turnNS == 0 || nowNS-u.turnNS >= dayNS {
			u.young = 0
		}
		u.old, u.young = u.young, 0
		u.turnNS = nowNS + dayNS
	}
	u.young |= 1 << (key >> 58)
}

// shared reports whether more than a household uses the place.
func (u *users) shared() bool { return bits.OnesCount64(u.young|u.old) > household }
