package objects

import "lapwing/detect/state"

const (
	maxParams = 16_384

	// An actor's share of undisclosed objects enters the model of a place at 3
	// distinct objects and again at every doubling.
	firstCounted = 3
	bins         = 20

	// From coldActors on the measured ceiling replaces the default.
	coldActors = 50
	// From crowdActors on the median actor may switch a test off: an API whose
	// identifiers come from elsewhere shows that in everybody.
	crowdActors = 10
)

// enumerationTest is D11(a): how often a benign actor asks for an object that
// nobody told it of.
const (
	undisclosedP0    = 0.05
	undisclosedP1    = 0.70
	undisclosedFloor = 0.02
	undisclosedCeil  = 0.25
)

// A param is what is learned of one place for identifiers: a route family and
// the name of the parameter.
type param struct {
	all    [bins + 1]uint32 // actors by share of undisclosed objects
	clean  [bins + 1]uint32 // those without evidence against them: nobody teaches us their own attack
	actors uint32
	// Actors by what they knew of the first object they asked for here.
	beganTold, beganUnknown uint32
	pages                   uint32 // 2xx answers that were HTML
	answers                 uint32 // all 2xx answers
}

// counted is what an actor last contributed.
type counted struct {
	bin   uint8
	clean bool
	set   bool
}

// learn replaces the contribution was by the present share.
func (p *param) learn(was counted, undisclosed, touched int32, clean bool) counted {
	now := counted{bin: uint8(int(undisclosed) * bins / max(1, int(touched))), clean: clean, set: true}
	if was.set {
		p.all[was.bin]--
		if was.clean {
			p.clean[was.bin]--
		}
	} else {
		p.actors++
	}
	p.all[now.bin]++
	if clean {
		p.clean[now.bin]++
	}
	return now
}

// began notes what an actor knew of the first object it asked for here.
func (p *param) began(know knowledge) {
	switch know {
	case told:
		p.beganTold++
	case unknown:
		p.beganUnknown++
	}
}

// listed reports that identifiers come from the API here: at least as many
// actors began with an object that an answer had told them of as with one that
// none had. Each actor has one vote, and gives it before it can have read
// enough to have been told of anything by accident.
func (p *param) listed() bool { return p.beganTold > 0 && p.beganTold >= p.beganUnknown }

func (p *param) cold() bool { return p == nil || p.actors < coldActors }

// ceiling returns p0 of the undisclosed test at this place, and false if the
// test says nothing here.
func (p *param) ceiling() (p0 float64, on bool) {
	if p == nil || p.actors < crowdActors {
		return undisclosedP0, true
	}
	if quantile(&p.all, 0.5) > undisclosedCeil {
		return 0, false
	}
	if p.actors < coldActors {
		return undisclosedP0, true
	}
	q := quantile(&p.clean, 0.999) * 1.25
	return min(max(q, undisclosedFloor), undisclosedCeil), true
}

// linked reports that the place serves pages for people: their links to each
// other are not read, so undisclosed means nothing here.
func (p *param) linked() bool { return p != nil && p.pages*2 > p.answers }

// quantile returns the lower edge of the bin in which the quantile lies.
func quantile(h *[bins + 1]uint32, q float64) float64 {
	total := uint32(0)
	for _, n := range h {
		total += n
	}
	below := uint32(0)
	for i, n := range h {
		below += n
		if float64(below) >= q*float64(total) && below > 0 {
			return float64(i) / bins
		}
	}
	return 0
}

func newParams() *state.Table[param] { return state.NewTable[param](maxParams) }
