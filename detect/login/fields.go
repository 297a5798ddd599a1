package login

import (
	"strings"

	"lapwing/detect"
	"lapwing/event"
)

// fields is what the names in a body say.
type fields uint16

const (
	fieldPassword fields = 1 << iota
	fieldRepeat          // the password once more
	fieldOld             // the present password, beside a new one
	fieldNew
	fieldIdentifier
	fieldCode   // one-time code
	fieldTicket // code or token of an e-mail or an OAuth redirect
	fieldRefresh
	fieldClientSecret
	fieldCoupon
	fieldError // response: says that something went wrong
	fieldMore  // response: asks for a second factor
	fieldSeen  // the shape was looked at
	fieldFault // response: its form is that of an error: members of one, a filled list, a problem document
)

var fieldNames = []struct {
	field fields
	names map[string]struct{}
}{
	{fieldPassword, set("password passwd pass pwd passwort kennwort contrasena clave senha motdepasse mdp wachtwoord haslo parola sifre heslo jpassword userpassword loginpassword passphrase secret pw userpass userpwd pin пароль 密码 mima matkhau log_pwd")},
	{fieldRepeat, set("passwordconfirmation confirmpassword passwordconfirm repeatpassword password2 password1 passwordrepeat passwordagain retypepassword")},
	{fieldOld, set("oldpassword currentpassword passwordold oldpass currentpass existingpassword")},
	{fieldNew, set("newpassword passwordnew newpass newpwd")},
	{fieldIdentifier, set("username user login email mail emailaddress useremail phone phonenumber mobile account accountname identifier userid uid loginid loginname jusername userlogin benutzername benutzer utilisateur usuario correo utente gebruiker uzytkownik kullanici log name customernumber cardnumber clientid 用户名 имя логин")},
	{fieldCode, set("otp totp code mfacode otpcode verificationcode smscode onetimecode twofactorcode authcode passcode pincode 2facode tfacode securitycode mfatoken otptoken")},
	{fieldTicket, set("resettoken resetcode codeverifier redirecturi ticket samlresponse assertion")},
	{fieldRefresh, set("refreshtoken refresh")},
	{fieldClientSecret, set("clientsecret clientassertion apisecret")},
	{fieldCoupon, set("coupon couponcode voucher vouchercode giftcard giftcode giftcardnumber promo promocode discountcode gutschein")},
	{fieldError, set("error errors errormessage errorcode errordescription fault faultstring exception failure detail nonfielderrors")},
	{fieldMore, set("mfarequired mfatoken otprequired requires2fa twofactorrequired challengeid challengename mfa requiresmfa factors twofactor")},
}

// fieldsOf reads the keys of a body shape: "user.password:string".
func fieldsOf(keys []string) fields {
	f := fieldSeen
	problem := 0 // members that every problem document has: RFC 9457 §3.1
	for _, k := range keys {
		empty := false
		if i := strings.LastIndexByte(k, ':'); i >= 0 {
			switch k[i+1:] {
			case "null", "array", "object": // with something in it, its members are listed
				empty = true
			}
			k = k[:i]
		}
		switch k {
		case "type", "title", "status":
			problem++
		}
		if strings.HasPrefix(k, "errors[") || strings.HasPrefix(k, "errors.") || strings.HasPrefix(k, "error.") {
			f |= fieldFault // JSON:API, GraphQL: errors[].message
		}
		if i := strings.LastIndexByte(k, '.'); i >= 0 {
			k = k[i+1:]
		}
		if i := strings.IndexByte(k, '['); i > 0 { // user[password], errors[]
			if j := strings.LastIndexByte(k, '['); j+2 < len(k) {
				k = k[j+1:]
			} else {
				k = k[:i]
			}
		}
		k = Plain(k)
		for i := range fieldNames {
			if _, ok := fieldNames[i].names[k]; ok && !(empty && fieldNames[i].field&(fieldError|fieldMore) != 0) {
				f |= fieldNames[i].field // "error": null says that there is none
			}
		}
	}
	if problem == 3 {
		f |= fieldFault
	}
	return f
}

// classify says which part of authentication a call plays, from what it
// presents where that is seen, else from where it goes. 0: none.
func classify(c *event.Call, w words, f fields) detect.LoginClass {
	known := f&^(fieldSeen|fieldError|fieldMore|fieldFault) != 0
	switch {
	case w&wordLogout != 0:
		return 0
	case f&fieldRefresh != 0 && f&fieldPassword == 0:
		return detect.LoginRefresh
	case f&fieldOld != 0 && f&(fieldNew|fieldPassword) != 0:
		return detect.LoginChange
	case f&fieldCoupon != 0:
		return detect.LoginGuess
	case f&(fieldPassword|fieldNew) != 0:
		return classifySecret(c, w, f)
	case f&fieldClientSecret != 0, f&fieldTicket != 0 && f&fieldCode != 0:
		return detect.LoginMachine // client credentials, or an authorization code being redeemed
	case f&fieldCode != 0 && w&wordGuess != 0:
		return detect.LoginGuess
	case f&fieldCode != 0 && (w&(wordMFA|wordLogin|wordNear) != 0 || c.Flags.Has(event.FlagSecretPresented)):
		return detect.LoginMFA
	case known && f&fieldIdentifier != 0 && w&(wordForgot|wordReset|wordLogin|wordNear) != 0 && !c.Flags.Has(event.FlagSecretPresented):
		return detect.LoginForgot // an identifier alone: forgotten password, or a link or code by mail
	}
	return classifyPath(c, w)
}

func classifySecret(c *event.Call, w words, f fields) detect.LoginClass {
	switch {
	case w&wordReset != 0, f&fieldNew != 0 && f&(fieldCode|fieldTicket) != 0:
		return detect.LoginReset
	case w&wordChange != 0, f&fieldNew != 0:
		return detect.LoginChange
	case w&wordRegister != 0, f&fieldRepeat != 0 && w&(wordLogin|wordNear) == 0:
		return detect.LoginRegister
	case w&wordPeople != 0 && w&(wordLogin|wordNear|wordScript) == 0:
		if c.Method == "POST" {
			return detect.LoginRegister
		}
		return detect.LoginChange
	}
	return detect.LoginPassword
}

func classifyPath(c *event.Call, w words) detect.LoginClass {
	switch {
	case w&wordMFA != 0:
		return detect.LoginMFA
	case w&wordForgot != 0:
		return detect.LoginForgot
	case w&wordChange != 0:
		return detect.LoginChange
	case w&wordReset != 0:
		return detect.LoginReset
	case w&wordRefresh != 0:
		return detect.LoginRefresh
	case w&wordRegister != 0:
		return detect.LoginRegister
	case w&wordGuess != 0:
		return detect.LoginGuess
	case w&(wordLogin|wordNear|wordScript) != 0, c.Flags.Has(event.FlagSecretPresented):
		return detect.LoginPassword
	}
	return 0
}
