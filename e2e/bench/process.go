package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// tick is the unit of the CPU times in /proc.
const tick = 10 * time.Millisecond

// children returns the processes that a process has started, by their command
// lines.
func children(pid int) (map[string]int, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, fmt.Errorf("find the children of process %d: %w", pid, err)
	}
	found := map[string]int{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(content)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", file, err)
			}
			line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
			if err != nil {
				return nil, fmt.Errorf("read the command line of process %d: %w", child, err)
			}
			found[string(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))] = child
		}
	}
	return found, nil
}

// arguments is the command line of a process.
func arguments(pid int) ([]string, error) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil, fmt.Errorf("read the command line of process %d: %w", pid, err)
	}
	return strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00"), nil
}

// child finds the child whose command line has the words in it.
func child(pid int, words string) (int, error) {
	all, err := children(pid)
	if err != nil {
		return 0, err
	}
	for line, child := range all {
		if strings.Contains(line, words) {
			return child, nil
		}
	}
	return 0, fmt.Errorf("process %d has no child %q", pid, words)
}

// pause stops a child, until the end of its parent ends it.
func pause(pid int, words string) error {
	child, err := child(pid, words)
	if err != nil {
		return err
	}
	if err := syscall.Kill(child, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("pause %s: %w", words, err)
	}
	return nil
}

// pauseOthers stops the programs whose work is not measured. The snapshot-controller would
// mark the snapshots failed, which are of no volumes. kube-controller-manager looks at all
// claims and volumes every second, and takes the finalizers of deleted claims away 20 a second.
func pauseOthers(c *cluster.Cluster) error {
	for _, program := range []string{"snapshot-controller ", "csi-snapshotter ", "csi-provisioner ", "/kube-controller-manager "} {
		if err := pause(c.Pid, program); err != nil {
			return err
		}
	}
	return nil
}

// cpu is the CPU time that a process has used, its own and the kernel's.
func cpu(pid int) (time.Duration, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	// The name in parentheses may hold spaces; utime and stime are fields 14 and 15.
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	var sum int
	for _, field := range fields[11:13] {
		ticks, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
		}
		sum += ticks
	}
	return time.Duration(sum) * tick, nil
}

// resident is the memory of a process in MB of 2^20 bytes.
func resident(pid int) (float64, error) { return memoryOf(pid, "VmRSS:") }

// peak is the most that was ever resident of a process.
func peak(pid int) (float64, error) { return memoryOf(pid, "VmHWM:") }

func memoryOf(pid int, field string) (float64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
			}
			return float64(kb) / 1024, nil
		}
	}
	return 0, fmt.Errorf("process %d tells nothing of its memory", pid)
}

// clusterCPU is the CPU time of all programs of the cluster.
func clusterCPU(c *cluster.Cluster) (usage, error) {
	all, err := children(c.Pid)
	if err != nil {
		return usage{}, err
	}
	u := usage{at: time.Now(), cpu: map[string]time.Duration{}}
	for line, pid := range all {
		used, err := cpu(pid)
		if err != nil {
			return usage{}, err
		}
		command, _, _ := strings.Cut(line, " ")
		u.cpu[filepath.Base(command)] += used
	}
	return u, nil
}

// cpuOf is the CPU time of one program.
func cpuOf(p *program) (usage, error) {
	used, err := cpu(p.pid())
	return usage{at: time.Now(), cpu: map[string]time.Duration{p.name: used}}, err
}
