package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
)

// switches are faults that begin and end while the driver runs. Each file
// <root>/faults/NAME.json asks for some, by parameters as classes have them, until it is
// removed.
type switches struct {
	Snapshots map[string]string `json:"snapshots,omitempty"`
	Volumes   map[string]string `json:"volumes,omitempty"`
	Deletes   map[string]string `json:"deletes,omitempty"` // of snapshots and of volumes
}

// switched returns what all files together ask for. If two ask for the same, the last
// one by its name counts.
func (d *driver) switched() (switches, error) {
	all := switches{Snapshots: map[string]string{}, Volumes: map[string]string{}, Deletes: map[string]string{}}
	files, err := filepath.Glob(filepath.Join(d.root, "faults", "*.json"))
	if err != nil {
		return all, fmt.Errorf("look for faults: %w", err)
	}
	for _, file := range files { // by their names
		content, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue // it has just ended
		}
		var s switches
		if err == nil {
			err = json.Unmarshal(content, &s)
		}
		if err != nil {
			return all, fmt.Errorf("read the faults in %s: %w", file, err)
		}
		maps.Copy(all.Snapshots, s.Snapshots)
		maps.Copy(all.Volumes, s.Volumes)
		maps.Copy(all.Deletes, s.Deletes)
	}
	return all, nil
}

// faultsOf are the faults that a class asks for, and those that are switched on.
func (d *driver) faultsOf(keys faultKeys, class map[string]string, which func(switches) map[string]string) (faults, error) {
	s, err := d.switched()
	if err != nil {
		return faults{}, err
	}
	all := maps.Clone(class)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, which(s))
	return keys.parse(all)
}

func ofSnapshots(s switches) map[string]string { return s.Snapshots }
func ofVolumes(s switches) map[string]string   { return s.Volumes }
func ofDeletes(s switches) map[string]string   { return s.Deletes }
