package logdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// errGone is returned if nothing can be read any more: the node has lost the disk, or
// the way to it. The kernel then answers the same as for a damaged sector.
var errGone = errors.New("no file can be read any more: the disk does not answer, which says nothing about the data")

// gone reports whether the disk of the volumes does not answer: reading failed
// wherever it was tried.
func gone(volumes []string) bool {
	failed := false
	for _, volume := range volumes {
		err := filepath.WalkDir(volume, func(path string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
			case e.Type().IsRegular():
				err = readAnew(path)
			default:
				return nil
			}
			if errors.Is(err, errAnswers) {
				return err
			}
			failed = failed || errors.Is(err, syscall.EIO)
			return nil
		})
		if errors.Is(err, errAnswers) {
			return false
		}
	}
	return failed
}

var errAnswers = errors.New("the disk answers")

// readAnew reads the first byte of a file from its disk, not from memory. It returns
// errAnswers if it could.
func readAnew(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()                                         //nolint:errcheck // read only
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // some file systems have no cache
	if _, err := f.Read(make([]byte, 1)); err != nil {
		return err
	}
	return errAnswers
}
