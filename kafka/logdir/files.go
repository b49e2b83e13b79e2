package logdir

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// Files that a broker keeps in a log dir.
const (
	metaFile     = "meta.properties"
	cleanFile    = ".kafka_cleanshutdown" // exists while the broker is stopped, if it stopped cleanly
	lockFile     = ".lock"
	startsFile   = "log-start-offset-checkpoint"
	flushedFile  = "recovery-point-offset-checkpoint"
	topicIDFile  = "partition.metadata"
	metadataLog  = "__cluster_metadata"
	remoteIndex  = "remote-log-index-cache"
	lineMaxBytes = 64 << 10
)

var (
	partitionDir = regexp.MustCompile(`^(.+)-(\d{1,9})$`)
	// asideDir matches the folder of a partition that Kafka deletes, moves between
	// disks, or has set aside.
	asideDir = regexp.MustCompile(`^.+\.[^.]+-(delete|future|stray)$`)
)

// properties returns the values of a file whose lines are key, separator, value.
func properties(file, separator string) (map[string]string, error) {
	values := map[string]string{}
	err := eachLine(file, func(line string) error {
		if key, value, ok := strings.Cut(line, separator); ok && !strings.HasPrefix(line, "#") {
			values[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
		return nil
	})
	return values, err
}

func eachLine(file string, call func(string) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // read only
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, lineMaxBytes)
	for lines.Scan() {
		if err := call(lines.Text()); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// readTopicID returns the id of a partition's topic; empty: the folder has none.
func readTopicID(dir string) (string, error) {
	values, err := properties(filepath.Join(dir, topicIDFile), ":")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the topic's id: %w", err)
	}
	return values["topic_id"], nil
}

// readOffsets returns the offsets in a checkpoint file of the log dir, by the
// partition's folder; nil: there is no such file.
func readOffsets(dir, name string) (map[string]int64, error) {
	offsets := map[string]int64{}
	err := eachLine(filepath.Join(dir, name), func(line string) error {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil // the version, the number of lines
		}
		offset, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not an offset: %w", fields[2], err)
		}
		offsets[fields[0]+"-"+fields[1]] = offset
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the offsets of partitions: %w", err)
	}
	return offsets, nil
}

// inUse reports whether a running broker uses the log dir: it then locks a file.
func inUse(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for a running broker: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &lock); err != nil {
		return false, fmt.Errorf("ask for the lock of %s: %w", f.Name(), err)
	}
	return lock.Type != syscall.F_UNLCK, nil
}
