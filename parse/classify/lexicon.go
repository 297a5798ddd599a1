package classify

import "strings"

// The lists below are the project's own, written from how public APIs, login
// forms and frameworks name their fields. Names are in the joined form of words.

func list(m map[string]Key, v Key, names string) {
	for _, n := range strings.Fields(names) {
		m[n] |= v
	}
}

// exact holds whole names.
var exact = func() map[string]Key {
	m := map[string]Key{}
	list(m, KeyID|KeyOwnID, "id uuid guid oid pk objectid nodeid")
	list(m, KeyID, "key slug number sku code handle username ref reference isbn ean upc gtin vin iban serial barcode asin ids uuids externalid")
	list(m, KeyLink, "href url uri self link location canonical permalink htmlurl selflink resource path")
	list(m, KeyPassword, `pass pw psw psswrd passwd pwd pword passphrase passwort kennwort senha contrasena contraseña clave motdepasse mdp
		wachtwoord haslo hasło parola sifre şifre salasana losenord lösenord adgangskode passord lozinka heslo jelszo jelszó пароль parol
		密码 密碼 mima パスワード 비밀번호 bimilbeonho jpassword matkhau katasandi sandi userpass userpwd loginpwd pwdmd5 passwordhash`)
	list(m, KeyCode, `otp totp hotp pin pincode tan mfa mfacode mfatoken twofactor twofactorcode twofa twofacode 2fa 2facode code smscode emailcode
		verificationcode verifycode authcode authorizationcode securitycode onetimecode onetimepassword passcode recoverycode backupcode
		confirmationcode activationcode resetcode invitecode coupon couponcode promocode promo vouchercode voucher giftcard giftcardcode
		redeemcode challengeresponse securityanswer verificationtoken xotp assertion samlresponse`)
	list(m, KeyToken, `token accesstoken refreshtoken idtoken authtoken authenticationtoken bearertoken bearer jwt sessiontoken sessionid session sid
		sessid sessionkey apikey apitoken apisecret appkey appsecret xapikey key sig signature hmac auth authorization credential credentials
		oauthtoken oauthsignature oauthtokensecret privatekey secretkey accesskey accesskeyid awsaccesskeyid ticket samlrequest
		subscriptionkey csrf csrftoken xsrftoken csrfmiddlewaretoken authenticitytoken requestverificationtoken nonce codeverifier
		jsessionid phpsessid aspsessionid xamzsecuritytoken xamzsignature xamzcredential xgoogsignature xgoogcredential sessionhandle
		idtokenhint logintoken resettoken passwordtoken invitetoken magictoken deviceaccesstoken clientassertion webhooksecret`)
	list(m, KeyMint, `token accesstoken refreshtoken idtoken authtoken authenticationtoken bearertoken bearer jwt sessiontoken sessionid session sid
		sessionkey apikey apitoken apisecret secretkey clientsecret accesskey ticket sessionhandle logintoken authorization
		jeton jetonacces jetondacces jetonsession tokenacceso tokendeacceso tokenacesso tokendeacesso tokenaccesso tokendiaccesso gettone
		zugriffstoken zugangstoken sitzungstoken toegangstoken sessietoken tokendostepu erisimtokeni токен токендоступа 令牌 访问令牌 トークン 토큰`)
	list(m, KeyAccount|KeyPerson, `username user login email mail emailaddress useremail loginemail loginid loginname loginuser userlogin account
		accountname accountid identifier identity jusername log uid userid uname usr usrname member memberid customerid phone phonenumber
		mobile mobilenumber msisdn tel telephone usuario utilisateur benutzer benutzername identifiant utente gebruikersnaam brugernavn
		uzytkownik kullanici kullaniciadi korisnik логин имяпользователя 用户名 帳號 账号 ユーザー名 아이디 correo courriel principal nickname
		screenname upn userprincipalname signinname handle loginhint`)
	list(m, KeyPerson, `mailto recipient fullname firstname lastname givenname familyname surname displayname phoneno
		mobileno cellphone contactemail contactphone billingemail shippingphone owneremail customeremail`)
	list(m, KeyOutcome, `success ok error err errors code status result message msg reason valid authenticated errorcode errcode statuscode
		state outcome fault retcode returncode resultcode issuccess haserror iserror failed errno errortype autherror
		errordescription responsecode`)
	list(m, KeySession, `sid session sessionid sess sessid connectsid jsessionid phpsessid aspsessionid aspnetsessionid aspxauth aspxformsauth
		aspnetcoreidentityapplication aspnetapplicationcookie aspnetcorecookies auth authtoken token accesstoken refreshtoken idtoken jwt
		remember rememberme remembertoken rememberuser laravelsession cisession cakephp symfony ssid sso ssotoken login loggedin laravel
		railssession xauthtoken bearer grafanasession sessiontoken authsession usersession apitoken kcidentity authcookie`)
	list(m, KeyCard, `card cardnumber cardno cardnum pan ccnumber ccnum creditcard creditcardnumber cc cvv cvc cvv2 cvc2 csc cardcvc cardcvv
		cardsecuritycode accountnumber bankaccount iban`)
	list(m, KeySSN, "ssn socialsecuritynumber socialsecurity sin taxid taxnumber nationalid nationalidnumber nino cpf cnpj bsn pesel aadhaar personnummer passport passportnumber")
	list(m, KeyLat, "lat latitude")
	list(m, KeyLon, "lon lng long longitude")
	list(m, KeyBirth, "dob dateofbirth birthdate birthday birthdateiso geburtsdatum")
	list(m, KeySecretID, "clientsecret secret consumersecret apisecret appsecret sharedsecret clientassertion")
	list(m, KeyPaging, `cursor nextcursor prevcursor aftercursor endcursor startcursor pagetoken nextpagetoken nexttoken continuation continuationtoken
		synctoken after before next prev pageinfo scrollid resumetoken`)
	list(m, KeyQuery, "query")
	list(m, KeyMethod, "operationname method")
	list(m, KeyOwner, `owner user customer patient employee driver subscriber holder createdby ownedby belongsto userid customerid accountid memberid
		ownerid clientid patientid owneremail useremail customeremail`)
	return m
}()

