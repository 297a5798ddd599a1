package takeover

import (
	"strings"

	"lapwing/detect"
	"lapwing/detect/login"
	"lapwing/detect/state"
	"lapwing/event"
)

// change is what somebody did to an account after coming in.
type change uint8

const (
	changeNone change = iota
	changePassword
	changeContact // e-mail address: where resets go
	changePhone   // telephone number: where codes go
	changeFactor  // second factor put in or taken out
	changePayout  // bank account, payout method, beneficiary
	changeKey     // API key, personal token
	changeExport  // everything at once
	changeSweep   // nothing changed, but more places looked at than hardly any session does
	changes
)

var changeWords = [changes]string{"", "password", "mail address", "telephone number", "second factor", "payout", "key", "export", "look at everything"}

var changeFeatures = [changes]string{"", "password_changed", "mail_address_changed", "telephone_changed", "second_factor_changed", "payout_changed", "key_made", "data_exported", "places_looked_at"}

func set(list string) map[string]struct{} {
	m := make(map[string]struct{})
	for _, w := range strings.Fields(list) {
		m[w] = struct{}{}
	}
	return m
}

// Segments of paths and names of operations, letters and digits only, that say
// what is changed, in the languages of most of the web.
var (
	mailWords = set(`email emails emailaddress mailaddress mail changeemail emailchange updateemail contactemail recoveryemail emailaendern mailadresse correo cambiarcorreo courriel adressemail
		emailadresse epost correoelectronico enderecoemail`)
	phoneWords  = set(`phone phones phonenumber changephone mobile mobilenumber recoveryphone telefon telefonnummer telefono telephone telefone celular handynummer`)
	factorWords = set(`mfa 2fa tfa totp twofactor twofactorauth secondfactor authenticator authenticators webauthn passkey passkeys securitykeys disablemfa disable2fa enablemfa enable2fa mfadevices
		backupcodes recoverycodes trusteddevices zweifaktor doublefacteur dosfactores`)
	payoutWords = set(`payout payouts payoutmethod payoutmethods payoutaccount bankaccount bankaccounts bankdetails iban withdrawaladdress withdrawaladdresses beneficiary beneficiaries payee payees
		paymentmethods paymentmethod directdebit walletaddress payoutsettings auszahlung auszahlungen bankverbindung bankkonto comptebancaire beneficiaire beneficiaires cuentabancaria cuentasbancarias
		beneficiario beneficiarios contabancaria coordonneesbancaires rib rekeningnummer`)
	keyWords = set(`apikey apikeys apitoken apitokens accesskeys accesskey personalaccesstokens accesstokens developerkeys servicekeys sshkeys deploykeys clientsecrets createapikey
		createaccesstoken appspasswords apppasswords apischluessel clesapi clavesapi chavesapi`)
	exportWords = set(`export exports exportall exportdata dataexport takeout downloadall downloaddata downloadmydata dump backup backups archive gdprexport datenexport exportieren exporter exportar
		esporta exportuj fullexport bulkexport exportcsv`)
	ownWords = set("me self profile account accounts settings user users customer customers member members profil konto compte cuenta perfil conta einstellungen parametres ajustes mein mon mi security preferences")
	notWords = set("verify verification confirm resend send check exists available validate newsletter subscribe unsubscribe notifications search login challenge")
)

// changeOf says what a call changes, if it was answered as done.
func (s *Stage) changeOf(o *detect.Observation) change {
	c := o.Call
	if c.Status < 200 || c.Status >= 400 || c.Token == "" && o.User == 0 {
		return changeNone
	}
	if l := o.Login; l != nil {
		if l.Class == detect.LoginChange && !l.Outcome.Failed() {
			return changePassword
		}
		return changeNone
	}
	says := s.says(o)
	switch {
	case says == changeExport && (c.Method == "GET" || c.Method == "POST"):
		return changeExport
	case reads(c) || c.Method == "HEAD" || c.Method == "OPTIONS":
		return changeNone
	case says == changeKey && c.Method != "POST" && c.Method != "PUT":
		return changeNone // a key that is taken away opens nothing
	case says != changeNone && says != changeExport:
		return says
	}
	if says == changeNone && s.own(o) {
		return fieldChange(c)
	}
	return changeNone
}

