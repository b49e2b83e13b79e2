package logdir

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// Broker describes what one broker would find in all its log dirs.
type Broker struct {
	Dirs []Dir `json:"dirs"`
	// Problems say why the broker would not start, even if each dir has no problem.
	Problems   []string    `json:"problems,omitempty"`
	Duplicates []Duplicate `json:"duplicates,omitempty"`

	mixed bool // the dirs are of more than one broker
}

// Duplicate is a partition that is in more than one log dir. With it the broker does
// not start ("Duplicate log directories").
type Duplicate struct {
	Keep Partition `json:"keep"` // the copy with the newest data
	// Stale are the other copies.
	Stale []Partition `json:"stale,omitempty"`
	// Undecided says why the disks do not show which copy is the right one; empty:
	// they do.
	Undecided string `json:"undecided,omitempty"`
}

// ReadBroker reads the log dirs of one broker.
func ReadBroker(ctx context.Context, paths ...string) (Broker, error) {
	b, err := readDirs(ctx, paths)
	if err != nil {
		return b, err
	}
	b.compare()
	b.findDuplicates()
	return b, nil
}

func readDirs(ctx context.Context, paths []string) (Broker, error) {
	var b Broker
	seen := map[string]bool{}
	for _, path := range paths {
		path = filepath.Clean(path)
		if seen[path] {
			continue
		}
		seen[path] = true
		d, err := Read(ctx, path)
		if err != nil {
			return b, err
		}
		b.Dirs = append(b.Dirs, d)
	}
	return b, nil
}

// ReadVolumes looks for the log dirs of one broker in its volumes, and reads them. A
// volume without a log dir is a problem. Several in the only volume are not compared:
// one may be a copy that a person has made, and that Kafka does not know.
func ReadVolumes(ctx context.Context, volumes ...string) (Broker, error) {
	dirs, problems, err := find(volumes)
	if err != nil {
		return Broker{}, err
	}
	b, err := readDirs(ctx, dirs)
	if err == nil && len(volumes) > 1 {
		b.compare()
		b.findDuplicates()
	}
	b.Problems = append(problems, b.Problems...)
	if err == nil && !b.Sound() && gone(volumes) {
		return b, errGone
	}
	return b, err
}

// Sound reports whether nothing is damaged, so that a broker would start.
func (b Broker) Sound() bool {
	for _, d := range b.Dirs {
		if len(d.Problems) > 0 {
			return false
		}
	}
	return len(b.Problems) == 0
}

// compare finds log dirs that do not belong together.
func (b *Broker) compare() {
	directories := map[string]string{}
	var first *Dir
	for i := range b.Dirs {
		d := &b.Dirs[i]
		if d.ClusterID == "" {
			continue // readMeta has reported it
		}
		if first == nil {
			first = d
		}
		b.mixed = b.mixed || d.ClusterID != first.ClusterID || d.NodeID != first.NodeID
		if d.ClusterID != first.ClusterID {
			b.problem("%s is of cluster %s, %s of %s: one is the disk of another cluster", first.Path, first.ClusterID, d.Path, d.ClusterID)
		}
		if d.NodeID != first.NodeID {
			b.problem("%s is of node %s, %s of %s: one is the disk of another broker", first.Path, first.NodeID, d.Path, d.NodeID)
		}
		if other, ok := directories[d.DirectoryID]; ok && d.DirectoryID != "" {
			b.problem("%s and %s have the same directory.id %s: one is a copy of the other", other, d.Path, d.DirectoryID)
		}
		directories[d.DirectoryID] = d.Path
	}
}

func (b *Broker) problem(format string, args ...any) {
	b.Problems = append(b.Problems, fmt.Sprintf(format, args...))
}

func (b *Broker) findDuplicates() {
	copies := map[string][]Partition{}
	var names []string
	for _, d := range b.Dirs {
		for _, p := range d.Partitions {
			if p.Topic == metadataLog {
				continue // a broker reads this log from only one log dir
			}
			if copies[p.Name()] == nil {
				names = append(names, p.Name())
			}
			copies[p.Name()] = append(copies[p.Name()], p)
		}
	}
	for _, name := range names {
		if len(copies[name]) > 1 {
			duplicate := decide(copies[name])
			b.Duplicates = append(b.Duplicates, duplicate)
			b.problem("%s", duplicate)
		}
	}
}

// decide returns which copy to keep and which ones are stale. A higher leader epoch
// counts more than a higher offset: Kafka cuts off the records that a former leader
// wrote after its epoch.
func decide(copies []Partition) Duplicate {
	d := Duplicate{Keep: copies[0]}
	for _, p := range copies[1:] {
		if p.LeaderEpoch > d.Keep.LeaderEpoch || p.LeaderEpoch == d.Keep.LeaderEpoch && p.EndOffset > d.Keep.EndOffset {
			d.Keep = p
		}
	}
	for _, p := range copies {
		if p.Path == d.Keep.Path {
			continue
		}
		d.Stale = append(d.Stale, p)
		switch {
		case p.TopicID != d.Keep.TopicID:
			d.Undecided = "they are of different topics of that name, one of which was deleted"
		case len(d.Keep.Damage) > 0:
			d.Undecided = "the copy that reaches further is damaged"
		case p.EndOffset > d.Keep.EndOffset:
			d.Undecided = "neither holds all that the other does"
		}
	}
	return d
}

func (d Duplicate) String() string {
	text := fmt.Sprintf("%s is in two log dirs: %s ends at offset %d", d.Keep.Name(), d.Keep.Path, d.Keep.EndOffset)
	for _, p := range d.Stale {
		text += fmt.Sprintf(", %s at %d", p.Path, p.EndOffset)
	}
	text += ": Kafka does not start"
	if d.Undecided != "" {
		return text + "; " + d.Undecided + ": move one away by hand"
	}
	return text + "; --set-aside moves the stale copy away"
}

// ErrMixed is returned if log dirs of different brokers would be changed.
var ErrMixed = errors.New("these are not the log dirs of one broker: nothing is set aside")

// ErrInUse is returned if a log dir would be changed while a broker uses it.
var ErrInUse = errors.New("a running process uses the log dir: stop the broker first")
