package simulate

import "time"

// attack is a line of the list of attacks.
type attack struct {
	id, name  string
	levels    string
	twin      bool
	says      string
	detectors string
	entities  string // kinds; any of the kind that took part
	unit      string
	apps      string
	days      [5]float64              // usual length by level, index 1 to 4; 0: one day
	from, to  float64                 // part of the run; 0, 0: from a quarter to nearly the end
	habit     bool                    // the double is something that was always done
	suits     func(*application) bool // what the application must be like for the attack to make sense
	run       func(*raid)
}

// attackPlots are the attacks and their doubles.
func attackPlots() []plot {
	var all []plot
	for _, group := range [][]attack{loginAttacks, objectAttacks, takingAttacks, probingAttacks, tokenAttacks, flowAttacks} {
		for _, k := range group {
			all = append(all, k.plot())
		}
	}
	return all
}

func (k attack) plot() plot {
	from, to := k.from, k.to
	if to == 0 {
		from, to = .25, .97
	}
	return plot{
		Scenario: Scenario{ID: k.id, Name: k.name, Levels: list(k.levels), Attack: true, Twin: k.twin, Says: k.says, Apps: list(k.apps)},
		length:   k.length,
		suits:    k.suits,
		run: func(c *cast) {
			c.part.Detectors, c.part.HarmUnit = list(k.detectors), k.unit
			for _, kind := range list(k.entities) {
				c.part.Entities = append(c.part.Entities, Entity{Kind: kind})
			}
			if c.twin {
				c.part.Detectors, c.part.Entities, c.part.HarmUnit = nil, nil, ""
			}
			if c.twin && k.habit {
				c.raid(.02, to, k.run)
				return
			}
			c.raid(from, to, k.run)
		},
	}
}

// length is how long a world must be for the attack at a level to play out.
func (k attack) length(level string) time.Duration {
	days := 0.
	if len(level) == 2 {
		days = k.days[level[1]-'0']
	}
	if days == 0 {
		days = 1
	}
	return time.Duration(days * 24 * float64(time.Hour))
}

// who may be named for attacks on logins, on objects, and so on.
const (
	byLogin    = "client network cluster endpoint account session"
	byAccount  = "account client network cluster endpoint"
	byActor    = "user token key session client account network"
	bySwarm    = "cluster network client endpoint"
	byProber   = "client network cluster session endpoint host"
	byBearer   = "token user account session key client"
	stuffNames = "credential_stuffing password_spraying account_takeover"
)