// anywhere holds words that carry their meaning into any name around them.
var anywhere = func() map[string]Key {
	m := map[string]Key{}
	list(m, KeyPassword, `password passwd pwd passphrase passwort kennwort senha contrasena contraseña wachtwoord haslo hasło salasana losenord
		lösenord adgangskode lozinka heslo jelszo jelszó пароль 密码 パスワード 비밀번호`)
	list(m, KeySecretID, "secret")
	list(m, KeyCode, "otp totp cvv cvc mfa")
	list(m, KeyToken, "jwt apikey oauthtoken csrf xsrf")
	list(m, KeySSN, "ssn")
	list(m, KeyPaging, "cursor paging pagination page continuation")
	return m
}()

// lastWord holds words that mean something at the end of a name.
var lastWord = func() map[string]Key {
	m := map[string]Key{}
	list(m, KeyID, "id ids uuid uuids guid pk sku slug number ref reference isbn serial")
	list(m, KeyLink, "href url uri link")
	list(m, KeyToken, "token tokens signature sid")
	list(m, KeyPerson, "email mail phone mobile username")
	list(m, KeyPassword, "pass")
	list(m, KeyCard, "pan")
	return m
}()

// endings are for names without separators; longer endings first.
var endings = []struct {
	text string
	key  Key
}{
	{"password", KeyPassword}, {"passwort", KeyPassword}, {"passwd", KeyPassword}, {"secret", KeySecretID}, {"token", KeyToken},
	{"apikey", KeyToken}, {"email", KeyPerson}, {"userid", KeyID}, {"orderid", KeyID}, {"uuid", KeyID}, {"guid", KeyID},
}
