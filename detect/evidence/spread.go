package evidence

// A Spread tells how events are shared among parties: exactly for the first
// eight, together for the rest. The zero value is ready to use.
type Spread struct {
	who   [8]uint64
	n     [8]uint32
	other uint32
}

// Add counts an event of a party.
func (s *Spread) Add(party uint64) {
	for i := range s.who {
		if s.n[i] == 0 || s.who[i] == party {
			s.who[i] = party
			s.n[i]++
			return
		}
	}
	s.other++
}

// Distinct is how many parties were seen, at most eight.
func (s *Spread) Distinct() int {
	d := 0
	for _, n := range s.n {
		if n > 0 {
			d++
		}
	}
	return d
}

// Top is the share of the busiest party, 0…1.
func (s *Spread) Top() float64 {
	most, total := uint32(0), s.other
	for _, n := range s.n {
		most, total = max(most, n), total+n
	}
	return float64(most) / float64(max(1, total))
}
