package simulate

import "strconv"

type fieldKind uint8

const (
	fieldTitle fieldKind = iota
	fieldPerson
	fieldMoney
	fieldCurrency
	fieldStatus
	fieldTime
	fieldEmail
	fieldPhone
	fieldAddress
	fieldURL
	fieldInt
	fieldRating
	fieldIBAN
	fieldCode
	fieldCity
	fieldCountry
	fieldSentence
	fieldBool
	fieldGeo
	fieldRef
	fieldWord
	fieldOwner
)

var fieldKinds = map[string]fieldKind{
	"title": fieldTitle, "name": fieldPerson, "price": fieldMoney, "amount": fieldMoney, "total": fieldMoney, "balance": fieldMoney, "limit": fieldMoney,
	"currency": fieldCurrency, "status": fieldStatus, "type": fieldStatus, "brand": fieldWord, "created": fieldTime, "updated": fieldTime, "date": fieldTime, "birthday": fieldTime,
	"email": fieldEmail, "phone": fieldPhone, "address": fieldAddress, "street": fieldWord, "image": fieldURL, "url": fieldURL, "stock": fieldInt, "quantity": fieldInt,
	"number": fieldCode, "size": fieldInt, "rating": fieldRating, "iban": fieldIBAN, "code": fieldCode, "zip": fieldCode, "city": fieldCity, "country": fieldCountry,
	"description": fieldSentence, "note": fieldSentence, "active": fieldBool, "location": fieldGeo, "owner": fieldOwner, "unit": fieldWord, "role": fieldWord,
}

// A field of a resource: its name as it stands in JSON and what it holds.
type field struct {
	name string
	lead string // "name":
	kind fieldKind
	ref  *resource
	salt uint64
}

// writable says whether people send it.
func (f *field) writable() bool {
	return f.kind != fieldTime && f.kind != fieldOwner && f.kind != fieldRating
}

func (a *application) drawFields(res *resource, concepts []string) {
	if a.style.owners && (res.access == owned || res.access == tenanted || res.access == authored) && !res.single {
		concepts = append(concepts, "owner")
	}
	seen := map[string]bool{"id": true}
	for i, c := range concepts {
		f := field{name: a.word(c), kind: fieldWord, salt: hashText(res.seed, c) + uint64(i)}
		if k, ok := fieldKinds[c]; ok {
			f.kind = k
		}
		for _, other := range a.resources {
			if other.concept == c && other != res && other.parent == nil && !other.single {
				f.kind, f.ref = fieldRef, other
				f.name = a.style.casing.join(other.one, "id")
			}
		}
		if f.kind == fieldOwner {
			f.name = a.style.casing.join(lookUp(a.language, []string{"owner", "user", "customer", "account"}[a.seed%4]).one, "id")
			if res.access == tenanted {
				f.name = a.style.casing.join(lookUp(a.language, "tenant").one, "id")
			}
		}
		if seen[f.name] {
			continue
		}
		seen[f.name] = true
		f.lead = `,"` + f.name + `":`
		res.fields = append(res.fields, f)
		if len(res.brief) < 3 || f.kind == fieldOwner {
			res.brief = append(res.brief, f)
		}
	}
}

// appendObject writes one object as JSON.
func (res *resource) appendObject(b []byte, n uint32, fields []field) []byte {
	if res.id.kind == idInt {
		b = append(b, `{"id":`...)
		b = res.id.append(b, n)
	} else {
		b = append(b, `{"id":"`...)
		b = res.id.append(b, n)
		b = append(b, '"')
	}
	h := hash2(res.seed, uint64(n))
	for i := range fields {
		f := &fields[i]
		b = append(b, f.lead...)
		b = res.appendValue(b, f, n, mix(h+f.salt))
	}
	return append(b, '}')
}

