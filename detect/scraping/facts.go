package scraping

// Name is what facts to this stage are addressed to.
const Name = "scraping"

// Undisclosed tells this stage that an actor (the fact's key) read further
// distinct objects that no answer had told it of: enumeration, which is not
// this stage's to report.
type Undisclosed struct {
	Objects int32
}
