package classify

import (
	"reflect"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for in, want := range map[string]Form{
		"": FormNone, "orders": FormWord, "getUserAccountDetails": FormWord, "me": FormWord,
		"42": FormInt, "0": FormInt, "-7": FormInt, "9223372036854775807": FormInt, "9223372036854775808": FormOpaque,
		"12.50": FormDecimal, "1.2.3": FormSlug, "2026-11-21": FormDate, "2026-11-21T10:00:00Z": FormDate,
		"018f3b1e-7e5a-7c4b-9f3d-2f1e0d9c8b7a": FormUUID, "550E8400-E29B-41D4-A716-446655440000": FormUUID,
		"01ARZ3NDEKTSV4RRFFQ69G5FAV": FormULID, "507f1f77bcf86cd799439011": FormObjectID,
		"d41d8cd98f00b204e9800998ecf8427e": FormHex, "da39a3ee5e6b4b0d3255bfef95601890afd80709": FormHex,
		"cus_9s6XKzkNRiz8i3": FormPrefixed, "user_settings": FormSlug, "AccountBagFrame_OnLoad": FormSlug, "BSF_GetVehicleMoney": FormSlug, "BSF_RGBA2number": FormSlug, "ord_12345678": FormPrefixed,
		"A1B2C3": FormMixed, "ORD-12345": FormMixed, "oauth2": FormSlug, "s3": FormSlug, "base64": FormMixed, "v2": FormSlug,
		"how-to-configure-nginx-in-2024": FormSlug, "top-10-tips": FormSlug, "index.html": FormSlug,
		"dGhpcyBpcyBhIHNlY3JldCB2YWx1ZTEyMw": FormOpaque, "k3j9x2m4p8q1z7w5": FormOpaque, "Zm9vOmJhcjpiYXo6cXV4MTIzNDU2Nzg=": FormOpaque,
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln": FormJWT, "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.": FormJWT,
		"ghp_16C7e42F292c6912E7710c838347Ae178B4a": FormSecret, "AKIAIOSFODNN7EXAMPLE": FormSecret,
		"ava@example.com": FormEmail, "@scope": FormNone, "a@b": FormNone, "+4915112345678": FormPhone, "10.1.2.3": FormIP, "2001:db8::1": FormIP,
		"4111111111111111": FormCard, "4111111111111112": FormInt, "two words": FormNone, "/etc/passwd": FormNone,
	} {
		if got := Of([]byte(in)); got != want {
			t.Errorf("%q: %d (%s), want %d", in, got, got.Typed(), want)
		}
	}
}

