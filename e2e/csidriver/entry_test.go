package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// describeEntry says in one line all that a copy has to keep of a file.
func describeEntry(root, path string) (string, error) {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return "", err
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", err
	}
	line := fmt.Sprintf("%s mode=%o owner=%d:%d mtime=%d", rel, st.Mode, st.Uid, st.Gid, st.Mtim.Nano())
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		line += " target=" + target
	case unix.S_IFREG:
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		line += fmt.Sprintf(" links=%d size=%d sum=%x", st.Nlink, st.Size, sha256.Sum256(data))
	}
	return line + "\n", nil
}
