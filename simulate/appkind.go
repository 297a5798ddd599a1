package simulate

// A kind says what an application is about. Everything else about it (words,
// identifiers, logins, answers, extent) is drawn from the seed.
//
// A resource is written: concept[<parent] access count operations fields…
//
//	access      public    everyone may read
//	            authored  everyone may read, the author may change
//	            owned     belongs to one account
//	            tenant    belongs to one organisation
//	            staff     for employees
//	count       objects in total (public, authored, staff) or the median for
//	            each owner; 0 means one of a kind, such as the cart
//	operations  l list, g get, c create, u update, d delete, s search, x
//	            export, and +action for further steps on one object
type kind struct {
	name      string
	guests    float64 // visitors without account for each account
	perDay    float64 // sessions of a median person a day
	machines  float64 // share of calls by machines, middle of its range
	resources []string
	auth      []authStyle // what such applications use
	api       []apiStyle
}

var everyAPI = []apiStyle{apiREST, apiREST, apiREST, apiREST, apiGraphQL, apiRPC, apiMethodPath}

var kinds = []*kind{
	{name: "shop", guests: 2, perDay: .5, machines: .12, auth: []authStyle{authJWT, authCookie, authOpaque}, api: everyAPI,
		resources: []string{
			"product public 4000 lgs title description price currency stock image category rating created",
			"category public 60 lg title description", "review<product authored 9000 lc rating description created",
			"order owned 4 lgc+cancel status total currency address quantity created updated", "invoice<order owned 1 l number total iban date",
			"cart owned 0 gu total currency quantity", "address owned 1.5 lgcud street zip city country phone", "payment owned 1.5 lgcd brand number status created",
			"favourite owned 3 lcd product created", "return owned 1 lgc+cancel status total note created", "promotion public 40 lg title price code date"}},
	{name: "bank", perDay: 1.1, machines: .1, auth: []authStyle{authJWT, authOpaque, authCookie}, api: everyAPI,
		resources: []string{
			"account owned 2 lg iban balance currency type status created", "transaction<account owned 30 lgs amount currency date iban name note status",
			"transfer owned 6 lgc+confirm amount currency iban name note status date", "beneficiary owned 5 lgcud name iban note",
			"card owned 1.5 lgu+block brand number status limit date", "statement owned 6 lg number date balance", "loan owned 1 lgc amount balance date status",
			"message owned 4 lgc title description created"}},
	{name: "saas", perDay: 2.5, machines: .2, auth: []authStyle{authJWT, authCookie, authOpaque}, api: everyAPI,
		resources: []string{
			"project tenant 12 lgcud title description status owner created updated", "task<project tenant 60 lgcud+complete title description status owner date",
			"document tenant 40 lgcudx title owner created updated size", "comment tenant 120 lgcd description owner created", "member tenant 9 lgcud name email role created",
			"invoice tenant 12 lg number total currency date status", "webhook tenant 2 lgcud url active created", "dashboard tenant 4 lg title owner created",
			"workflow tenant 6 lgcu+run title active updated"}},
	{name: "health", perDay: .25, machines: .12, auth: []authStyle{authOpaque, authJWT, authCookie}, api: everyAPI,
		resources: []string{
			"doctor public 400 lgs name title city phone rating", "appointment owned 4 lgc+cancel date doctor status note",
			"record owned 6 lg title date doctor description", "prescription owned 3 lgc+refill title quantity doctor date", "result owned 5 lg title number status date",
			"message owned 5 lgc title description created", "insurance owned 1 lgu name number status date", "invoice owned 3 lg number total date status"}},
	{name: "ride", guests: .1, perDay: 1.2, machines: .08, auth: []authStyle{authJWT, authOpaque}, api: everyAPI,
		resources: []string{
			"ride owned 12 lgc+cancel+rate price currency driver location status created", "receipt<ride owned 1 l number total date",
			"place owned 2 lcud title location address", "driver public 600 g name rating phone location", "vehicle public 600 lg title type location",
			"payment owned 1.5 lgcd brand number status created", "promotion public 30 lg title code date", "ticket owned 1 lgc title description status created"}},
	{name: "social", guests: .4, perDay: 4, machines: .07, auth: []authStyle{authJWT, authCookie, authOpaque}, api: everyAPI,
		resources: []string{
			"post authored 12000 lgcuds+like description image created rating", "comment<post authored 30000 lc description created",
			"profile authored 3000 gs name image description city", "story authored 2000 lgc image created", "friend owned 14 lcd name created",
			"chat owned 8 lgc title updated", "message<chat owned 25 lc description created", "group public 500 lg title description rating",
			"event public 400 lg title date location"}},
	{name: "game", guests: .05, perDay: 3, machines: .08, auth: []authStyle{authOpaque, authJWT}, api: everyAPI,
		resources: []string{
			"match public 8000 lg title status date rating", "player authored 3000 gs name rating image country", "inventory owned 20 lg title type quantity",
			"purchase owned 3 lgc title price currency date", "friend owned 9 lcd name created", "guild public 300 lgs title rating description", "badge owned 8 lg title date",
			"leaderboard public 20 lg title updated", "skin public 700 lg title price image", "message owned 8 lgc title description created"}},
	{name: "travel", guests: 3, perDay: .3, machines: .15, auth: []authStyle{authCookie, authJWT, authOpaque}, api: everyAPI,
		resources: []string{
			"hotel public 3000 lgs title city country price rating image", "room<hotel public 9000 l title price quantity", "flight public 5000 lgs number price currency date location",
			"destination public 250 lg title country image description", "booking owned 3 lgcu+cancel number status total currency date", "passenger owned 2 lgcud name birthday country",
			"payment owned 1.5 lgcd brand number status created", "review<hotel authored 7000 lc rating description created", "favourite owned 3 lcd hotel created"}},
	{name: "iot", perDay: .8, machines: .22, auth: []authStyle{authJWT, authKeyHeader, authOpaque}, api: []apiStyle{apiREST, apiREST, apiREST, apiRPC, apiMethodPath},
		resources: []string{
			"device owned 4 lgcud+restart title type status location updated", "measurement<device owned 40 lc number unit date", "alert owned 6 lgu title status date",
			"rule owned 3 lgcud title active updated", "site owned 1.5 lgcu title address location", "sensor owned 6 lg title type number updated", "command<device owned 5 lc type status created",
			"schedule owned 3 lgcud title active date"}},
	{name: "partner", perDay: 1.5, machines: .25, auth: []authStyle{authKeyHeader, authOpaque, authBasic, authKeyQuery}, api: []apiStyle{apiREST, apiREST, apiREST, apiRPC, apiMethodPath},
		resources: []string{
			"product public 8000 lgsx title price currency stock updated", "order tenant 80 lgcu+cancel status total currency address created updated", "shipment tenant 60 lgc+confirm number status address date",
			"invoice tenant 30 lg number total date status", "customer tenant 60 lgcu name email phone address created", "quote tenant 20 lgc total currency date status",
			"inventory tenant 40 lgu title stock location updated", "webhook tenant 2 lgcud url active created"}},
	{name: "gov", guests: .5, perDay: .12, machines: .08, auth: []authStyle{authCookie, authJWT, authOpaque}, api: []apiStyle{apiREST, apiREST, apiREST, apiRPC, apiMethodPath},
		resources: []string{
			"claim owned 2 lgcu+submit number status amount date", "document owned 5 lgcd title date size", "benefit owned 1.5 lg title amount date status", "message owned 4 lg title description created",
			"appointment owned 1.5 lgc+cancel date location status", "vehicle owned 1.2 lg number type date", "house owned 1.1 lgu address number", "location public 300 lgs title address phone",
			"payment owned 2 lg amount date status", "article public 900 lgs title description updated"}},
	{name: "llm", perDay: 2, machines: .25, auth: []authStyle{authKeyHeader, authJWT, authOpaque}, api: []apiStyle{apiREST, apiREST, apiREST, apiMethodPath},
		resources: []string{
			"model public 40 lg title type date limit", "completion owned 0 c title number", "embedding owned 0 c title number", "thread owned 12 lgcd title updated", "message<thread owned 12 lc description created",
			"file owned 6 lgcd title size created", "key tenant 3 lcd title created status", "job tenant 3 lgc+cancel status model created", "project tenant 3 lgcu title created", "member tenant 6 lgcu name email role"}},
}

