package logdir

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// maxName is the greatest length of a folder's name, in bytes.
const maxName = 255

// Move is a folder that was set aside.
type Move struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// SetAside renames the stale copies of duplicate partitions, so that Kafka starts.
// Kafka neither uses nor deletes a folder named <partition>.<id>-stray: it is the
// name for partitions that Kafka itself has set aside. SetAside deletes nothing. It
// returns the folders that it has moved, also with an error.
func (b Broker) SetAside() ([]Move, error) {
	if b.mixed {
		return nil, ErrMixed
	}
	for _, d := range b.Dirs {
		used, err := inUse(d.Path)
		if err != nil {
			return nil, err
		}
		if used {
			return nil, fmt.Errorf("%s: %w", d.Path, ErrInUse)
		}
	}
	var moves []Move
	for _, duplicate := range b.Duplicates {
		if duplicate.Undecided != "" {
			continue
		}
		for _, p := range duplicate.Stale {
			to := filepath.Join(filepath.Dir(p.Path), strayName(p.Name()))
			if err := os.Rename(p.Path, to); err != nil {
				return moves, fmt.Errorf("set %s aside: %w", p.Path, err)
			}
			moves = append(moves, Move{p.Path, to})
		}
	}
	return moves, nil
}

// strayName returns a new name, in Kafka's form, for a partition to set aside.
func strayName(partition string) string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	suffix := "." + hex.EncodeToString(id[:]) + "-stray"
	return partition[:min(len(partition), maxName-len(suffix))] + suffix
}
