package inventory

import (
	"math"
	"math/bits"
	"slices"
)

// exactUpTo is how many keys a distinct counts exactly: event.Endpoint
// promises exact client counts up to there.
const exactUpTo = 64

// registers of the estimate beyond; 256 give a standard error of 6.5 %
// (Flajolet et al. 2007: 1.04/√m).
const registers = 256

// A distinct counts different keys: exactly up to 64, then by HyperLogLog.
// Keys must be keyed hashes. The zero value is ready to use.
type distinct struct {
	exact    []uint64
	regs     *[registers]uint8
	estimate int64 // of the registers; 0 if they have changed since
}

// add counts key and reports whether the count may have changed.
func (d *distinct) add(key uint64) bool {
	if d.regs != nil {
		return d.register(key)
	}
	if slices.Contains(d.exact, key) {
		return false
	}
	if len(d.exact) < exactUpTo {
		d.exact = append(d.exact, key)
		return true
	}
	d.regs = new([registers]uint8)
	for _, k := range d.exact {
		d.register(k)
	}
	d.exact = nil
	d.register(key)
	return true
}

func (d *distinct) register(key uint64) bool {
	i := key >> 56
	rank := uint8(bits.LeadingZeros64(key<<8|1<<7)) + 1
	if rank <= d.regs[i] {
		return false
	}
	d.regs[i], d.estimate = rank, 0
	return true
}

func (d *distinct) count() int64 {
	if d.regs == nil {
		return int64(len(d.exact))
	}
	if d.estimate == 0 {
		d.estimate = d.estimated()
	}
	return d.estimate
}

func (d *distinct) estimated() int64 {
	sum, empty := 0.0, 0
	for _, r := range d.regs {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			empty++
		}
	}
	const m = float64(registers)
	estimate := 0.7213 / (1 + 1.079/m) * m * m / sum
	if estimate <= 2.5*m && empty > 0 {
		estimate = m * math.Log(m/float64(empty)) // linear counting of few keys
	}
	return max(exactUpTo+1, int64(math.Round(estimate)))
}

// merge adds the keys of o.
func (d *distinct) merge(o *distinct) {
	if o.regs == nil {
		for _, k := range o.exact {
			d.add(k)
		}
		return
	}
	if d.regs == nil {
		d.regs = new([registers]uint8)
		for _, k := range d.exact {
			d.register(k)
		}
		d.exact = nil
	}
	d.estimate = 0
	for i := range d.regs {
		d.regs[i] = max(d.regs[i], o.regs[i])
	}
}
