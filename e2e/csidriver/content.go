package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// content is what a snapshot has in place of what was on its volume: the log dir of
// a Kafka node that a storage system has not kept well.
type content string

const (
	contentGood content = "" // what was on the volume

	// contentTorn ends a log in the middle of a batch, as a write that was under way
	// does. Kafka cuts it off when it starts: no record is missing.
	contentTorn content = "torn"

	// contentDamaged has other bytes in the midst of a log. Kafka cuts off all that
	// follows, or does not start.
	contentDamaged content = "damaged"

	// contentTornLine ends the files at the volume's root in the middle of a line, as a
	// write that was under way does: for volumes that hold text in place of Kafka's logs.
	contentTornLine content = "torn-line"
)

func parseContent(key, value string) (content, error) {
	switch c := content(value); c {
	case contentTorn, contentDamaged, contentTornLine:
		return c, nil
	}
	return contentGood, fmt.Errorf("parameter %s: %q is neither %s, %s nor %s", key, value, contentTorn, contentDamaged, contentTornLine)
}

// applyTo changes the copy of a volume. It is an error if there is no log to change:
// a test that asks for damage must not get a good snapshot.
func (c content) applyTo(dir string) error {
	switch c {
	case contentGood:
		return nil
	case contentTornLine:
		return tearLines(dir)
	}
	logs, err := logsBelow(dir)
	if err != nil {
		return err
	}
	for _, l := range logs {
		batches, err := readBatches(l.path)
		if err != nil {
			return err
		}
		// The last batch would count as torn.
		switch n := len(batches); {
		case c == contentTorn && n > 0:
			return l.tear(batches[n-1])
		case c == contentDamaged && n > 1:
			return l.damage(batches[(n-1)/2])
		}
	}
	return fmt.Errorf("no log of Kafka's below %s has the batches to be %s", dir, c)
}

// log is the last segment of a partition: only that one can be torn.
type log struct {
	path  string
	inner bool // it is of one of Kafka's own topics
	size  int64
}

// partitionName matches the names of partitions' folders.
var partitionName = regexp.MustCompile(`^.+-[0-9]+$`)

// logsBelow finds the logs below a directory, those of people's topics first, the
// largest first. Other folders may hold what Kafka does not read.
func logsBelow(dir string) ([]log, error) {
	last := map[string]log{} // by the partition's folder
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		of := filepath.Dir(path)
		if err != nil || !entry.Type().IsRegular() || filepath.Ext(path) != ".log" || !partitionName.MatchString(filepath.Base(of)) {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		last[of] = log{path, strings.HasPrefix(filepath.Base(of), "__"), info.Size()} // by name, so the last comes last
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for logs below %s: %w", dir, err)
	}
	var logs []log
	for _, l := range last {
		logs = append(logs, l)
	}
	slices.SortFunc(logs, func(a, b log) int {
		if a.inner != b.inner {
			return map[bool]int{true: 1, false: -1}[a.inner]
		}
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.path, b.path))
	})
	return logs, nil
}

// batch is where a record batch is in a file.
type batch struct{ at, size int64 }

// A batch begins with its offset and the length of what follows; its records come
// behind a header of a fixed size.
const (
	batchPrefix = 12
	batchHeader = 61
)

// readBatches finds the complete batches of a segment.
func readBatches(path string) (batches []batch, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a log: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read a log: %w", err)
	}
	var prefix [batchPrefix]byte
	for at := int64(0); ; {
		if _, err := file.ReadAt(prefix[:], at); errors.Is(err, io.EOF) {
			return batches, nil
		} else if err != nil {
			return nil, fmt.Errorf("read a log: %w", err)
		}
		size := batchPrefix + int64(binary.BigEndian.Uint32(prefix[8:]))
		if size <= batchHeader || at+size > info.Size() {
			return batches, nil // zeros, or incomplete
		}
		batches = append(batches, batch{at, size})
		at += size
	}
}

// tear appends the first half of a batch.
func (l log) tear(b batch) error {
	return l.change(func(file *os.File) error {
		half := make([]byte, b.size/2)
		if _, err := file.ReadAt(half, b.at); err != nil {
			return err
		}
		_, err := file.WriteAt(half, l.size)
		return err
	})
}

// damage overwrites the beginning of a batch's records, always with the same bytes:
// damage that is done twice must not be mended.
func (l log) damage(b batch) error {
	return l.change(func(file *os.File) error {
		_, err := file.WriteAt(bytes.Repeat([]byte{0xff}, int(min(16, b.size-batchHeader))), b.at+batchHeader)
		return err
	})
}

func (l log) change(by func(*os.File) error) error {
	file, err := os.OpenFile(l.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("change a log: %w", err)
	}
	if err := errors.Join(by(file), file.Close()); err != nil {
		return fmt.Errorf("change log %s: %w", l.path, err)
	}
	return nil
}

// damageSnapshot damages a snapshot that was taken before, as a disk does. The
// driver may run meanwhile.
func damageSnapshot(root, id string) error {
	dir := filepath.Join(root, "snapshots", id)
	if _, err := os.Stat(dir + recordSuffix); err != nil || !plainName.MatchString(id) {
		return fmt.Errorf("there is no snapshot %q below %s", id, root)
	}
	return contentDamaged.applyTo(dir)
}
