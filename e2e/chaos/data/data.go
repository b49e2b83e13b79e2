// Package data is what brokers write to their volumes in a chaos run: one file of
// lines, each of which names its volume, its lineage, its number and the claim that
// the volume had. So the bytes of a restored volume say where they come from.
package data

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/e2e/chaos/record"
)

const fileName = "chaos.log"

// Line is one write of a broker.
type Line struct {
	Volume, Lineage, Claim string
	Number                 int64
	Time                   time.Time
}

// Append writes a line to the volume in a folder, after it has cut off what a write
// left there that was under way. The file is open for a moment only: the driver stops
// processes that hold files of a volume which it copies. The first one makes the
// file; a later one must find it.
func Append(dir string, l Line, first bool) (err error) {
	flags := os.O_RDWR | os.O_APPEND
	if first {
		flags |= os.O_CREATE
	}
	file, err := os.OpenFile(filepath.Join(dir, fileName), flags, 0o644)
	if err != nil {
		return fmt.Errorf("write to a volume: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := mend(file); err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s %s %s %d %d\n", l.Volume, l.Lineage, l.Claim, l.Number, l.Time.UnixNano())
	return err
}

// mend cuts off what follows the last line.
func mend(file *os.File) error {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	return file.Truncate(int64(bytes.LastIndexByte(content, '\n') + 1))
}

// Read says what the volume in a folder holds.
func Read(dir string) (record.Contents, error) {
	var c record.Contents
	content, err := os.ReadFile(filepath.Join(dir, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		_, err := os.Stat(dir)
		return c, err
	}
	if err != nil {
		return c, fmt.Errorf("read a volume: %w", err)
	}
	end := bytes.LastIndexByte(content, '\n') + 1
	c.Torn = end < len(content)
	for text := range strings.Lines(string(content[:end])) {
		l, err := parse(strings.TrimSuffix(text, "\n"))
		if err != nil {
			c.Spoiled = err.Error()
			return c, nil
		}
		if c.Lines > 0 && l.Number != c.Last+1 {
			c.Spoiled = fmt.Sprintf("write %d follows write %d", l.Number, c.Last)
		}
		c.Lines++
		c.Last, c.LastTime = l.Number, l.Time
		c.Volumes, c.Lineages, c.Claims = with(c.Volumes, l.Volume), with(c.Lineages, l.Lineage), with(c.Claims, l.Claim)
	}
	return c, nil
}

func with(all []string, one string) []string {
	if slices.Contains(all, one) {
		return all
	}
	return append(all, one)
}

func parse(text string) (Line, error) {
	var l Line
	var nanos int64
	if n, err := fmt.Sscanf(text, "%s %s %s %d %d", &l.Volume, &l.Lineage, &l.Claim, &l.Number, &nanos); err != nil || n != 5 {
		return l, fmt.Errorf("line %q is of no broker", strings.ToValidUTF8(text, "?"))
	}
	l.Time = time.Unix(0, nanos).UTC()
	return l, nil
}
