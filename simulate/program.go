package simulate

import (
	"strconv"
	"strings"
)

// slot is what stands in a header line that depends on the request.
type slot uint8

const (
	slotFixed slot = iota
	slotHost
	slotAgent
	slotLength
	slotType
	slotAuth
	slotKey
	slotCookie
	slotOrigin
	slotReferer
	slotLanguage
	slotVersion
	slotDevice
	slotBrand
)

var slotNames = map[string]slot{"{host}": slotHost, "{ua}": slotAgent, "{length}": slotLength, "{type}": slotType, "{auth}": slotAuth, "{key}": slotKey, "{cookie}": slotCookie,
	"{origin}": slotOrigin, "{referer}": slotReferer, "{lang}": slotLanguage, "{version}": slotVersion, "{device}": slotDevice, "{brand}": slotBrand}

type headerLine struct {
	name, value string
	slot        slot
}

// A program makes requests: it decides which header lines there are, their
// order and their spelling.
type program struct {
	name    string
	lines   []headerLine
	agent   string // {v}: version, {a}: version of the application's own app
	first   int    // version on 2026-03-02
	weeks   int    // between two releases
	cookies bool   // a browser: keeps cookies, names its origin
	phone   bool
	machine bool
	bot     bool
	device  bool // a thing, not a person's
	conns   int
	share   float64 // among its kind
}

type programs struct {
	all                                         []*program
	browsers, apps, machines, crawlers, devices []*program
}

func newPrograms() *programs {
	ps := &programs{}
	var p *program
	for line := range strings.SplitSeq(strings.TrimSpace(programText), "\n") {
		if head, ok := strings.CutPrefix(line, "= "); ok {
			f := strings.Fields(head)
			p = &program{name: f[0]}
			p.share, _ = strconv.ParseFloat(f[1], 64)
			p.cookies, p.phone = strings.Contains(f[2], "b"), strings.Contains(f[2], "p")
			p.machine, p.bot = strings.Contains(f[2], "m"), strings.Contains(f[2], "c")
			p.device = strings.Contains(f[2], "d")
			p.conns, _ = strconv.Atoi(f[3])
			p.first, _ = strconv.Atoi(f[4])
			p.weeks, _ = strconv.Atoi(f[5])
			ps.all = append(ps.all, p)
			switch {
			case p.cookies:
				ps.browsers = append(ps.browsers, p)
			case p.machine:
				ps.machines = append(ps.machines, p)
			case p.device:
				ps.devices = append(ps.devices, p)
			case p.bot:
				ps.crawlers = append(ps.crawlers, p)
			default:
				ps.apps = append(ps.apps, p)
			}
			continue
		}
		if p.agent == "" {
			p.agent = line
			continue
		}
		name, value, _ := strings.Cut(line, ": ")
		p.lines = append(p.lines, headerLine{name: name, value: value, slot: slotNames[value]})
	}
	return ps
}

// named returns a program by name, nil if there is none.
func (ps *programs) named(name string) *program {
	for _, p := range ps.all {
		if p.name == name {
			return p
		}
	}
	return nil
}

// pick draws by share.
func (ps *programs) pick(from []*program, x float64) *program {
	sum := 0.0
	for _, p := range from {
		sum += p.share
	}
	x *= sum
	for _, p := range from {
		if x -= p.share; x < 0 {
			return p
		}
	}
	return from[len(from)-1]
}

const (
	weekNS  = 7 * 86_400_000_000_000
	birthNS = 1_772_409_600_000_000_000 // 2026-03-02, when the first versions held
)

// agentOf returns the user agent of a device with the program at a time. Most
// devices update within days of a release, some lag, one in twelve never does.
func (p *program) agentOf(device uint64, nowNS int64, app string) string {
	s := p.agent
	if strings.Contains(s, "{v}") {
		s = strings.ReplaceAll(s, "{v}", strconv.Itoa(p.version(device, nowNS)))
	}
	if strings.Contains(s, "{a}") {
		s = strings.ReplaceAll(s, "{a}", app)
	}
	return s
}

func (p *program) version(device uint64, nowNS int64) int {
	if p.weeks == 0 {
		return p.first
	}
	h := hash2(device, hashText(0, p.name))
	lag := int64(h % uint64(10*86_400_000_000_000))
	if h>>50%12 == 0 {
		return p.first - 3 - int(h>>56%9)
	}
	since := nowNS - birthNS - lag
	period := int64(p.weeks) * weekNS
	v := p.first + int(since/period)
	if since < 0 {
		v--
	}
	return max(1, v)
}

// appVersion is the version of the application's own app on a device: a
// release every two weeks.
func appVersion(device uint64, nowNS int64) string {
	h := mix(device + 5)
	n := 40 + (nowNS-birthNS-int64(h%uint64(12*86_400_000_000_000)))/(2*weekNS)
	if h>>52%14 == 0 {
		n = 31 + int64(h>>58%8)
	}
	return "7." + strconv.FormatInt(max(0, n), 10) + "." + strconv.FormatInt(int64(h>>40%2), 10)
}

var spoken = []string{"en-US,en;q=0.9", "de-DE,de;q=0.9,en;q=0.8", "fr-FR,fr;q=0.9,en;q=0.7", "es-ES,es;q=0.9", "pt-BR,pt;q=0.9,en;q=0.8", "nl-NL,nl;q=0.9,en;q=0.8", "en-GB,en;q=0.9", "it-IT,it;q=0.9", "pl-PL,pl;q=0.9"}

// speaks draws an Accept-Language for a device; most people speak the
// application's language.
func speaks(language int, device uint64) string {
	h := mix(device + 11)
	if h%10 < 7 {
		return spoken[language]
	}
	return spoken[h>>8%uint64(len(spoken))]
}

func deviceText(device uint64) string {
	var b [36]byte
	d := naming{kind: idUUID, seed: device, spread: permute(1<<60, device)}
	return string(d.append(b[:0], 1))
}
