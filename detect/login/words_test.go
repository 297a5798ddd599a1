package login

import (
	"testing"

	"lapwing/detect"
	"lapwing/event"
)

func TestWords(t *testing.T) {
	for _, c := range []struct {
		path, op string
		want     words
	}{
		{"/login", "", wordLogin},
		{"/api/v1/auth/login", "", wordLogin},
		{"/Account/LogIn.aspx", "", wordLogin},
		{"/user/doLogin.do", "", wordLogin},
		{"/sign-in", "", wordLogin},
		{"/wp-login.php", "", wordLogin | wordScript},
		{"/xmlrpc.php", "", wordScript},
		{"/j_security_check", "", wordLogin | wordScript},
		{"/oauth2/token", "", wordNear},
		{"/login/step2", "", wordNear},
		{"/iniciar-sesion", "", wordLogin},
		{"/anmelden", "", wordLogin},
		{"/%E7%99%BB%E5%BD%95", "", wordLogin},
		{"/graphql", "SignIn", wordLogin},
		{"/graphql", "mutation Login", wordLogin},
		{"/graphql", "GetOrders", 0},
		{"/auth.v1.AuthService/Login", "auth.v1.AuthService/Login", wordLogin | wordNear},
		{"/logout", "", wordLogout},
		{"/auth/logout", "", wordLogout},
		{"/password/reset", "", wordPassword | wordReset},
		{"/users/me/password/change", "", wordPassword | wordChange | wordPeople},
		{"/auth/refresh", "", wordRefresh},
		{"/2fa/verify", "", wordMFA},
		{"/orders/17/items", "", 0},
		{"/blog/author/7", "", 0},
		{"/catalogue", "", 0},
		{"/admin/login-history", "", 0},
		{"/forgot-password", "", wordForgot},
		{"/register", "", wordRegister},
		{"/", "", 0},
		{"%zz/login", "", wordLogin},
	} {
		if got := wordsOf(c.path, c.op); got&^wordPeople != c.want&^wordPeople {
			t.Errorf("wordsOf(%q, %q) = %b, want %b", c.path, c.op, got, c.want)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		path string
		keys []string
		want detect.LoginClass
	}{
		{"/login", []string{"username:string", "password:string"}, detect.LoginPassword},
		{"/x", []string{"user.email:string", "user.password:string"}, detect.LoginPassword},
		{"/x", []string{"user[email]:string", "user[password]:string"}, detect.LoginPassword},
		{"/oauth/token", []string{"grant_type:string", "username:string", "password:string", "client_secret:string"}, detect.LoginPassword},
		{"/oauth/token", []string{"grant_type:string", "refresh_token:string"}, detect.LoginRefresh},
		{"/oauth/token", []string{"grant_type:string", "client_id:string", "client_secret:string"}, detect.LoginMachine},
		{"/oauth/token", []string{"grant_type:string", "code:string", "redirect_uri:string"}, detect.LoginMachine},
		{"/login/otp", []string{"otp:string"}, detect.LoginMFA},
		{"/forgot", []string{"email:string"}, detect.LoginForgot},
		{"/password/reset", []string{"token:string", "password:string"}, detect.LoginReset},
		{"/account", []string{"current_password:string", "new_password:string"}, detect.LoginChange},
		{"/signup", []string{"email:string", "password:string"}, detect.LoginRegister},
		{"/users", []string{"email:string", "password:string", "name:string"}, detect.LoginRegister},
		{"/cart/coupon", []string{"code:string"}, detect.LoginGuess},
		{"/orders", []string{"sku:string", "amount:int"}, 0},
		{"/logout", nil, 0},
		{"/wp-login.php", nil, detect.LoginPassword},
		{"/api/token/refresh", nil, detect.LoginRefresh},
	} {
		call := &event.Call{Method: "POST", Path: c.path}
		var f fields
		if c.keys != nil {
			f = fieldsOf(c.keys)
		}
		if got := classify(call, wordsOf(c.path, ""), f); got != c.want {
			t.Errorf("%s %v: class %d, want %d", c.path, c.keys, got, c.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	for in, want := range map[string]said{
		"":                                 saidNothing,
		"success=false":                    saidNo,
		"success=true":                     saidYes,
		"code=E17,success=false":           saidNo,
		"code=0,success=true":              saidYes,
		"error=invalid_grant":              saidNo,
		"error=false,status=ok":            saidYes,
		"status=MFA_REQUIRED":              saidMore,
		"code=USER_NOT_FOUND,status=error": saidNobody,
		"status=locked":                    saidLocked,
		"status=error":                     saidNo,
		"code=1001":                        saidNo,
		"status=pending":                   saidNothing,
		"status=1":                         saidNothing,
		"code=1":                           saidNothing,
		"error=null":                       saidYes,
		"status=unsuccessful":              saidNo,
		"error=~0bad0bad":                  saidNo,
		"title=~0bad0bad":                  saidNothing,
		"code=~e1234567":                   saidNothing,
		"role=admin":                       saidNothing,
		"result=17":                        saidNothing,
	} {
		if got, _ := verdict(in); got != want {
			t.Errorf("verdict(%q) = %d, want %d", in, got, want)
		}
	}
}

// What an answer with status 200 says in its body, in forms of error that are in
// wide use.
func TestErrorsToldWith200(t *testing.T) {
	for name, tc := range map[string]struct {
		keys    []string
		outcome string
		minted  bool
		want    said
	}{
		"JSON:API":                   {[]string{"errors[].status:string", "errors[].title:string"}, "errors[].status=200", false, saidNo},
		"problem document":           {[]string{"status:int", "title:string", "type:string"}, "status=200", false, saidNo},
		"an error with members":      {[]string{"error.code:int", "error.message:string"}, "error.code=200,error.message=~0bad0bad", false, saidNo},
		"errors by field":            {[]string{"errors.email[]:string", "status:int"}, "status=200", false, saidNo},
		"GraphQL":                    {[]string{"data:null", "errors[].message:string"}, "errors[].message=~0bad0bad", false, saidNo},
		"GraphQL, in part":           {[]string{"data.login.token:string", "errors[].message:string"}, "errors[].message=~0bad0bad", true, saidNothing},
		"a status in an envelope":    {[]string{"data.id:int", "status:int"}, "status=200", false, saidYes},
		"an envelope without error":  {[]string{"data.id:int", "error:null", "status:int"}, "status=200", false, saidYes},
		"an empty text of error":     {[]string{"data.id:int", "error:string", "status:int"}, "status=200", false, saidYes},
		"zero is no HTTP status":     {[]string{"error.code:int", "error.message:string"}, "error.code=0", false, saidYes},
		"no error":                   {[]string{"error:null", "user.id:int"}, "", false, saidNothing},
		"no errors":                  {[]string{"errors:array", "user.id:int"}, "", false, saidNothing},
		"nothing more to do":         {[]string{"mfa:null", "user.id:int"}, "", false, saidNothing},
		"more to do, in an envelope": {[]string{"data.mfa_required:bool", "status:string"}, "status=ok", false, saidMore},
		"nothing to do, in one":      {[]string{"data.mfa_required:bool", "data.token:string", "status:string"}, "status=ok", true, saidYes},
		"more to do":                 {[]string{"challengeId:string"}, "", false, saidMore},
	} {
		c := &event.Call{Status: 200}
		c.Shape.Response = event.BodyShape{Type: "json", Keys: tc.keys, Outcome: tc.outcome}
		if tc.minted {
			c.Flags |= event.FlagMinted
			c.IDs = []event.IDRef{{Response: true, Class: event.ClassSecret, In: event.InBody}}
		}
		if got := answerOf(1, c).said; got != tc.want {
			t.Errorf("%s: says %d, want %d", name, got, tc.want)
		}
	}
}

func FuzzReading(f *testing.F) {
	f.Add("/api/v1/login", "code=E1,success=false", "user.password:string")
	f.Add("/%zz//;x=1/%e7%99", "a=,=b,,", "[]:")
	f.Add("", "\xff=\xfe", "[[[.:x")
	f.Fuzz(func(t *testing.T, path, outcome, key string) {
		w := wordsOf(path, key)
		if w != wordsOf(path, key) {
			t.Error("wordsOf is not a function")
		}
		if w&wordLogout != 0 && w != wordLogout {
			t.Errorf("a logout is nothing else: %b", w)
		}
		if v, echo := verdict(outcome); v > saidLocked || echo && v != saidYes {
			t.Errorf("verdict %d", v)
		}
		if fieldsOf([]string{key})&fieldSeen == 0 {
			t.Error("fields do not say that they were seen")
		}
		_ = asset(path)
	})
}
