package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// findHolders lists the processes, but for this one, that have one of files
// open or mapped. Files are compared by identity: a process that sees the
// volume through a bind mount, as pods do, has other paths for them.
func findHolders(files map[fileID]struct{}) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var holders []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		holds, err := holdsOneOf(pid, files)
		if err != nil {
			return nil, fmt.Errorf("look at process %d: %w", pid, err)
		}
		if holds {
			holders = append(holders, pid)
		}
	}
	return holders, nil
}

// holdsOneOf takes a process that is gone, or that this one has no right to
// look at, for one that holds no file.
func holdsOneOf(pid int, files map[fileID]struct{}) (bool, error) {
	for _, kind := range []string{"fd", "map_files"} {
		dir := procFile(pid, kind)
		links, err := readNames(dir)
		if isGone(err) || errors.Is(err, fs.ErrPermission) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		for _, link := range links {
			if isOneOf(filepath.Join(dir, link), files) {
				return true, nil
			}
		}
	}
	return false, nil
}

func isOneOf(link string, files map[fileID]struct{}) bool {
	var st unix.Stat_t
	if err := unix.Stat(link, &st); err != nil {
		return false
	}
	_, ok := files[idOf(&st)]
	return ok
}

// standsStill says whether no thread of the process runs. A process that is
// gone stands still.
func standsStill(pid int) bool {
	tasks, err := readNames(procFile(pid, "task"))
	if err != nil {
		return isGone(err)
	}
	for _, task := range tasks {
		stat, err := os.ReadFile(procFile(pid, filepath.Join("task", task, "stat")))
		if isGone(err) {
			continue
		}
		switch threadState(stat) {
		case 'T', 't', 'Z', 'X':
		default:
			return false
		}
	}
	return true
}

// isGone tells the errors that /proc gives for a process that has ended.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

// threadState reads the state, the field after the command's name, which is in
// parentheses and may itself hold any character.
func threadState(stat []byte) byte {
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 || i+2 >= len(stat) {
		return 0
	}
	return stat[i+2]
}

func procFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// readNames lists a directory without the sorting and the types of os.ReadDir.
func readNames(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close() //nolint:errcheck // only read
	return d.Readdirnames(-1)
}
