package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// numberSize is the length of one number in a file.
const numberSize = 8

// writeNumbers appends 1, 2, 3... to both files in turn, as fast as it can.
func writeNumbers(first, second string) error {
	var files [2]*os.File
	for i, path := range []string{first, second} {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		files[i] = f
	}
	exitWithParent()
	for n := uint64(1); ; n++ {
		for _, f := range files {
			if _, err := f.Write(binary.LittleEndian.AppendUint64(nil, n)); err != nil {
				return err
			}
		}
	}
}

// mapNumbers stores 1, 2, 3... in both files in turn through memory mappings,
// with no file open.
func mapNumbers(first, second string) error {
	var numbers [2]*uint64
	for i, path := range []string{first, second} {
		mem, err := mapNumber(path)
		if err != nil {
			return err
		}
		numbers[i] = mem
	}
	exitWithParent()
	for n := uint64(1); ; n++ {
		atomic.StoreUint64(numbers[0], n)
		atomic.StoreUint64(numbers[1], n)
	}
}

// crowdNumbers is writeNumbers amid more busy threads than there are processors,
// so that some of them take their time to stop.
func crowdNumbers(first, second string) error {
	runtime.GOMAXPROCS(16)
	for range 8 {
		go func() {
			for busy := new(atomic.Int64); ; {
				busy.Add(1)
			}
		}()
	}
	return writeNumbers(first, second)
}

func mapNumber(path string) (*uint64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // the mapping stays
	if err := f.Truncate(numberSize); err != nil {
		return nil, err
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, numberSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	return (*uint64)(unsafe.Pointer(&mem[0])), nil
}

// exitWithParent ends the process when the test that holds the other end of
// its stdin is gone.
func exitWithParent() {
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // any end is the end
		os.Exit(0)
	}()
}

// startWriter runs a writer in a process of its own until the test ends, and
// returns its pid when it has begun to write.
func startWriter(t *testing.T, role, first, second string) int {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, first, second)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		cmd.Wait()         //nolint:errcheck // it was killed
	})
	waitFor(t, "the writer has begun", func() bool { return lastNumber(t, second) > 0 })
	return cmd.Process.Pid
}

// lastNumber reads the end of a file that a writer writes to; 0 if there is
// nothing yet.
func lastNumber(t *testing.T, path string) uint64 {
	t.Helper()
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() < numberSize {
		return 0
	}
	buf := make([]byte, numberSize)
	if _, err := f.ReadAt(buf, info.Size()-numberSize); err != nil {
		t.Fatal(err)
	}
	return binary.LittleEndian.Uint64(buf)
}

// wantRunning waits until the writer has written more.
func wantRunning(t *testing.T, path string) {
	t.Helper()
	before := lastNumber(t, path)
	waitFor(t, "the writer goes on", func() bool { return lastNumber(t, path) > before })
}

// checkUntorn says what is wrong with a copy of the two files of a writer. The
// second must be at the same number as the first or at the one before.
func checkUntorn(t *testing.T, dir string) error {
	t.Helper()
	first, second := lastNumber(t, filepath.Join(dir, firstFile)), lastNumber(t, filepath.Join(dir, secondFile))
	if first != second && first != second+1 {
		return fmt.Errorf("torn: one file is at %d, the other at %d", first, second)
	}
	return nil
}

// checkComplete says whether a file holds every number from 1 up to its last.
func checkComplete(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if len(data)%numberSize != 0 {
		return fmt.Errorf("%s ends within a number", path)
	}
	want := make([]byte, 0, len(data))
	for n := uint64(1); len(want) < len(data); n++ {
		want = binary.LittleEndian.AppendUint64(want, n)
	}
	if !bytes.Equal(data, want) {
		return fmt.Errorf("%s lacks a number", path)
	}
	return nil
}
