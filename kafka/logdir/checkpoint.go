package logdir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// checkpointFile matches the name of a snapshot of KRaft's metadata: the offset
// after the last record that it holds, and the leader epoch of that record.
var checkpointFile = regexp.MustCompile(`^(\d{20})-(\d{10})\.checkpoint$`)

var errUnfinished = errors.New("it is incomplete: its last record batch is not a snapshot's footer")

// readCheckpoints reads the snapshots of the metadata. The log begins where one of
// them ends, or before: without it a controller cannot start.
func (p *Partition) readCheckpoints(ctx context.Context) error {
	entries, err := os.ReadDir(p.Path)
	if err != nil && !isDamage(err) { // readPartition has reported damage
		return fmt.Errorf("list the checkpoints: %w", err)
	}
	last := int64(0)
	for _, e := range entries {
		found := checkpointFile.FindStringSubmatch(e.Name())
		if found == nil || !e.Type().IsRegular() {
			continue
		}
		end, err := strconv.ParseInt(found[1], 10, 64)
		if err != nil {
			continue // not a name of Kafka's
		}
		damage, err := readCheckpoint(ctx, filepath.Join(p.Path, e.Name()))
		if err != nil {
			return err
		}
		p.Checkpoints++
		if damage != nil {
			p.Damage = append(p.Damage, fmt.Sprintf("%s: %v", e.Name(), damage))
			continue
		}
		last = max(last, end)
	}
	if p.StartOffset > last {
		p.Damage = append(p.Damage, fmt.Sprintf("the log begins at offset %d, and no checkpoint without damage reaches it", p.StartOffset))
	}
	return nil
}

// readCheckpoint returns what is damaged in a checkpoint. It is a segment that Kafka
// writes aside and renames, so that an incomplete one is damaged.
func readCheckpoint(ctx context.Context, path string) (damage, err error) {
	s, err := readSegmentFile(ctx, segmentFile{path: path}, nil)
	switch {
	case err != nil:
		return nil, err
	case s.Damage != nil:
		return s.Damage, nil
	case s.TornTail || !s.Control:
		return errUnfinished, nil
	}
	return nil, nil
}