var loginAttacks = []attack{
	{id: "A01", name: "stuffing, one address", levels: "L1 L2 L3", twin: true, habit: true, detectors: stuffNames + " brute_force", entities: byLogin, unit: unitSecrets, days: [5]float64{2: 2, 3: 7},
		says: "One address works through a list of leaked pairs.",
		run: func(x *raid) {
			s := stuffing{gap: by(x, .1, 1300, 5400, 0), jitter: .3, count: by(x, 1500, 200, 200, 0), sources: 1, where: placeHosting, known: .35, valid: .015}
			x.stuffOrTwin(s)
		}},
	{id: "A02", name: "stuffing, rented servers, one tool", levels: "L1 L2 L3", twin: true, habit: true, detectors: stuffNames, entities: byLogin, unit: unitSecrets, days: [5]float64{3: 3},
		says: "Thousands of rented servers work through a list with one tool, each address for a few attempts.",
		run: func(x *raid) {
			s := stuffing{gap: by(x, .025, 48, 300, 0), jitter: by(x, 1., .4, 1, 1), count: by(x, 12_000, 1500, 1500, 0), sources: by(x, 16_600, 2000, 2000, 0), where: placeHosting, known: .3, valid: .01}
			x.stuffOrTwin(s)
		}},
	{id: "A03", name: "stuffing, homes", levels: "L1 L2 L3 L4", twin: true, habit: true, detectors: stuffNames, entities: byLogin, unit: unitSecrets, days: [5]float64{2: 2, 3: 5, 4: 3},
		says: "A list is tried through the connections of households, hardly two attempts from one address.",
		run: func(x *raid) {
			s := stuffing{gap: by(x, 1., 48, 600, 150), jitter: by(x, 1., .4, 1, 1), count: by(x, 4000, 4000, 4000, 4000), sources: 1 << 30, where: placeHome,
				dress: by(x, dressTool, dressFew, dressTool, dressPeople), known: .3, valid: by(x, .02, .01, .01, .01)}
			x.stuffOrTwin(s)
		}},
	{id: "A04", name: "stuffing, the app replayed", levels: "L2 L3 L4", twin: true, habit: true, detectors: stuffNames, entities: byLogin, unit: unitSecrets, days: [5]float64{2: 2, 3: 5, 4: 3},
		says: "The requests of the application's own app are replayed with leaked pairs, from carriers and homes.",
		run: func(x *raid) {
			s := stuffing{gap: by(x, 0., 48, 600, 150), jitter: by(x, 1., .4, 1, 1), count: 4000, sources: 1 << 30, where: by(x, placeHome, placeHome, placeHome, placeMobile), dress: dressApp, known: .4, valid: .015}
			x.stuffOrTwin(s)
		}},
	{id: "A05", name: "stuffing, one attempt an address, three weeks", levels: "L3 L4", twin: true, habit: true, detectors: stuffNames, entities: byLogin, unit: unitSecrets, days: [5]float64{3: 21, 4: 21}, from: .1, to: .98,
		says: "For three weeks every address makes one attempt.",
		run: func(x *raid) {
			s := stuffing{gap: by(x, 0., 0, 7200, 2700), jitter: 1, count: 4000, sources: 1 << 30, where: placeHome, dress: by(x, dressTool, dressTool, dressTool, dressPeople), known: .3, valid: .01}
			x.stuffOrTwin(s)
		}},
	{id: "A06", name: "spraying", levels: "L1 L2 L3 L4", twin: true, habit: true, detectors: "password_spraying credential_stuffing account_takeover", entities: byLogin, unit: unitSecrets, days: [5]float64{2: 3, 3: 7, 4: 3},
		says: "One to three usual passwords are tried on everybody.",
		run: func(x *raid) {
			s := spraying{users: min(5000, x.app.people), rounds: by(x, 1, 2, 2, 2), gap: by(x, .4, 90, 450, 120), sources: by(x, 1, 50, 50, 3000), where: by(x, placeHosting, placeHosting, placeHosting, placeHome),
				dress: by(x, dressTool, dressTool, dressTool, dressPeople)}
			if x.twin {
				x.expired(stuffing{gap: s.gap, jitter: .6, count: s.users * s.rounds, sources: s.sources, where: s.where, dress: s.dress})
				return
			}
			x.spray(s)
		}},
	{id: "A07", name: "spraying of service names", levels: "L1 L2 L3", detectors: "password_spraying credential_stuffing user_enumeration brute_force", entities: byLogin, unit: unitSecrets, days: [5]float64{2: 3, 3: 7},
		says: "Names that are believed to exist everywhere are tried with usual passwords.",
		run: func(x *raid) {
			x.spray(spraying{users: by(x, 120, 80, 80, 0), rounds: by(x, 3, 2, 2, 0), gap: by(x, 1., 2300, 5400, 0), sources: by(x, 1, 1, 20, 0), where: placeHosting, guessed: true})
		}},
	{id: "A08", name: "brute force on one account", levels: "L1 L2 L3 L4", twin: true, detectors: "brute_force account_takeover credential_stuffing", entities: byAccount, unit: unitSecrets, days: [5]float64{2: 2, 3: 5, 4: 2},
		says: "One account is tried with the usual passwords.",
		run: func(x *raid) {
			g := guessing{gap: by(x, .5, 1560, 3600, 600), count: by(x, 800, 200, 200, 400), sources: by(x, 1, 3, 50, 500), where: by(x, placeHosting, placeHosting, placeHosting, placeHome),
				dress: by(x, dressTool, dressTool, dressTool, dressPeople)}
			if x.twin {
				x.stubborn(g)
				return
			}
			x.guess(g)
		}},
	{id: "A09", name: "guessing one-time codes", levels: "L1 L2 L3", detectors: "brute_force account_takeover", entities: byAccount + " token session", unit: unitEntered, days: [5]float64{2: 2, 3: 5}, suits: withCodes,
		says: "With the right password in hand, the six digits are guessed, challenge after challenge.",
		run: func(x *raid) {
			x.otp(by(x, .5, 1900, 3600, 0), by(x, 1000, 150, 110, 0), by(x, 1, 1, 10, 0), placeHosting, dressTool)
		}},
	{id: "A10", name: "guessing reset codes", levels: "L1 L2 L3", detectors: "brute_force account_takeover", entities: byAccount + " token session", unit: unitEntered, days: [5]float64{2: 2, 3: 5},
		says: "A reset is asked for in somebody's name, and its code guessed.",
		run: func(x *raid) {
			x.resetCodes(by(x, .5, 1560, 3600, 0), by(x, 800, 150, 110, 0), by(x, 1, 1, 10, 0), placeHosting, dressTool)
		}},
	{id: "A11", name: "guessing gift cards", levels: "L1 L2 L3 L4", twin: true, detectors: "brute_force business_flow_abuse object_enumeration", entities: bySwarm + " session token", unit: unitCodes, days: [5]float64{3: 2, 4: 2},
		says: "Codes of gift cards are guessed from two hundred addresses.",
		run: func(x *raid) {
			x.guessCodes(by(x, .3, 12, 180, 60), by(x, 3000, 3000, 800, 1500), 200, by(x, placeHosting, placeHosting, placeHosting, placeHome), by(x, dressTool, dressTool, dressTool, dressPeople))
		}},
	{id: "A12", name: "card testing", levels: "L1 L2 L3 L4", detectors: "business_flow_abuse brute_force", entities: byActor + " cluster endpoint", unit: unitCodes, days: [5]float64{3: 2, 4: 2},
		says: "Card numbers are tested with small payments.",
		run: func(x *raid) {
			x.cards(by(x, 2., 60, 900, 180), by(x, 400, 300, 100, 300), by(x, 3, 12, 12, 60), by(x, placeHosting, placeHosting, placeHosting, placeHome), by(x, dressTool, dressTool, dressTool, dressPeople))
		}},
	{id: "A13", name: "asking who has an account", levels: "L1 L2 L3 L4", twin: true, habit: true, detectors: "user_enumeration credential_stuffing", entities: byLogin, unit: unitNames, days: [5]float64{2: 2, 3: 5, 4: 2}, suits: withOracle,
		says: "Many names are asked for at the login or the forgotten password, whose answers tell who has an account.",
		run: func(x *raid) {
			gap, count, sources := by(x, .4, 1900, 3600, 60), by(x, 1500, 200, 150, 3000), by(x, 1, 1, 1, 5000)
			where, d := by(x, placeHosting, placeHosting, placeHosting, placeHome), by(x, dressTool, dressTool, dressTool, dressPeople)
			if x.twin {
				x.expired(stuffing{gap: gap, jitter: .5, count: count, sources: sources, where: where, dress: d})
				return
			}
			op := x.app.forgot
			if x.app.style.unknown && !x.app.style.forgotTell {
				op = x.app.login
			}
			x.whoExists(op, gap, count, sources, where, d)
		}},
	{id: "A14", name: "takeover after phishing", levels: "L1 L3", twin: true, detectors: "account_takeover token_abuse", entities: byBearer, unit: unitStolen, days: [5]float64{1: 2, 3: 3}, from: .5, to: .97,
		says: "Passwords typed into a false page are used from elsewhere: the address of the account is changed, then its data read.",
		run:  func(x *raid) { x.takeover(3, by(x, 8., 0, 1200, 0), placeHosting) }},
}

