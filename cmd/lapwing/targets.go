package main

import (
	"slices"
	"strings"
)

// The roles, in the order in which they stop: from the sources down.
const (
	roleSensor   = "sensor"
	roleDetector = "detector"
	roleArchiver = "archiver"
	roleAlerter  = "alerter"
)

var allRoles = []string{roleSensor, roleDetector, roleArchiver, roleAlerter}

// targetAll is every role: without Kafka as one process, with it through Kafka.
const targetAll = "all"

// parseTargets reads --target. It returns the roles in the order in which they
// stop.
func parseTargets(list []string) ([]string, error) {
	chosen := map[string]bool{}
	for _, t := range list {
		t = strings.TrimSpace(t)
		switch {
		case t == "console":
			return nil, usageError("--target console: there is no console in this version; ask with lapwing alerts, calls and inventory")
		case t == targetAll && len(list) > 1:
			return nil, usageError("--target %s: all stands alone, it is every role", strings.Join(list, ","))
		case t == targetAll:
			return allRoles, nil
		case slices.Contains(allRoles, t):
			chosen[t] = true
		default:
			return nil, usageError("--target %s: %q is not one of all, %s", strings.Join(list, ","), t, strings.Join(allRoles, ", "))
		}
	}
	if len(chosen) == 0 {
		return nil, usageError("--target is empty: give all, or some of %s", strings.Join(allRoles, ", "))
	}
	return slices.DeleteFunc(slices.Clone(allRoles), func(r string) bool { return !chosen[r] }), nil
}

// needsKafka says whether the roles cannot work in one process by themselves.
func needsKafka(roles []string) bool { return len(roles) < len(allRoles) }