// said is what the place of a call says about it.
type said struct {
	change change
	own    bool // it is the caller's own account
}

func (s *Stage) says(o *detect.Observation) change { return s.place(o).change }
func (s *Stage) own(o *detect.Observation) bool    { return s.place(o).own }

// place reads the path of a call, remembered by route.
func (s *Stage) place(o *detect.Observation) said {
	c := o.Call
	path := o.Route.Template
	if path == "" {
		path = c.PathShape
	}
	key := o.Route.Family
	if key == 0 {
		key = state.Hash(s.cfg.Seed, path)
	}
	if c.Operation != "" {
		key = state.Join(key, state.Hash(s.cfg.Seed, c.Operation))
	}
	if known := s.places.Get(key); known != nil {
		return *known
	}
	p := placeOf(path, c.Operation)
	if known := s.places.Put(key, 0); known != nil {
		*known = p
	}
	return p
}

func placeOf(path, operation string) (p said) {
	segments := strings.Split(path[:min(len(path), 512)], "/")
	if operation != "" {
		operation = operation[:min(len(operation), 128)]
		segments = append(segments, operation[strings.LastIndexAny(operation, "./ ")+1:])
	}
	for i, segment := range segments {
		if segment == "" || segment[0] == '{' {
			continue
		}
		w := login.Plain(segment)
		if _, no := notWords[w]; no {
			return said{own: p.own}
		}
		if _, own := ownWords[w]; own || ownOperation(w) {
			p.own = true
		}
		last := i >= len(segments)-2 // the noun, or the noun with a verb or an identifier behind it
		for _, l := range []struct {
			words  map[string]struct{}
			change change
		}{{mailWords, changeContact}, {phoneWords, changePhone}, {factorWords, changeFactor}, {payoutWords, changePayout}, {keyWords, changeKey}, {exportWords, changeExport}} {
			if _, is := l.words[w]; is && last {
				p.change = l.change
			}
		}
	}
	if (p.change == changeContact || p.change == changePhone) && !p.own && operation == "" {
		p.change = changeNone // /email/… elsewhere sends mail
	}
	return p
}

// ownOperation recognises updateMe, editProfile, changeAccount and their like.
func ownOperation(w string) bool {
	for _, verb := range [...]string{"update", "edit", "change", "set", "modify", "patch", "save"} {
		if rest, ok := strings.CutPrefix(w, verb); ok {
			if rest == "viewer" {
				return true
			}
			_, own := ownWords[rest]
			return own
		}
	}
	return false
}

// reads reports whether a call only looks: a GET, or a query of GraphQL.
func reads(c *event.Call) bool {
	return c.Method == "GET" || strings.HasPrefix(c.Operation, "query ")
}

// fieldChange reads what is changed from the body of a call to the caller's own
// account.
func fieldChange(c *event.Call) change {
	found := changeNone
	for _, key := range c.Shape.Request.Keys {
		if i := strings.LastIndexByte(key, ':'); i >= 0 {
			key = key[:i]
		}
		key = login.Plain(key[strings.LastIndexByte(key, '.')+1:])
		if _, is := payoutWords[key]; is {
			return changePayout
		}
		if key == "newpassword" || key == "currentpassword" || key == "oldpassword" {
			return changePassword
		}
		if _, is := phoneWords[key]; is && found == changeNone {
			found = changePhone
		}
		if _, is := mailWords[key]; is {
			found = changeContact
		}
		if _, is := factorWords[key]; is {
			found = changeFactor
		}
	}
	return found
}