var objectAttacks = []attack{
	{id: "A15", name: "objects of others, in sequence", levels: "L1 L2 L3 L4", twin: true, detectors: "bola object_enumeration", entities: byActor + " endpoint cluster object", unit: unitForeign, suits: withCounters, days: [5]float64{3: 3, 4: 2},
		says: "The number in the path is counted up through the objects of others.",
		run: func(x *raid) {
			x.reach(reaching{gap: by(x, .3, 12, 1800, 300), count: by(x, 200, 120, 60, 120), order: inSequence, accounts: by(x, 1, 1, 1, 20), sources: 1, where: by(x, placeHosting, placeHosting, placeHome, placeHome),
				dress: by(x, dressTool, dressTool, dressTool, dressPeople)})
		}},
	{id: "A16", name: "objects of others, in any order", levels: "L1 L2 L3", twin: true, detectors: "bola object_enumeration", entities: byActor + " endpoint object", unit: unitForeign, suits: withWeakness, days: [5]float64{3: 3},
		says: "Objects of others are asked for in any order.",
		run: func(x *raid) {
			x.reach(reaching{gap: by(x, .3, 12, 1800, 0), count: by(x, 200, 120, 60, 0), order: atRandom, accounts: 1, sources: 1, where: placeHome, dress: dressTool})
		}},
	{id: "A17", name: "objects of others, identifiers harvested", levels: "L1 L2 L3", twin: true, detectors: "bola object_enumeration", entities: byActor + " endpoint object", unit: unitForeign, suits: withHarvest, days: [5]float64{3: 3},
		says: "Identifiers that cannot be guessed were disclosed elsewhere and are now asked for.",
		run: func(x *raid) {
			x.reach(reaching{gap: by(x, .5, 12, 1800, 0), count: by(x, 150, 100, 50, 0), order: harvested, accounts: 1, sources: 1, where: placeHome, dress: by(x, dressTool, dressTool, dressCommon, dressCommon)})
		}},
	{id: "A18", name: "one object of others a day", levels: "L3", twin: true, detectors: "bola object_enumeration", entities: byActor + " endpoint object", unit: unitForeign, suits: withWeakness, days: [5]float64{3: 30}, from: .05, to: .99,
		says: "Every day one object of somebody else is read.",
		run: func(x *raid) {
			x.reach(reaching{gap: 86_000, count: 29, order: atRandom, accounts: 1, sources: 1, where: placeHome, dress: dressPeople})
		}},
	{id: "A19", name: "objects of others among one's own", levels: "L2 L3", twin: true, detectors: "bola object_enumeration", entities: byActor + " endpoint object", unit: unitForeign, suits: withWeakness, days: [5]float64{3: 2},
		says: "For each object of somebody else one (L2) or five (L3) own ones are read.",
		run: func(x *raid) {
			x.reach(reaching{gap: by(x, 0., 12, 300, 0), count: by(x, 0, 100, 60, 0), order: atRandom, dilution: by(x, 0, 1, 5, 0), accounts: 1, sources: 1, where: placeHome, dress: dressPeople})
		}},
	{id: "A20", name: "objects of others, 200 accounts", levels: "L4", twin: true, detectors: "bola object_enumeration", entities: byActor + " endpoint cluster object", unit: unitForeign, suits: withWeakness, days: [5]float64{4: 2},
		says: "Two hundred accounts, or as many as there are, read three objects of others each.",
		run: func(x *raid) {
			n := min(200, max(5, x.app.people/4))
			x.reach(reaching{gap: 90, count: 3 * n, order: atRandom, accounts: n, sources: 1, where: placeHome, dress: dressPeople})
		}},
	{id: "A21", name: "two values for one parameter", levels: "L1 L2 L3", twin: true, detectors: "parameter_pollution bola", entities: byActor + " endpoint object", unit: unitForeign, suits: withPaths, days: [5]float64{3: 2},
		says: "An own object stands where the check looks, and one of somebody else beside it.",
		run: func(x *raid) {
			x.reach(reaching{gap: by(x, 1., 15, 900, 0), count: by(x, 80, 80, 60, 0), order: atRandom, accounts: 1, sources: 1, where: placeHome, dress: dressTool, polluted: true})
		}},
	{id: "A22", name: "objects of others changed", levels: "L1 L2 L3", twin: true, detectors: "bola object_enumeration", entities: byActor + " endpoint object", unit: unitForeign, suits: withWeakWrites, days: [5]float64{3: 2},
		says: "Objects of others are changed.",
		run: func(x *raid) {
			x.reach(reaching{gap: by(x, 1., 15, 900, 0), count: by(x, 80, 80, 60, 0), order: atRandom, accounts: 1, sources: 1, where: placeHome, dress: dressTool, write: true})
		}},
	{id: "A23", name: "functions of employees", levels: "L1 L2 L3", twin: true, detectors: "bfla probing", entities: byActor + " endpoint", unit: unitFunctions, days: [5]float64{3: 2},
		says: "A customer calls the functions of employees that the web client's code names, and tries other methods.",
		run: func(x *raid) {
			x.functions(by(x, 1., 15, 1800, 0), by(x, 80, 60, 30, 0), placeHome, dressTool)
		}},
}
