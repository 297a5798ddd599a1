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

// deploymentKey reads the key, or makes one and says that the other roles need
// the same.
func deploymentKey(cfg *Config, log *slog.Logger) (*pseudonym.Keyring, error) {
	if cfg.Identity.KeyFile == "" {
		if _, err := os.Stat(cfg.path("key")); errors.Is(err, os.ErrNotExist) {
			log.Warn("a deployment key is made for this process alone; sensors, detectors and alerters must have the same one: give it to all as identity.key_file", "file", cfg.path("key"))
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
