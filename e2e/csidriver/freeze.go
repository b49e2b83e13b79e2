package main

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// cutFunc runs copyAll in such a way that what it reads below dir is the state of
// one point in time.
type cutFunc func(dir string, copyAll func() error) error

const (
	// freezeTimeout is how long processes get until all of them stand still.
	freezeTimeout = 10 * time.Second
	// cutAttempts is how often a copy is tried if its source changes under it.
	cutAttempts = 10
)

// errRestless is the error of a cut for which the directory never held still.
var errRestless = errors.New("changes while it is copied, by a process that keeps no file of it open")

// cutFrozen is the cutFunc of the driver. It stops every process that has
// files below dir open or mapped, runs copyAll and lets them go on.
//
// A process that opens files only for a moment can be missed. It shows in the
// directory afterwards, and the copy is done again.
func cutFrozen(dir string, copyAll func() error) (err error) {
	f := freeze{stopped: map[int]int{}}
	// Deferred, so that a panic in copyAll leaves nobody frozen either.
	defer func() { err = errors.Join(err, f.thaw()) }()

	for range cutAttempts {
		before, err := f.stopHolders(dir)
		if err != nil {
			return err
		}
		copyErr := copyAll()
		after, err := readTree(dir)
		if err != nil {
			return errors.Join(copyErr, err)
		}
		if after.signature == before.signature {
			return copyErr
		}
	}
	return fmt.Errorf("%s %w", dir, errRestless)
}

// freeze holds processes stopped.
type freeze struct {
	// stopped has the pidfd of each process that was stopped here, by pid. A
	// pid alone could belong to another process by the time of the thaw.
	stopped map[int]int
}

// stopHolders stops the processes that hold files below dir, until there are
// no more of them, and returns the tree they hold. A process that somebody else
// has stopped already is left alone, and so stays stopped at the thaw.
func (f *freeze) stopHolders(dir string) (tree, error) {
	deadline := time.Now().Add(freezeTimeout)
	for {
		t, err := readTree(dir)
		if err != nil {
			return tree{}, err
		}
		holders, err := findHolders(t.files)
		if err != nil {
			return tree{}, err
		}
		var running []int
		for _, pid := range holders {
			if !standsStill(pid) {
				running = append(running, pid)
			}
		}
		if len(running) == 0 {
			return t, nil
		}
		for _, pid := range running {
			if err := f.stop(pid); err != nil {
				return tree{}, err
			}
		}
		for _, pid := range running {
			if err := waitUntilStill(pid, deadline); err != nil {
				return tree{}, err
			}
		}
		if time.Now().After(deadline) {
			return tree{}, fmt.Errorf("%s is opened by ever more processes", dir)
		}
	}
}

// stop sends SIGSTOP and remembers to undo it.
func (f *freeze) stop(pid int) error {
	pidfd, known := f.stopped[pid]
	if !known {
		var err error
		pidfd, err = unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("open process %d: %w", pid, err)
		}
		f.stopped[pid] = pidfd
	}
	if err := unix.PidfdSendSignal(pidfd, unix.SIGSTOP, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("stop process %d: %w", pid, err)
	}
	return nil
}

// thaw lets the processes go on that were stopped here, and only them.
func (f *freeze) thaw() error {
	var errs []error
	for pid, pidfd := range f.stopped {
		if err := unix.PidfdSendSignal(pidfd, unix.SIGCONT, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("continue process %d: %w", pid, err))
		}
		_ = unix.Close(pidfd) // nothing was written
	}
	clear(f.stopped)
	return errors.Join(errs...)
}

// waitUntilStill polls until the process stands still or is gone.
func waitUntilStill(pid int, deadline time.Time) error {
	pause := 100 * time.Microsecond
	for !standsStill(pid) {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d does not stop", pid)
		}
		time.Sleep(pause)
		pause = min(2*pause, 10*time.Millisecond)
	}
	return nil
}
