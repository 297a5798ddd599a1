package sample

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// What the shop sells and whom it knows. All names are made up.

type product struct {
	ID          int               `json:"id"`
	Slug        string            `json:"slug"`
	Name        string            `json:"name"`
	Category    string            `json:"category"`
	Brand       string            `json:"brand"`
	Price       money             `json:"price"`
	Stock       int               `json:"stock"`
	Rating      string            `json:"rating"`
	Reviews     int               `json:"reviewCount"`
	Image       string            `json:"image"`
	Description string            `json:"description"`
	Attributes  map[string]string `json:"attributes"`
}

// money is in the smallest unit of its currency.
type money struct {
	Amount   int    `json:"amount"`
	Currency string `json:"currency"`
}

type account struct {
	ID       string   `json:"id"`
	Email    string   `json:"email"`
	Name     string   `json:"name"`
	Phone    string   `json:"phone"`
	Address  *address `json:"address,omitempty"`
	password string
	orders   []int // own order numbers, oldest first
	cart     []line
	wishes   []int
}

type address struct {
	Street  string `json:"street"`
	Zip     string `json:"zip"`
	City    string `json:"city"`
	Country string `json:"country"`
}

type line struct {
	ID      int `json:"id"`
	Product int `json:"productId"`
	Count   int `json:"quantity"`
}

var (
	categories = []string{"audio", "bags", "bikes", "books", "camping", "coffee", "garden", "kitchen", "lighting", "office", "toys", "watches"}
	adjectives = []string{"Alpine", "Amber", "Bold", "Calm", "Classic", "Compact", "Copper", "Dawn", "Fjord", "Granite", "Harbour", "Juniper", "Linen", "Lunar", "Maple", "Meadow", "Nordic", "Ocean", "Pocket", "River", "Sable", "Summit", "Timber", "Urban", "Velvet", "Willow"}
	things     = map[string][]string{
		"audio": {"Headphones", "Speaker", "Turntable", "Earbuds"}, "bags": {"Backpack", "Tote", "Duffel", "Satchel"}, "bikes": {"Helmet", "Pump", "Saddle", "Bike Light"},
		"books": {"Atlas", "Notebook", "Cookbook", "Field Guide"}, "camping": {"Tent", "Stove", "Lantern", "Hammock"}, "coffee": {"Grinder", "Kettle", "Dripper", "Mug"},
		"garden": {"Trowel", "Planter", "Hose", "Shears"}, "kitchen": {"Knife", "Skillet", "Board", "Scale"}, "lighting": {"Desk Lamp", "Pendant", "Floor Lamp", "Candle"},
		"office": {"Chair", "Monitor Arm", "Desk Mat", "Pen"}, "toys": {"Puzzle", "Kite", "Train Set", "Blocks"}, "watches": {"Diver", "Chronograph", "Field Watch", "Strap"},
	}
	brands    = []string{"Aldermoor", "Brightwell", "Castelan", "Dovetail", "Elmhurst", "Farrow & Finch", "Greyline", "Holtz"}
	colours   = []string{"black", "sand", "forest", "navy", "brick", "white"}
	materials = []string{"steel", "oak", "recycled polyester", "aluminium", "ceramic", "cotton", "leather"}
	phrases   = []string{
		"Made to last and easy to repair.", "Designed in a small studio by the sea.", "Ships in packaging without plastic.", "Our customers' favourite three years in a row.",
		"Light enough to carry all day.", "Comes with a two-year guarantee.", "Spare parts are available for ten years.", "Finished by hand, so no two are alike.",
		"Tested in wind, rain and a family of five.", "A gift that does not end up in a drawer.", "Folds flat when you need the room.", "Pairs well with the rest of the series.",
	}
	firstNames = []string{"Ada", "Ben", "Carla", "David", "Elif", "Femke", "Georg", "Hanna", "Ines", "Jonas", "Karin", "Liam", "Mara", "Nils", "Olga", "Paul", "Rosa", "Sven", "Tara", "Umut", "Vera", "Wim", "Yara", "Zoe"}
	lastNames  = []string{"Abel", "Berg", "Costa", "Dahl", "Engel", "Fischer", "Garcia", "Horn", "Ivanov", "Jansen", "Keller", "Lang", "Moreau", "Nowak", "Olsen", "Peters", "Quint", "Rossi", "Schulz", "Thorn", "Urban", "Vogel", "Winter", "Young"}
	cities     = []string{"Bremen", "Delft", "Ghent", "Graz", "Leeds", "Lille", "Malmo", "Porto", "Turin", "Zug"}
	words      = []string{"sunny", "coffee", "tiger", "summer", "dragon", "maple", "orange", "guitar", "winter", "pepper"}
)

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// uuid draws a random identifier (RFC 9562, version 4).
func uuid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&0xffffffffffff)
}

// newAccount makes the nth customer.
func newAccount(r *rand.Rand, n int) *account {
	first, last := pick(r, firstNames), pick(r, lastNames)
	return &account{
		ID: uuid(r), Name: first + " " + last,
		Email:    fmt.Sprintf("%s.%s%d@example.%s", strings.ToLower(first), strings.ToLower(last), n, pick(r, []string{"com", "net", "org"})),
		Phone:    fmt.Sprintf("+44 20 7946 %04d", r.IntN(1000)), // a range kept free for fiction
		Address:  &address{Street: fmt.Sprintf("%d %s Street", 1+r.IntN(180), pick(r, adjectives)), Zip: fmt.Sprintf("%05d", 10000+r.IntN(89999)), City: pick(r, cities), Country: "XX"},
		password: fmt.Sprintf("%s-%s-%d", pick(r, words), pick(r, words), r.IntN(1000)),
	}
}

// newProducts makes a catalogue with increasing numbers and the holes that
// discontinued articles leave.
func newProducts(r *rand.Rand, n int) []*product {
	out := make([]*product, n)
	id := 10017
	for i := range out {
		category := pick(r, categories)
		name := fmt.Sprintf("%s %s", pick(r, adjectives), pick(r, things[category]))
		text := make([]string, 3+r.IntN(4))
		for j := range text {
			text[j] = pick(r, phrases)
		}
		out[i] = &product{
			ID: id, Slug: fmt.Sprintf("%s-%d", strings.ReplaceAll(strings.ToLower(name), " ", "-"), id), Name: name, Category: category, Brand: pick(r, brands),
			Price: money{Amount: 490 + 100*r.IntN(300), Currency: "EUR"}, Stock: r.IntN(90), Rating: fmt.Sprintf("%d.%d", 3+r.IntN(2), r.IntN(10)), Reviews: r.IntN(400),
			Image: fmt.Sprintf("http://img.shop.example/p/%d.webp", id), Description: strings.Join(text, " "),
			Attributes: map[string]string{"colour": pick(r, colours), "material": pick(r, materials), "weightGrams": fmt.Sprint(50 + 25*r.IntN(200))},
		}
		id += 1 + r.IntN(4)
	}
	return out
}
