package logdir

import (
	"fmt"
	"os"
)

// stop is how the writing to a partition has ended.
type stop struct {
	clean   bool  // nothing was being written
	flushed int64 // all before this offset was flushed to the disk; -1: not known
}

// stopOf returns how the writing to a partition has ended. KRaft writes its log also
// before and after the time that the file for a clean stop tells of, and does not
// note what it has flushed. Of a partition that a list of offsets lacks, nothing was.
func stopOf(folder, topic string, clean bool, flushed map[string]int64) stop {
	switch {
	case topic == metadataLog:
		return stop{flushed: -1}
	case flushed == nil:
		return stop{clean: clean, flushed: -1}
	}
	return stop{clean: clean, flushed: flushed[folder]}
}

// tears reports whether the incomplete end of a segment is no damage: it was being
// written. Kafka flushes a full segment only after it has begun the next one. When it
// starts, it cuts off that end and deletes the segments that follow: so many bytes.
func (e stop) tears(s Segment, follow []segmentFile) (cut int64, torn bool, err error) {
	if !s.TornTail || e.clean {
		return 0, false, nil
	}
	cut = s.Size - s.Read
	empty := true
	for _, f := range follow {
		info, err := os.Stat(f.path)
		if err != nil && !isDamage(err) {
			return 0, false, fmt.Errorf("read the size of a segment: %w", err)
		}
		if err != nil || info.Size() > 0 {
			empty = false
		}
		if err == nil {
			cut += info.Size()
		}
	}
	return cut, empty || e.flushed >= 0 && s.End >= e.flushed, nil
}