func TestVersion(t *testing.T) {
	for in, want := range map[string]bool{"v1": true, "V2": true, "v2.1": true, "v1beta1": true, "v2alpha": true, "v1234": false, "v": false, "view": false, "v1x": false, "v1.": false, "2024-01-01": true} {
		if got := Version([]byte(in), 2); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
	if Version([]byte("2024-01-01"), 3) {
		t.Error("a date in the third segment is a version")
	}
}

func TestOrder(t *testing.T) {
	for in, want := range map[string]uint64{
		"017f22e2-79b0-7cc3-98c4-dc0c0c07398f": 1645557742000, // RFC 9562 A.6
		"1ec9414c-232a-6b00-b3c8-9f6bdeced846": 1645557742000, // A.5
		"c232ab00-9414-11ec-b3c8-9f6bdeced846": 1645557742000, // A.1
		"919108f7-52d1-4320-9bac-f847db4148a8": 0,             // A.3
		"01ARZ3NDEKTSV4RRFFQ69G5FAV":           1469922850259,
		"507f1f77bcf86cd799439011":             1350508407000,
	} {
		if got := Order(Of([]byte(in)), []byte(in)); got != want {
			t.Errorf("%s: %d, want %d", in, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	k := NewKeys([]string{"x_internal"}, []string{"patientName"})
	for name, want := range map[string]Key{
		"id": KeyID | KeyOwnID, "_id": KeyID | KeyOwnID, "ID": KeyID | KeyOwnID, "orderId": KeyID, "order_id": KeyID, "orderID": KeyID, "order-ids": KeyID, "orderIDs": KeyID,
		"password": KeyPassword, "user[password]": KeyPassword, "newPassword": KeyPassword, "Passwort": KeyPassword, "mot_de_passe": KeyPassword, "пароль": KeyPassword,
		"jeton": KeyMint, "jeton_acces": KeyMint, "jetonAcces": KeyMint, "令牌": KeyMint,
		"access_token": KeyToken | KeyMint, "X-Internal": KeyPassword, "patient_name": KeyPerson,
		"next_page_token": KeyPaging, "cursor": KeyPaging, "name": 0, "paid": 0, "valid": KeyOutcome, "client_secret": KeySecretID | KeyMint, "valido": 0, "spinach": 0, "monkey": 0,
	} {
		got := k.Of([]byte(name))
		if name == "access_token" {
			got &^= KeySession
		}
		if got != want {
			t.Errorf("%s: %b, want %b", name, got, want)
		}
	}
	for _, name := range []string{"username", "Email", "j_username", "login_id", "phone", "identifier"} {
		if k.Of([]byte(name))&KeyAccount == 0 {
			t.Errorf("%s is no account", name)
		}
	}
	for i := range 3 * maxKnownKeys {
		k.Of([]byte(strings.Repeat("k", i%90) + string(rune('a'+i%26)) + string(rune(0x100+i/26))))
	}
	if len(k.known) > maxKnownKeys {
		t.Errorf("%d names remembered", len(k.known))
	}
}

func TestSensitive(t *testing.T) {
	for _, c := range []struct {
		v    string
		key  Key
		want string
	}{
		{"mail ava@example.com today", 0, "email"}, {"ava at example", 0, ""}, {"@decorator.python", 0, ""},
		{"4111 1111 1111 1111", 0, "pan"}, {"4111111111111111", KeyID, ""}, {"4111111111111112", 0, ""}, {"378282246310005", 0, "pan"},
		{"DE89370400440532013000", 0, "iban"}, {"GB29 NWBK 6016 1331 9268 19", 0, "iban"}, {"DE89370400440532013001", 0, ""},
		{"078-05-1120", 0, "ssn"}, {"666-05-1120", 0, ""}, {"2024-05-11", 0, ""}, {"123456789", KeySSN, "ssn"},
		{"+4915112345678", 0, "phone"}, {"030 1234567", KeyPerson, "phone"}, {"1234567", 0, ""},
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", 0, "jwt"}, {"-----BEGIN RSA PRIVATE KEY-----\\nMII", 0, "private_key"}, {"-----BEGIN CERTIFICATE-----", 0, ""},
		{"$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW", 0, "password_hash"}, {"AKIAIOSFODNN7EXAMPLE", 0, "aws_key"},
		{"ghp_16C7e42F292c6912E7710c838347Ae178B4a", 0, "cloud_key"}, {"10.0.0.7", 0, "private_ip"}, {"172.16.0.1", 0, "private_ip"}, {"172.32.0.1", 0, ""},
		{"1990-01-02", KeyBirth, "date_of_birth"}, {"hunter2", KeyPassword, "password"}, {"********", KeyPassword, ""}, {"plain words", 0, ""},
	} {
		if got := strings.Join(SensitiveOf([]byte(c.v), c.key).Names(), ","); got != c.want {
			t.Errorf("%q: %q, want %q", c.v, got, c.want)
		}
	}
	all := Sensitive(1<<sensitiveCount - 1).Names()
	for i := 1; i < len(all); i++ {
		if all[i-1] >= all[i] {
			t.Errorf("names are not sorted at %s", all[i])
		}
	}
	if !reflect.DeepEqual(all, sensitiveNames[:]) {
		t.Error("names lost")
	}
}

// A prefix that the quick look does not know would never be found.
func TestEverySecretPrefixIsFound(t *testing.T) {
	for _, p := range secretPrefixes {
		if v := []byte(p + "a1B2c3D4e5F6g7H8i9J0"); !secretPrefix(v) {
			t.Errorf("%s is not found", v)
		}
	}
}

func TestIntIsCanonical(t *testing.T) {
	for in, want := range map[string]int64{"42": 42, "0042": 42, "-1": -1, "9223372036854775807": 9223372036854775807} {
		if got, ok := Int([]byte(in)); !ok || got != want {
			t.Errorf("%s: %d %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "-", "9223372036854775808", "18446744073709551617", "99999999999999999999999", "1.5", "1e3", "+1"} {
		if _, ok := Int([]byte(in)); ok {
			t.Errorf("%q is an integer", in)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add([]byte("018f3b1e-7e5a-7c4b-9f3d-2f1e0d9c8b7a"), uint32(0))
	f.Add([]byte("DE89370400440532013000"), uint32(1))
	f.Add([]byte("a@b.cd"), uint32(KeySSN|KeyBirth))
	f.Fuzz(func(t *testing.T, v []byte, key uint32) {
		form := Of(v)
		if form.Class() == 1 {
			if _, ok := Int(v); !ok {
				t.Fatalf("%q is an integer without a value", v)
			}
		}
		Order(form, v)
		SensitiveOf(v, Key(key))
		Version(v, 1)
		NewKeys(nil, nil).Of(v)
	})
}

func BenchmarkOf(b *testing.B) {
	in := [][]byte{[]byte("orders"), []byte("42"), []byte("018f3b1e-7e5a-7c4b-9f3d-2f1e0d9c8b7a"), []byte("a-longer-slug-here")}
	b.ReportAllocs()
	for b.Loop() {
		for _, v := range in {
			Of(v)
		}
	}
}
