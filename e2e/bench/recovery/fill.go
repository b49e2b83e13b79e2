package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	recordSize = 16 << 10
	chunk      = 256 << 20 // bytes that are produced between two looks at the disk
)

// fill writes so many bytes of random records, to all partitions in turns. Each must
// be acknowledged by all replicas.
func (t *trial) fill(ctx context.Context, bytes float64) error {
	for left := int64(bytes) / recordSize; left > 0; {
		n := min(left, chunk/recordSize)
		if err := t.room(2 * float64(n*recordSize) / 1e9); err != nil {
			return err
		}
		records := t.random(int(n))
		p, err := t.Produce(ctx, records, kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedBytes(64<<20))
		if err != nil {
			return err
		}
		if p.Acknowledged != len(records) {
			return fmt.Errorf("%d of %d records were acknowledged: %w", p.Acknowledged, len(records), p.Failed)
		}
		for _, r := range records {
			t.acknowledged[r.Partition]++
		}
		left -= n
	}
	return nil
}

// room returns an error if so many GB do not fit any more.
func (t *trial) room(need float64) error {
	m, err := thisMachine()
	if err == nil && m.free-need < t.keepFree {
		err = fmt.Errorf("%.1f GB of the disk are free, %.1f GB are to be written and %g GB to stay free: something else fills it", m.free, need, t.keepFree)
	}
	return err
}

// random makes records out of different parts of the same random bytes.
func (t *trial) random(n int) []*kgo.Record {
	records := make([]*kgo.Record, n)
	for i := range records {
		at := rand.IntN(len(t.noise) - recordSize)
		records[i] = &kgo.Record{Topic: topic, Partition: int32(i % t.partitions), Value: t.noise[at : at+recordSize]}
	}
	return records
}

// settle waits until a broker's recovery points have passed all segments that are
// full, which Kafka notes once a minute. Else a snapshot would be of a broker that
// was filled in no time, with everything to recover.
func (t *trial) settle(ctx context.Context, id int) error {
	dir := t.Nodes[id].LogDirs()[0]
	return t.Eventually(ctx, func(context.Context) error {
		content, err := os.ReadFile(filepath.Join(dir, "recovery-point-offset-checkpoint"))
		if err != nil {
			return fmt.Errorf("read the recovery points: %w", err)
		}
		points, err := recoveryPoints(string(content), topic)
		if err != nil {
			return err
		}
		for p := range t.partitions {
			active, err := activeSegment(filepath.Join(dir, fmt.Sprintf("%s-%d", topic, p)))
			if err != nil {
				return err
			}
			if points[p] < active {
				return fmt.Errorf("the recovery point of %s-%d is %d, its last segment begins at %d", topic, p, points[p], active)
			}
		}
		return nil
	})
}

// activeSegment is the first offset of a partition's last segment.
func activeSegment(dir string) (int64, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return 0, fmt.Errorf("list the segments: %w", err)
	}
	if len(files) == 0 {
		return 0, errors.New("no segment in " + dir)
	}
	return strconv.ParseInt(strings.TrimSuffix(filepath.Base(slices.Max(files)), ".log"), 10, 64)
}
