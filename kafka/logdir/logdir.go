// Package logdir reads the log dirs of a Kafka broker that does not run, and
// says what a broker would find there.
package logdir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Dir is a log dir.
type Dir struct {
	Path        string      `json:"path"`
	ClusterID   string      `json:"clusterId,omitempty"`
	NodeID      string      `json:"nodeId,omitempty"`
	DirectoryID string      `json:"directoryId,omitempty"`
	Clean       bool        `json:"cleanShutdown"` // else Kafka checks the log's end when it starts
	InUse       bool        `json:"inUse"`         // by a running process; what was read can be torn
	Partitions  []Partition `json:"partitions"`
	Aside       []string    `json:"aside,omitempty"` // folders of partitions being deleted or moved, and those set aside
	// Problems are what stops a broker from starting on it, or is damaged.
	Problems []string `json:"problems,omitempty"`
}

// Read reads a log dir and every record batch in it. What is wrong with it is
// in the result; the error is of reading it.
func Read(ctx context.Context, path string) (Dir, error) {
	d := Dir{Path: path}
	entries, err := os.ReadDir(path)
	if err != nil {
		return d, fmt.Errorf("open the log dir: %w", err)
	}
	if d.InUse, err = inUse(path); err != nil {
		return d, err
	}
	if err := d.readMeta(); err != nil {
		return d, err
	}
	starts, err := readStarts(path)
	if err != nil {
		return d, err
	}
	for _, e := range entries {
		if !e.IsDir() {
			d.Clean = d.Clean || e.Name() == cleanFile
		}
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := d.readFolder(ctx, e.Name(), starts); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (d *Dir) readMeta() error {
	values, err := properties(filepath.Join(d.Path, metaFile), "=")
	if errors.Is(err, fs.ErrNotExist) {
		d.problem("%s is missing: this is not a formatted log dir", metaFile)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the log dir's format: %w", err)
	}
	d.ClusterID, d.NodeID, d.DirectoryID = values["cluster.id"], values["node.id"], values["directory.id"]
	if values["version"] == "0" {
		d.NodeID = values["broker.id"] // of the time of ZooKeeper
	}
	if _, err := strconv.Atoi(d.NodeID); err != nil || d.ClusterID == "" {
		d.problem("%s has no cluster.id and node.id: %v", metaFile, values)
	}
	return nil
}

// readFolder reads one folder of the log dir. Kafka does not start with one
// that it cannot name.
func (d *Dir) readFolder(ctx context.Context, name string, starts map[string]int64) error {
	if name == remoteIndex {
		return nil
	}
	if asideDir.MatchString(name) {
		d.Aside = append(d.Aside, name)
		return nil
	}
	found := partitionDir.FindStringSubmatch(name)
	if found == nil {
		d.problem("folder %s is no partition: Kafka does not start with it in the log dir", name)
		return nil
	}
	number, err := strconv.Atoi(found[2])
	if err != nil {
		return fmt.Errorf("folder %s: %w", name, err)
	}
	p, err := readPartition(ctx, filepath.Join(d.Path, name), found[1], number, d.Clean)
	if err != nil {
		return fmt.Errorf("partition %s: %w", name, err)
	}
	p.StartOffset = max(p.StartOffset, starts[name])
	for _, damage := range p.Damage {
		d.problem("%s: %s", name, damage)
	}
	d.Partitions = append(d.Partitions, p)
	return nil
}

func (d *Dir) problem(format string, args ...any) {
	d.Problems = append(d.Problems, fmt.Sprintf(format, args...))
}
