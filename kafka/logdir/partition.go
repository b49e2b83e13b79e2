package logdir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Partition describes a replica in a log dir.
type Partition struct {
	Topic       string    `json:"topic"`
	Partition   int       `json:"partition"`
	TopicID     string    `json:"topicId,omitempty"`
	Path        string    `json:"path"`
	Segments    int       `json:"segments"`
	Bytes       int64     `json:"bytes"`
	Records     int64     `json:"records"`     // in the log; compaction and transaction markers leave gaps between offsets
	StartOffset int64     `json:"startOffset"` // of the first record that consumers get
	EndOffset   int64     `json:"endOffset"`   // of the next record
	LeaderEpoch int32     `json:"leaderEpoch"` // of the last record; -1: none
	LastTime    time.Time `json:"lastTime,omitzero"`
	// OpenTransactions is the number of transactions that were neither committed nor
	// aborted. StableOffset is the first offset of them: read_committed consumers
	// stop there.
	OpenTransactions int   `json:"openTransactions,omitempty"`
	StableOffset     int64 `json:"stableOffset"`
	// Checkpoints is the number of snapshots of KRaft's metadata beside its log.
	Checkpoints int `json:"checkpoints,omitempty"`
	// TornBytes is the number of bytes at the end of an incomplete write. Kafka cuts
	// them off when it starts.
	TornBytes int64 `json:"tornBytes,omitempty"`
	// Damage says what is wrong, with at most one line for each segment. Kafka cuts
	// the log off there, or stops.
	Damage []string `json:"damage,omitempty"`
}

// Name returns the name of the partition's folder in Kafka: topic-partition.
func (p Partition) Name() string { return fmt.Sprintf("%s-%d", p.Topic, p.Partition) }

const segmentSuffix = ".log"

// segmentFile is a segment's file. Its name is its base offset.
type segmentFile struct {
	path string
	base int64
}

func segmentFiles(dir string) ([]segmentFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the segments: %w", err)
	}
	var files []segmentFile
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		base, err := strconv.ParseInt(name, 10, 64)
		if !ok || err != nil || !e.Type().IsRegular() {
			continue // indexes, which Kafka can rebuild, and files that it was deleting
		}
		files = append(files, segmentFile{filepath.Join(dir, e.Name()), base})
	}
	slices.SortFunc(files, func(a, b segmentFile) int { return int(min(1, max(-1, a.base-b.base))) })
	return files, nil
}

// readPartition reads all segments of a partition's folder.
func readPartition(ctx context.Context, dir, topic string, number int, end stop) (Partition, error) {
	p := Partition{Topic: topic, Partition: number, Path: dir, LeaderEpoch: -1}
	var err error
	if p.TopicID, err = readTopicID(dir); err != nil && !p.damaged(topicIDFile, err) {
		return p, err
	}
	files, err := segmentFiles(dir)
	if err != nil && !p.damaged("the list of its files", err) {
		return p, err
	}
	open, maxTime := map[int64]int64{}, int64(-1)
	for i, f := range files {
		s, err := readSegmentFile(ctx, f, open)
		if err != nil {
			return p, err
		}
		if i == 0 {
			p.StartOffset = f.base
		} else if f.base < p.EndOffset {
			p.Damage = append(p.Damage, fmt.Sprintf("%s: it begins before offset %d, where the segment before it ends", filepath.Base(f.path), p.EndOffset))
		}
		p.Segments++
		p.Bytes += s.Size
		p.Records += s.Records
		p.EndOffset = max(p.EndOffset, s.End)
		if s.LastEpoch >= 0 {
			p.LeaderEpoch = s.LastEpoch
		}
		maxTime = max(maxTime, s.MaxTime)
		cut, torn, err := end.tears(s, files[i+1:])
		if err != nil {
			return p, err
		}
		if torn { // Kafka deletes what follows
			p.TornBytes, p.EndOffset = cut, s.End
			break
		}
		p.judge(f, s, i == len(files)-1)
	}
	p.LastTime = newest(maxTime)
	p.OpenTransactions, p.StableOffset = len(open), p.EndOffset
	for _, first := range open {
		p.StableOffset = min(p.StableOffset, first)
	}
	if topic == metadataLog {
		return p, p.readCheckpoints(ctx)
	}
	return p, nil
}

// damaged reports whether a file of the partition could not be read because it is
// damaged, and records that.
func (p *Partition) damaged(file string, err error) bool {
	if !isDamage(err) {
		return false
	}
	p.Damage = append(p.Damage, fmt.Sprintf("%s: it cannot be read: %v", file, cause(err)))
	return true
}

// judge records the damage of a segment.
func (p *Partition) judge(f segmentFile, s Segment, last bool) {
	switch {
	case s.Damage != nil:
		p.Damage = append(p.Damage, fmt.Sprintf("%s: %v", filepath.Base(f.path), s.Damage))
	case s.TornTail && last:
		p.Damage = append(p.Damage, fmt.Sprintf("%s: its last %d bytes are incomplete, although the broker stopped cleanly", filepath.Base(f.path), s.Size-s.Read))
	case s.TornTail:
		p.Damage = append(p.Damage, fmt.Sprintf("%s: its last %d bytes are incomplete, although another segment follows", filepath.Base(f.path), s.Size-s.Read))
	}
}

func readSegmentFile(ctx context.Context, f segmentFile, open map[int64]int64) (Segment, error) {
	file, info, err := openFile(f.path)
	if isDamage(err) {
		return Segment{End: f.base, LastEpoch: -1, MaxTime: -1, Damage: fmt.Errorf("it cannot be opened: %w", cause(err))}, nil
	}
	if err != nil {
		return Segment{}, fmt.Errorf("open a segment: %w", err)
	}
	defer file.Close() //nolint:errcheck // read only
	s, err := ReadSegment(ctx, file, info.Size(), f.base, open)
	if err != nil {
		return s, fmt.Errorf("%s: %w", f.path, err)
	}
	return s, nil
}

func openFile(path string) (*os.File, os.FileInfo, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}
