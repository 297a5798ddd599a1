package login

import (
	"net/url"
	"strings"
)

// words is what the path or the operation name of an endpoint says about its
// part in authentication.
type words uint16

const (
	wordLogin    words = 1 << iota // a login word is the last segment or the operation: /api/login
	wordNear                       // a login word further up, or a weak one last: /login/step1, /session, /oauth/token
	wordScript                     // the login script of a well-known application: /wp-login.php
	wordRegister                   //
	wordForgot                     //
	wordReset                      //
	wordChange                     //
	wordRefresh                    //
	wordMFA                        //
	wordGuess                      // coupon, gift card, voucher
	wordPeople                     // a collection of accounts: /users
	wordLogout                     //
	wordPassword                   // "password" by itself
)

// family are the words that make an endpoint a candidate.
const family = wordLogin | wordNear | wordScript | wordRegister | wordForgot | wordReset | wordChange | wordRefresh | wordMFA | wordGuess

// strong words mean logging in wherever they stand, in the languages of most
// of the web; letters only, lower case, accents dropped.
var strong = set("login logon signin authenticate authorise authorize passwordlogin tokenauth obtaintoken jsecuritycheck " +
	"anmelden anmeldung einloggen " + // de
	"connexion seconnecter identification authentification " + // fr
	"iniciarsesion iniciosesion ingresar autenticar " + // es
	"entrar acessar iniciarsessao autenticacao " + // pt
	"accedi accesso " + // it
	"inloggen aanmelden " + // nl
	"logowanie zaloguj zalogujsie " + // pl
	"giris girisyap oturumac " + // tr
	"loggain kirjaudu logginn logpaa " + // sv fi no da
	"prihlasit prihlaseni prihlasenie bejelentkezes autentificare " + // cs sk hu ro
	"vhod voiti avtorizaciya вход войти авторизация " + // ru
	"denglu 登录 登入 " + // zh
	"dangnhap masuk roguin ログイン サインイン 로그인") // vi id ja ko

// weak words occur in authentication and elsewhere.
var weak = set("auth oauth oauth2 session sessions token tokens accesstoken sso saml oidc connect credentials acs acceso sesion sitzung " +
	"gettoken createtoken tokencreate createsession customeraccesstokencreate oauthtoken")

// scripts are login scripts whose name says which application answers.
var scripts = set("wplogin xmlrpc jsecuritycheck usertoken administrator wsloginphp")

var others = []struct {
	word  words
	names map[string]struct{}
}{
	{wordRegister, set("register registration registrieren registrierung signup enroll enrol createaccount createuser newaccount inscription registro registrarse cadastro registrazione registreren rejestracja kayit registrace registrieren zhuce 注册 регистрация")},
	{wordForgot, set("forgot forgotten forgotpassword lostpassword recover recovery recoverpassword passwordrecovery requestreset passwordforgot passwortvergessen motdepasseoublie esqueci olvide wachtwoordvergeten")},
	{wordReset, set("reset resetpassword passwordreset setpassword newpassword confirmreset zuruecksetzen")},
	{wordChange, set("changepassword passwordchange updatepassword passwordupdate changepw passwortaendern cambiarcontrasena")},
	{wordRefresh, set("refresh refreshtoken tokenrefresh renew renewtoken silentrefresh")},
	{wordMFA, set("mfa 2fa tfa otp totp verifyotp otpverify verifycode twofactor secondfactor challenge stepup webauthn verifymfa mfaverify onetimepassword passcode sms verifysms")},
	{wordGuess, set("coupon coupons voucher vouchers giftcard giftcards promo promocode promocodes redeem gutschein applycoupon discountcode checkbalance")},
	{wordPeople, set("users user accounts account customers customer members profiles")},
	{wordLogout, set("logout signout logoff abmelden deconnexion cerrarsesion uitloggen")},
	{wordPassword, set("password passwort kennwort contrasena senha motdepasse wachtwoord haslo parola")},
}

func set(list string) map[string]struct{} {
	m := make(map[string]struct{})
	for _, w := range strings.Fields(list) {
		m[w] = struct{}{}
	}
	return m
}

// wordsOf reads a path ("/api/v1/login") and an operation name, which stands
// behind the path where there is one ("SignIn", "mutation Login").
func wordsOf(path, operation string) words {
	if p, err := url.PathUnescape(path); err == nil {
		path = p
	}
	const most = 2048 // bytes: no real route is longer, and this runs once a path
	path = path[:min(len(path), most)]
	segments := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == ':' || r == ';' })
	segments = segments[max(0, len(segments)-8):]
	if operation != "" {
		op := operation
		if i := strings.LastIndexAny(op, "./ "); i >= 0 && i+1 < len(op) {
			op = op[i+1:]
		}
		segments = append(segments, op[:min(len(op), 128)])
	}
	var w words
	for i, s := range segments {
		w |= wordsOfSegment(Plain(s), i == len(segments)-1)
	}
	if w&wordPassword != 0 { // /password/change, /users/me/password
		for _, s := range segments {
			switch Plain(s) {
			case "change", "update", "edit":
				w |= wordChange
			}
		}
	}
	if w&wordLogout != 0 {
		return wordLogout
	}
	return w
}

func wordsOfSegment(s string, last bool) (w words) {
	for _, o := range others {
		if _, ok := o.names[s]; ok {
			w |= o.word
		}
	}
	if _, ok := scripts[s]; ok {
		w |= wordScript
	}
	if w != 0 && w != wordPeople && w != wordPassword && w != wordScript {
		return w
	}
	_, isStrong := strong[s]
	_, isWeak := weak[s]
	if !isStrong && len(s) <= 32 {
		switch {
		case strings.Contains(s, "loginhistor"), strings.Contains(s, "loginattempt"), strings.Contains(s, "loginconfig"):
			// lists and settings around logins
		case strings.HasPrefix(s, "login"), strings.HasSuffix(s, "login"), strings.Contains(s, "signin"), strings.Contains(s, "logon"), strings.Contains(s, "authenticat"):
			isStrong = true
		case strings.HasSuffix(s, "auth"), strings.HasSuffix(s, "session"):
			isWeak = true
		}
	}
	switch {
	case isStrong && last:
		w |= wordLogin
	case isStrong, isWeak && last:
		w |= wordNear
	}
	return w
}

// Plain drops everything but letters and digits, a file extension, and case, so
// that Log-In.aspx, logIn and login are one word.
func Plain(s string) string {
	if i := strings.LastIndexByte(s, '.'); i > 0 && len(s)-i <= 7 {
		s = s[:i]
	}
	clean := true
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r > 0x7f:
			return r
		}
		return -1
	}, s)
}

// asset reports whether a path names a part of a page rather than a page: a
// browser loads those after a failed login too.
func asset(path string) bool {
	i := strings.LastIndexByte(path, '.')
	if i < 0 || len(path)-i > 6 {
		return false
	}
	switch path[i+1:] {
	case "css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "svg", "ico", "webp", "woff", "woff2", "ttf":
		return true
	}
	return false
}
