package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"lapwing/parse/pseudonym"
	"lapwing/stream/kafka"
)

// An environment is what the roles of one process share.
type environment struct {
	cfg   Config
	log   *slog.Logger
	keys  *pseudonym.Keyring // of the deployment: the same in every role
	store keptStore          // nil where no role keeps anything
	owner string             // names this process among those of the deployment
	drain bool               // end once everything there is has been handled
}

// startTimeout bounds how long a start waits for brokers that do not answer.
const startTimeout = 20 * time.Second

// dial opens a connection to Kafka for one role, so that what it counts is the
// role's.
func (e *environment) dial(ctx context.Context, role string) (*kafka.Client, error) {
	cfg, err := e.cfg.Stream.Kafka.Client()
	if err != nil {
		return nil, err
	}
	cfg.Log = e.log.With("role", role)
	cfg.SessionTimeout = time.Duration(e.cfg.Stream.TakeOver)
	cfg.HeartbeatInterval = min(cfg.SessionTimeout/10, 3*time.Second)
	return kafka.New(cfg)
}

// checkKafka says in one sentence what is wrong with the brokers, the
// credentials or the topics, and makes topics that are missing.
func (e *environment) checkKafka(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	cfg, err := e.cfg.Stream.Kafka.Client()
	if err != nil {
		return err
	}
	cfg.Log = e.log
	client, err := kafka.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Ensure(ctx)
}

// deploymentKey reads the key. It makes one only for a process that has all
// roles: where several share the work, keys of their own would give each
// process other pseudonyms, and alerts other identities.
func deploymentKey(cfg *Config, roles []string) (*pseudonym.Keyring, error) {
	if cfg.Identity.KeyFile == "" && len(roles) < len(allRoles) {
		if _, err := os.Stat(cfg.path("key")); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("identity.key_file is not set: sensors, detectors and alerters of a deployment need the same key; "+
				"make one with (umask 077; openssl rand -hex 32 > key) and give it to all of them, or put it at %s", cfg.path("key"))
		}
	}
	return cfg.Identity.Key(cfg.Data)
}

// ownerName names this process for people.
func ownerName(cfg *Config) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("%s (process %d, data in %s)", host, os.Getpid(), cfg.Data)
}
