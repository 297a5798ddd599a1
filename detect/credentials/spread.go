package credentials

// spread tells how events are shared among clients: exactly for the first
// eight, together for the rest.
type spread struct {
	who   [8]uint64
	n     [8]uint32
	other uint32
}

func (s *spread) add(client uint64) {
	for i := range s.who {
		if s.who[i] == client {
			s.n[i]++
			return
		}
		if s.n[i] == 0 {
			s.who[i], s.n[i] = client, 1
			return
		}
	}
	s.other++
}

// distinct is how many clients were seen, at most eight.
func (s *spread) distinct() int {
	d := 0
	for _, n := range s.n {
		if n > 0 {
			d++
		}
	}
	return d
}

func (s *spread) total() uint32 {
	t := s.other
	for _, n := range s.n {
		t += n
	}
	return t
}

// top is the share of the busiest client, 0…1.
func (s *spread) top() float64 {
	var most uint32
	for _, n := range s.n {
		most = max(most, n)
	}
	return float64(most) / float64(max(1, s.total()))
}

// names keeps the first ten distinct names, and counts nothing beyond.
type names []string

func (l *names) add(name string) {
	if name == "" || len(*l) >= 10 {
		return
	}
	for _, n := range *l {
		if n == name {
			return
		}
	}
	*l = append(*l, name)
}
