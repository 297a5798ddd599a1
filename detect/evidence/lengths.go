package evidence

// Lengths tells how often each length came: exactly for the first eight,
// together for the rest. The zero value is ready to use.
type Lengths struct {
	length [8]int32
	n      [8]uint32
	other  uint32
}

// Add counts a length.
func (l *Lengths) Add(length int32) {
	for i := range l.n {
		if l.n[i] == 0 || l.length[i] == length {
			l.length[i] = length
			l.n[i]++
			return
		}
	}
	l.other++
}

// Most is how many were counted, and how many of them had the most frequent
// length.
func (l *Lengths) Most() (n, most uint32) {
	n = l.other
	for _, k := range l.n {
		n, most = n+k, max(most, k)
	}
	return n, most
}

// Alike reports whether at least from lengths were counted and this share of
// them is equal. Passwords that people chose differ: no length is that of more
// than a third (the lists of leaked passwords peak at eight characters with about
// 30 %), so that of ten the chance that nine are equal is one in 2,000.
func (l *Lengths) Alike(from uint32, share float64) bool {
	n, most := l.Most()
	return n >= from && float64(most) >= share*float64(n)
}
