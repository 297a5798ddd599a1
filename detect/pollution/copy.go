package pollution

import "lapwing/event"

// Name is what facts to this stage are addressed to.
const Name = "pollution"

// A Copy tells a form (the fact's key) that a request named two different
// things under one parameter, and was answered with success.
type Copy struct {
	Actor, Value uint64 // Value is the hash of the second one
	Follows      bool   // the answer is about the second one, not about the first
	// Part says that the endpoint serves something that belongs to what is named
	// twice, as /users/7/friends: there the second may be somebody else by right.
	Part         bool
	Told         bool  // the API had told the actor of the second one
	Population   int32 // actors known at the place of the first
	First        Spot
	Second       Spot
	Entity       event.Entity
	Host, Method string
	Route        string
	Sample       event.CallSample
}

// A Spot is where an identifier stood: in the path by number, else by name.
type Spot struct {
	In   event.Place
	Name string
}

func (s Spot) String() string {
	if s.In == event.InPath {
		return "the path"
	}
	return s.In.String() + " " + s.Name
}

// A Clean touch tells an actor that sent copies before (the fact's key) that it
// asked for another object without any.
type Clean struct{ AtNS int64 }
