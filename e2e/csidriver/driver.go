package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// config is what a driver is made from.
type config struct {
	root   string
	nodeID string
	name   string
	log    *zap.Logger
	now    func() time.Time
}

// driver is what the three CSI services share.
type driver struct {
	config

	// changing is held by every call that changes something. It keeps calls
	// about one object apart and, since one process may have files of two
	// volumes open, all cuts one after the other.
	changing sync.Mutex

	volumes        *catalog[volume]
	snapshots      *catalog[snapshot]
	volumeFaults   *faultBook
	snapshotFaults *faultBook

	// cut is cutFrozen, but for tests of the tests.
	cut cutFunc
	// tmp holds what is not complete yet, on the same filesystem.
	tmp string
}

// newDriver opens the data below cfg.root and removes what an interrupted run
// left incomplete.
func newDriver(cfg config) (*driver, error) {
	root, err := filepath.Abs(cfg.root)
	if err != nil {
		return nil, fmt.Errorf("find root %s: %w", cfg.root, err)
	}
	tmp := filepath.Join(root, "tmp")
	if err := os.RemoveAll(tmp); err != nil {
		return nil, fmt.Errorf("remove leftovers: %w", err)
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return nil, fmt.Errorf("create root: %w", err)
	}
	volumes, err := openCatalog[volume](filepath.Join(root, "volumes"))
	if err != nil {
		return nil, err
	}
	snapshots, err := openCatalog[snapshot](filepath.Join(root, "snapshots"))
	if err != nil {
		return nil, err
	}
	return &driver{
		config:         cfg,
		volumes:        volumes,
		snapshots:      snapshots,
		volumeFaults:   newFaultBook(cfg.now),
		snapshotFaults: newFaultBook(cfg.now),
		cut:            cutFrozen,
		tmp:            tmp,
	}, nil
}

// staged returns an unused path to build the directory of id under.
func (d *driver) staged(id string) (string, error) {
	dir := filepath.Join(d.tmp, id)
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("clear staging of %s: %w", id, err)
	}
	return dir, nil
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

// idFor derives the id, which is also the name of the data directory, from the
// name that the orchestrator asked for: the same name always gives the same id.
func idFor(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16])
}

// statusOf says err in gRPC's terms. Internal unless it is known better.
func statusOf(err error) error {
	if errors.Is(err, errRestless) {
		return status.Error(codes.Aborted, err.Error())
	}
	return status.Error(codes.Internal, err.Error())
}
