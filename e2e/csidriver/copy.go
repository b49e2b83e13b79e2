package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// copyTree copies src to dst, which must not exist: files with their holes and
// hard links, symlinks, special files; with owners, modes and times.
func copyTree(dst, src string) error {
	c := treeCopy{linked: map[fileID]string{}}
	return c.entry(dst, src)
}

type treeCopy struct {
	// linked has where a file with several names was copied to first.
	linked map[fileID]string
}

func (c *treeCopy) entry(dst, src string) error {
	var st unix.Stat_t
	if err := unix.Lstat(src, &st); err != nil {
		return fmt.Errorf("copy %s: %w", src, err)
	}
	isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if !isDir && st.Nlink > 1 {
		if first, ok := c.linked[idOf(&st)]; ok {
			if err := os.Link(first, dst); err != nil {
				return fmt.Errorf("copy %s: %w", src, err)
			}
			return nil
		}
		c.linked[idOf(&st)] = dst
	}
	var err error
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		err = c.dir(dst, src)
	case unix.S_IFREG:
		err = copyFile(dst, src, st.Size)
	case unix.S_IFLNK:
		err = copySymlink(dst, src)
	default:
		err = unix.Mknod(dst, st.Mode, int(st.Rdev))
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", src, err)
	}
	// Only now: what is put into a directory changes its time.
	return copyAttributes(dst, &st)
}

func (c *treeCopy) dir(dst, src string) error {
	if err := os.Mkdir(dst, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(src)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := c.entry(filepath.Join(dst, entry.Name()), filepath.Join(src, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copySymlink(dst, src string) error {
	target, err := os.Readlink(src)
	if err != nil {
		return err
	}
	return os.Symlink(target, dst)
}

func copyAttributes(dst string, st *unix.Stat_t) error {
	// Only root can give files away; tests may run as somebody else.
	if os.Geteuid() == 0 {
		if err := unix.Lchown(dst, int(st.Uid), int(st.Gid)); err != nil {
			return fmt.Errorf("set owner of %s: %w", dst, err)
		}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err := unix.Chmod(dst, st.Mode&0o7777); err != nil {
			return fmt.Errorf("set mode of %s: %w", dst, err)
		}
	}
	times := []unix.Timespec{st.Atim, st.Mtim}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, dst, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("set times of %s: %w", dst, err)
	}
	return nil
}

// copyFile shares the blocks of src if the filesystem can, and else copies them.
func copyFile(dst, src string, size int64) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) != nil {
		err = copyData(out, in, size)
	}
	return errors.Join(err, out.Close())
}

// copyData copies the parts of in that hold data and leaves the holes out.
func copyData(out, in *os.File, size int64) error {
	for end := int64(0); end < size; {
		start, err := in.Seek(end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // a hole up to the end
		}
		if err != nil {
			return err
		}
		if end, err = in.Seek(start, unix.SEEK_HOLE); err != nil {
			return err
		}
		if _, err := in.Seek(start, io.SeekStart); err != nil {
			return err
		}
		if _, err := out.Seek(start, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.CopyN(out, in, end-start); err != nil {
			return err
		}
	}
	return out.Truncate(size)
}
