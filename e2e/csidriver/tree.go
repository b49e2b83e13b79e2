package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fileID identifies a file whatever its path.
type fileID struct{ dev, ino uint64 }

func idOf(st *unix.Stat_t) fileID {
	return fileID{dev: st.Dev, ino: st.Ino}
}

// tree is what is to be known of a directory and all below it.
type tree struct {
	files map[fileID]struct{}
	// signature changes whenever a file is written, made, removed or renamed.
	signature [sha256.Size]byte
}

// readTree looks at dir and all below it. What vanishes meanwhile is left out.
func readTree(dir string) (tree, error) {
	t := tree{files: map[fileID]struct{}{}}
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &st)
		}
		if errors.Is(err, fs.ErrNotExist) && path != dir {
			return nil
		}
		if err != nil {
			return err
		}
		t.files[idOf(&st)] = struct{}{}
		// Not the time of the last access, which a copy changes.
		fmt.Fprintf(sum, "%q %d %d %d %d %d\n", path, st.Ino, st.Mode, st.Size, st.Mtim.Nano(), st.Ctim.Nano())
		return nil
	})
	if err != nil {
		return tree{}, fmt.Errorf("look at %s: %w", dir, err)
	}
	sum.Sum(t.signature[:0])
	return t, nil
}
