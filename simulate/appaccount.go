package simulate

import (
	"fmt"
	"strconv"
	"strings"
)

// An account of the application.
type account struct {
	n           int32
	tenant      int32
	role        role
	mfa         bool
	expired     bool // the password has to be changed at the next login
	disabled    bool
	changes     uint16 // how often the password changed
	epoch       uint16 // tokens of earlier epochs are void
	fails       uint16
	lockedUntil int64
	email       string // "" unless changed
	login       string // made once; "" when it has to be made anew
	resetCode   string
	resetUntil  int64
	service     string // name of a machine account
}

type role uint8

const (
	roleUser role = iota
	roleSupport
	roleAdmin
	roleService
)

var roleNames = [...]string{"user", "support", "admin", "service"}

func (a *application) newAccount() *account {
	n := int32(len(a.accounts))
	acc := &account{n: n}
	a.accounts = append(a.accounts, acc)
	if a.find(a.loginName(acc)) != nil { // two mail addresses that are shortened to one
		local, host, _ := strings.Cut(a.emailOf(acc), "@")
		acc.email, acc.login = local+"_"+strconv.Itoa(int(n))+"@"+host, ""
	}
	a.byLogin[hashText(0, a.loginName(acc))] = n
	return acc
}

// Names and secrets of accounts.

func (a *application) person(n int32) (given, family string, k uint64) {
	x := a.names.at(uint64(n))
	given = givenNames[x%uint64(len(givenNames))]
	x /= uint64(len(givenNames))
	return given, familyNames[x%uint64(len(familyNames))], x / uint64(len(familyNames))
}

func (a *application) emailOf(acc *account) string {
	if acc.email != "" {
		return acc.email
	}
	g, f, k := a.person(acc.n)
	h := hash2(a.seed, uint64(acc.n))
	host := mailHosts[h%uint64(len(mailHosts))]
	s := g + "." + f
	switch h >> 60 {
	case 0, 1:
		s = g[:1] + "." + f + strconv.Itoa(int(h>>20%90)+10) + g[1:2]
	case 2:
		s = f + g
	}
	if k > 0 {
		s += strconv.FormatUint(k+60, 10)
	}
	return s + "@" + host
}

func (a *application) userName(acc *account) string {
	g, f, k := a.person(acc.n)
	s := g + "_" + f
	if k > 0 {
		s += strconv.FormatUint(k, 10)
	}
	return s
}

// loginName returns what the account's holder types at the login.
func (a *application) loginName(acc *account) string {
	if acc.login == "" {
		acc.login = a.makeLoginName(acc)
	}
	return acc.login
}

func (a *application) makeLoginName(acc *account) string {
	switch {
	case acc.service != "":
		return acc.service
	case a.style.loginName == "username":
		return a.userName(acc)
	case a.style.loginName == "number":
		return strconv.FormatUint(10_000_000+a.names.at(uint64(acc.n)), 10)
	case a.style.loginName == "phone":
		return "+49151" + fmt.Sprintf("%08d", a.names.at(uint64(acc.n)))
	}
	return a.emailOf(acc)
}

// password returns the right password. Every twelfth account uses one that
// many use.
func (a *application) passwordOf(acc *account) string {
	h := hash3(a.seed, uint64(acc.n)+77, uint64(acc.changes))
	if h%12 == 0 {
		return commonPasswords[h>>8%uint64(len(commonPasswords))]
	}
	return things[h>>8%uint64(len(things))] + strings.ToUpper(materials[h>>20%uint64(len(materials))][:1]) + materials[h>>20%uint64(len(materials))][1:] + strconv.Itoa(int(h>>40%9000)+100)
}

// byName finds the account of a login name.
func (a *application) find(login string) *account {
	if n, ok := a.byLogin[hashText(0, login)]; ok {
		return a.accounts[n]
	}
	return nil
}