// longTail are resources that any application may have beside its own; how many
// of them it has decides its extent.
var longTail = []string{
	"notification owned 6 lgu title description created", "preference owned 0 gu language active", "device owned 2 lgd title type updated", "subscription owned 1 lgcu+cancel title price status date",
	"ticket owned 1.5 lgc+close title description status created", "attachment owned 2 lgcd title size created", "invitation owned 1 lcd email status created", "consent owned 1 lgu type active date",
	"tag owned 3 lcd title", "note owned 3 lgcud title description updated", "report owned 2 lgc title date status", "export owned 1 lgc type status created", "contact owned 4 lgcud name email phone",
	"history owned 8 l title date", "recommendation public 400 l title image rating", "location public 200 lgs title address phone", "article public 300 lgs title description updated",
	"feature public 30 l title active", "policy public 12 lg title description updated", "country public 12 l title code", "language public 8 l title code", "recap owned 1 lg title date",
	"survey owned 1 lgu title status", "reward owned 2 lg title amount date", "referral owned 1 lgc code status created", "badge owned 2 lg title date", "calendar owned 0 gu title updated",
	"alert owned 2 lgcud title active date", "template owned 2 lgcud title updated", "integration owned 1 lgcd title status created", "permission owned 1 l title type",
	"audit staff 5000 lgs title owner date", "job staff 300 lg+retry title status created", "role staff 12 lgcud title updated", "campaign staff 80 lgcu title date status", "supplier staff 200 lgcu name email phone",
	"payout staff 900 lg+approve amount iban date status", "rule staff 60 lgcud title active", "flag staff 50 lgu title active", "batch staff 400 lgc status created", "dispute staff 300 lgu+close amount status created",
}

func kindNamed(name string) *kind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

// Apps returns the kinds of application, in a fixed order.
func Apps() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}