// appendValue writes what a field of object n holds; h is its chance.
func (res *resource) appendValue(b []byte, f *field, n uint32, h uint64) []byte {
	switch f.kind {
	case fieldTitle:
		b = append(append(b, '"'), adjectives[h%uint64(len(adjectives))]...)
		b = append(append(b, ' '), materials[h>>16%uint64(len(materials))]...)
		b = append(append(b, ' '), things[h>>32%uint64(len(things))]...)
		return append(b, '"')
	case fieldPerson:
		b = append(append(b, '"'), givenNames[h%uint64(len(givenNames))]...)
		b = append(append(b, ' '), familyNames[h>>16%uint64(len(familyNames))]...)
		return append(b, '"')
	case fieldMoney:
		b = strconv.AppendUint(b, 1+h%(1+h>>40%900), 10)
		return append(b, '.', byte('0'+h>>20%10), "059"[h>>24%3])
	case fieldCurrency:
		return append(b, `"EUR"`...)
	case fieldStatus:
		return quote(b, statuses[h%uint64(len(statuses))])
	case fieldTime:
		return appendTime(append(b, '"'), res.createdNS(n)+int64(h%86_400_000_000_000), '"')
	case fieldEmail:
		b = append(append(b, '"'), givenNames[h%uint64(len(givenNames))]...)
		b = append(append(b, '.'), familyNames[h>>16%uint64(len(familyNames))]...)
		b = append(append(b, '@'), mailHosts[h>>32%uint64(len(mailHosts))]...)
		return append(b, '"')
	case fieldPhone:
		b = append(b, `"+49151`...)
		b = strconv.AppendUint(b, 10_000_000+h%80_000_000, 10)
		return append(b, '"')
	case fieldAddress:
		b = append(append(b, `{"street":"`...), streets[h%uint64(len(streets))]...)
		b = append(b, ` street `...)
		b = strconv.AppendUint(b, 1+h>>10%180, 10)
		b = append(append(b, `","city":"`...), cities[h>>20%uint64(len(cities))]...)
		b = append(b, `","zip":"`...)
		b = strconv.AppendUint(b, 10_000+h>>30%80_000, 10)
		return append(b, `"}`...)
	case fieldURL:
		b = append(b, `"https://cdn.example/i/`...)
		b = appendHex(b, h, 12)
		return append(b, `.webp"`...)
	case fieldInt:
		return strconv.AppendUint(b, h%500, 10)
	case fieldRating:
		return append(b, byte('1'+h%5), '.', byte('0'+h>>9%10))
	case fieldIBAN:
		b = append(b, `"`...)
		b = appendIBAN(b, h)
		return append(b, '"')
	case fieldCode:
		b = append(b, '"')
		b = strconv.AppendUint(b, 10_000+h%9_990_000, 10)
		return append(b, '"')
	case fieldCity:
		return quote(b, cities[h%uint64(len(cities))])
	case fieldCountry:
		return quote(b, countries[h%uint64(len(countries))])
	case fieldSentence:
		b = append(b, '"')
		for i := range 6 + h%8 {
			w := mix(h + i)
			if i > 0 {
				b = append(b, ' ')
			}
			if i%2 == 0 {
				b = append(b, adjectives[w%uint64(len(adjectives))]...)
			} else {
				b = append(b, things[w%uint64(len(things))]...)
			}
		}
		return append(b, '"')
	case fieldBool:
		return strconv.AppendBool(b, h%3 > 0)
	case fieldGeo:
		b = append(b, `{"lat":48.`...)
		b = strconv.AppendUint(b, 100_000+h%800_000, 10)
		b = append(b, `,"lon":11.`...)
		b = strconv.AppendUint(b, 100_000+h>>30%800_000, 10)
		return append(b, '}')
	case fieldRef:
		return f.ref.appendID(b, res.refers(f, n))
	case fieldOwner:
		o := res.owner(n)
		if res.access == tenanted {
			return appendNamed(b, &res.app.tenantID, o)
		}
		return appendNamed(b, &res.app.users, o)
	}
	return quote(b, materials[h%uint64(len(materials))])
}

// refers returns which object of f.ref object n names.
func (res *resource) refers(f *field, n uint32) uint32 {
	return uint32(mix(hash2(res.seed, uint64(n))+f.salt) % uint64(max(1, f.ref.initial)))
}

// createdNS is about when object n was made.
func (res *resource) createdNS(n uint32) int64 {
	const twoYears = 2 * 365 * 86400 * 1_000_000_000
	step := int64(twoYears) / int64(res.initial+1)
	return res.app.startNS - twoYears + int64(n)*step
}

func (res *resource) appendID(b []byte, n uint32) []byte { return appendNamed(b, &res.id, int32(n)) }

// appendNamed writes an identifier as JSON: a number if it is a counter.
func appendNamed(b []byte, d *naming, n int32) []byte {
	if n < 0 {
		return append(b, "null"...)
	}
	if d.kind == idInt {
		return d.append(b, uint32(n))
	}
	b = append(b, '"')
	b = d.append(b, uint32(n))
	return append(b, '"')
}

func quote(b []byte, s string) []byte {
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendIBAN writes a German IBAN with right check digits (ISO 13616, mod 97).
func appendIBAN(b []byte, h uint64) []byte {
	bank, account := 10_000_000+h%80_000_000, 1_000_000_000+mix(h)%8_999_999_999
	// bank account 1314 00 modulo 97, in steps that fit 64 bits
	rest := bank % 97
	rest = (rest*10_000_000_000 + account) % 97
	rest = (rest*1_000_000 + 131400) % 97
	check := 98 - rest
	b = append(b, 'D', 'E', byte('0'+check/10), byte('0'+check%10))
	b = strconv.AppendUint(b, bank, 10)
	return strconv.AppendUint(b, account, 10)
}

// civil splits seconds since 1970 into a date, by the calendar algorithm of
// H. Hinnant; time.Time's formatting costs ten times as much, and there are
// several times in most answers.
func civil(sec int64) (y, m, d int64) {
	z := sec/86400 + 719468
	era := z / 146097
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d, m, y = doy-(153*mp+2)/5+1, mp+3, yoe+era*400
	if m > 12 {
		m, y = m-12, y+1
	}
	return y, m, d
}

func two(b []byte, v int64) []byte { return append(b, byte('0'+v/10), byte('0'+v%10)) }

func appendClock(b []byte, rest int64) []byte {
	b = append(two(b, rest/3600), ':')
	b = append(two(b, rest/60%60), ':')
	return two(b, rest%60)
}

// appendTime writes RFC 3339 in seconds and then the byte end.
func appendTime(b []byte, ns int64, end byte) []byte {
	sec := ns / 1e9
	y, m, d := civil(sec)
	b = append(two(two(b, y/100), y%100), '-')
	b = append(two(b, m), '-')
	b = append(two(b, d), 'T')
	return append(appendClock(b, sec%86400), 'Z', end)
}

// appendDate writes the form that a Date line has (RFC 9110, 5.6.7).
func appendDate(b []byte, sec int64) []byte {
	y, m, d := civil(sec)
	b = append(b, "ThuFriSatSunMonTueWed"[sec/86400%7*3:][:3]...)
	b = append(two(append(b, ", "...), d), ' ')
	b = append(b, "JanFebMarAprMayJunJulAugSepOctNovDec"[(m-1)*3:][:3]...)
	b = append(two(two(append(b, ' '), y/100), y%100), ' ')
	return append(appendClock(b, sec%86400), " GMT"...)
}
