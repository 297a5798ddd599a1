package event

// An IDRef is one ID-shaped value of a request or a response. The value itself
// never travels: its keyed hash does, so that the same value is recognised
// wherever it stands, and for integers the value, for other identifiers an
// order hint.
type IDRef struct {
	Response bool   // where it stood: the response, else the request
	In       Place  //
	Name     string // path: index of the segment, "1" is the first; query, header, cookie: the key; body: dotted key path, [] for array elements
	Class    Class
	Hash     uint64 // keyed hash of the value; equal values have equal hashes wherever they stand
	Int      int64  // the value, if Class is ClassInt
	Order    uint64 // for time-ordered identifiers (UUID v1/v6/v7, ULID, ObjectId) their time in Unix milliseconds; else 0
}

// Place says where in a message a value stood.
type Place uint8

const (
	InPath Place = iota
	InQuery
	InBody
	InHeader
	InCookie
)

var placeNames = [...]string{"path", "query", "body", "header", "cookie"}

func (p Place) String() string { return name(placeNames[:], int(p)) }

// Class is the syntactic class of an identifier.
type Class uint8

const (
	ClassNone Class = iota
	ClassInt
	ClassUUID
	ClassULID
	ClassObjectID // 24 hex digits
	ClassHex      // 32, 40 or 64 hex digits
	ClassPrefixed // cus_9s6XKzkNRiz8i3
	ClassOpaque   // long, high entropy
	ClassMixed    // letters and digits: A1B2C3
	ClassSlug     // words-with-dashes, and other values under an ID-shaped key
	ClassName     // e-mail, phone, user name: a person
	ClassSecret   // a credential that the response handed out
)

var classNames = [...]string{"", "int", "uuid", "ulid", "objectid", "hex", "prefixed", "opaque", "mixed", "slug", "name", "secret"}

func (c Class) String() string { return name(classNames[:], int(c)) }

// Shape describes the bodies of a call without their values.
type Shape struct {
	Request  BodyShape
	Response BodyShape
}

// A BodyShape describes one body. Zero: no body, or none that could be read.
type BodyShape struct {
	Type     string   // json, form, multipart, xml, html, text, binary, graphql; "" without a body
	Keys     []string // "user.id:int", "items[].sku:string", sorted, at most 64
	Hash     uint64   // of type and all keys seen
	Items    int      // elements of the largest array among the top two levels
	Outcome  string   // short literal values of fields such as success, error, code, status: "code=E17,success=false"
	Location string   // response only: path of the Location header, typed like PathShape
}
