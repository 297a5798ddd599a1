package usercheck

import (
	"fmt"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/credentials"
	"lapwing/detect/distributed"
	"lapwing/event"
)

// Most names of a stolen list are unknown to any one site: that is part of the
// stuffing, from one address as from many.
func TestStuffingIsNotToldTwice(t *testing.T) {
	for name, client := range map[string]func(int) string{
		"one address":  func(int) string { return "203.0.113.7" },
		"one network":  func(i int) string { return fmt.Sprintf("203.0.113.%d", i%20) },
		"one program":  func(i int) string { return fmt.Sprintf("203.%d.113.7", i%100) },
		"few programs": func(i int) string { return fmt.Sprintf("198.%d.%d.7", i%100, i%5) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(21)
			for i := range 400 {
				fp := "tool"
				if name == "few programs" {
					fp = fmt.Sprintf("tool%d", i%5)
				}
				c := w.login(time.Duration(i)*time.Minute, client(i), fp, fmt.Sprintf("nm-leaked%d", i), detect.LoginNoSuchUser)
				c.Source, c.RequestBytes = event.SourcePacket, int64(40+w.rng.IntN(9))
			}
			w.runWith(t, credentials.New(credentials.Config{Seed: 1}), distributed.New(distributed.Config{Seed: 1})).silent(t)
		})
	}
}

// Whoever asks a login which names exist does not trouble to have a password
// for each.
func TestOneSecretForAllNamesIsEnumeration(t *testing.T) {
	w := newWorld(22)
	for i := range 60 {
		c := w.login(time.Duration(i)*time.Minute, "203.0.113.7", "tool", fmt.Sprintf("nm-%04d", i), detect.LoginNoSuchUser)
		c.Source, c.RequestBytes = event.SourcePacket, 44
	}
	w.runWith(t, credentials.New(credentials.Config{Seed: 1}), distributed.New(distributed.Config{Seed: 1})).one(t, event.KindClient, "203.0.113.7")
}
