// Package logdir reads the log dirs of a stopped Kafka broker, and reports what a
// broker would find there.
package logdir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Dir is a log dir.
type Dir struct {
	Path        string      `json:"path"`
	ClusterID   string      `json:"clusterId,omitempty"`
	NodeID      string      `json:"nodeId,omitempty"`
	DirectoryID string      `json:"directoryId,omitempty"`
	Clean       bool        `json:"cleanShutdown"` // otherwise Kafka checks the log's end when it starts
	InUse       bool        `json:"inUse"`         // a running process uses it; the result can be inconsistent
	Partitions  []Partition `json:"partitions"`
	Aside       []string    `json:"aside,omitempty"` // folders of partitions that are being deleted or moved, or were set aside
	// Problems say why a broker would not start on it, and what is damaged.
	Problems []string `json:"problems,omitempty"`

	others []string // folders with an unknown kind of name: a broker does not start with them
}

// Read reads a log dir and every record batch in it. The result holds its problems;
// the error says that it could not be read.
func Read(ctx context.Context, path string) (Dir, error) {
	d := Dir{Path: path}
	entries, err := os.ReadDir(path)
	if err != nil && !d.damaged(".", err) {
		return d, fmt.Errorf("open the log dir: %w", err)
	}
	if d.InUse, err = inUse(path); err != nil && !d.damaged(lockFile, err) {
		return d, err
	}
	if err := d.readMeta(); err != nil && !d.damaged(metaFile, err) {
		return d, fmt.Errorf("read the log dir's format: %w", err)
	}
	starts, err := readOffsets(path, startsFile) // the first offsets where older records were deleted on request
	if err != nil && !d.damaged(startsFile, err) {
		return d, err
	}
	flushed, err := readOffsets(path, flushedFile)
	if err != nil && !d.damaged(flushedFile, err) {
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
		if err := d.readFolder(ctx, e.Name(), starts, flushed); err != nil {
			return d, err
		}
	}
	if d.brokers() {
		for _, name := range d.others {
			d.problem("folder %s is no partition: Kafka does not start with it in the log dir", name)
		}
	}
	return d, nil
}

// brokers reports whether the log dir may be a broker's. One that holds only KRaft's
// metadata is a controller's, which does not look at other folders, such as the file
// system's own lost+found.
func (d *Dir) brokers() bool {
	return len(d.Partitions) == 0 || slices.ContainsFunc(d.Partitions, func(p Partition) bool { return p.Topic != metadataLog })
}

func (d *Dir) readMeta() error {
	values, err := properties(filepath.Join(d.Path, metaFile), "=")
	if errors.Is(err, fs.ErrNotExist) {
		d.problem("%s is missing: this is not a formatted log dir", metaFile)
		return nil
	}
	if err != nil {
		return err
	}
	d.ClusterID, d.NodeID, d.DirectoryID = values["cluster.id"], values["node.id"], values["directory.id"]
	if values["version"] == "0" {
		d.NodeID = values["broker.id"] // the format in clusters with ZooKeeper
	}
	if _, err := strconv.Atoi(d.NodeID); err != nil || d.ClusterID == "" {
		d.problem("%s has no cluster.id and node.id: %v", metaFile, values)
	}
	return nil
}

// readFolder reads one folder of the log dir.
func (d *Dir) readFolder(ctx context.Context, name string, starts, flushed map[string]int64) error {
	if name == remoteIndex {
		return nil
	}
	if asideDir.MatchString(name) {
		d.Aside = append(d.Aside, name)
		return nil
	}
	found := partitionDir.FindStringSubmatch(name)
	if found == nil {
		d.others = append(d.others, name)
		return nil
	}
	number, err := strconv.Atoi(found[2])
	if err != nil {
		return fmt.Errorf("folder %s: %w", name, err)
	}
	p, err := readPartition(ctx, filepath.Join(d.Path, name), found[1], number, stopOf(name, found[1], d.Clean, flushed))
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

// damaged reports whether the file could not be read because it is damaged, and
// records that.
func (d *Dir) damaged(file string, err error) bool {
	if !isDamage(err) {
		return false
	}
	d.problem("%s: it cannot be read: %v", file, cause(err))
	return true
}

func (d *Dir) problem(format string, args ...any) {
	d.Problems = append(d.Problems, fmt.Sprintf(format, args...))
}
