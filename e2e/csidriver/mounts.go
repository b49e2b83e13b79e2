package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is one line of /proc/self/mountinfo.
type mount struct {
	root     string // the mounted directory, as seen from its filesystem's root
	target   string
	readOnly bool
}

var unescapeMount = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// parseMounts reads the format of /proc/self/mountinfo.
func parseMounts(info string) []mount {
	var mounts []mount
	for line := range strings.Lines(info) {
		fields := strings.Fields(line)
		if len(fields) < 6 {
			continue
		}
		mounts = append(mounts, mount{
			root:     unescapeMount.Replace(fields[3]),
			target:   unescapeMount.Replace(fields[4]),
			readOnly: slices.Contains(strings.Split(fields[5], ","), "ro"),
		})
	}
	return mounts
}

// bindMountsOf lists where dir is mounted.
func bindMountsOf(dir string) ([]mount, error) {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	want, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("list mounts of %s: %w", dir, err)
	}
	// The filesystem may itself be mounted from a subdirectory, so only the
	// end of the path is sure. Most mounts are ruled out by it without a stat,
	// which could hang on a dead network filesystem.
	end := filepath.Join("/", filepath.Base(filepath.Dir(dir)), filepath.Base(dir))
	var found []mount
	for _, m := range parseMounts(string(info)) {
		if !strings.HasSuffix(m.root, end) {
			continue
		}
		if got, err := os.Stat(m.target); err == nil && os.SameFile(got, want) {
			found = append(found, m)
		}
	}
	return found, nil
}

// bindMount mounts the directory src at target.
func bindMount(src, target string, readOnly bool) error {
	if err := unix.Mount(src, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind mount %s at %s: %w", src, target, err)
	}
	if !readOnly {
		return nil
	}
	// A bind mount takes on read-only only when it is remounted.
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		err = fmt.Errorf("make mount at %s read-only: %w", target, err)
		return errors.Join(err, unmount(target))
	}
	return nil
}

// unmount unmounts target; it is no error if nothing is mounted there.
func unmount(target string) error {
	// EINVAL says that target is no mount point.
	if err := unix.Unmount(target, unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("unmount %s: %w", target, err)
	}
	return nil
}
