package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// machine is what the figures depend on.
type machine struct {
	cores      int
	memory     float64 // GiB
	filesystem string
	disk, free float64 // GB
}

// String describes the machine without naming it.
func (m machine) String() string {
	return fmt.Sprintf("%d cores, %.0f GiB of memory, one disk of %.0f GB (%s), %.1f GB free", m.cores, m.memory, m.disk, m.filesystem, m.free)
}

// filesystems are names of magic numbers. The last two can share blocks between
// files: the driver clones there, and does not copy.
var filesystems = map[int64]string{0xef53: "ext4", 0x01021994: "tmpfs", 0x794c7630: "overlayfs", 0x58465342: "xfs", 0x9123683e: "btrfs"}

// thisMachine describes the machine, and the disk that the volumes are on.
func thisMachine() (machine, error) {
	m := machine{cores: runtime.NumCPU()}
	content, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return m, fmt.Errorf("read how much memory there is: %w", err)
	}
	var kib float64
	for line := range strings.Lines(string(content)) {
		if value, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			_, _ = fmt.Sscan(value, &kib) // stays 0
		}
	}
	m.memory = kib / (1 << 20)
	var disk syscall.Statfs_t
	if err := syscall.Statfs(os.TempDir(), &disk); err != nil {
		return m, fmt.Errorf("read how much disk is free in %s: %w", os.TempDir(), err)
	}
	m.disk, m.free = gb(disk.Blocks*uint64(disk.Bsize)), gb(disk.Bavail*uint64(disk.Bsize))
	m.filesystem = cmp.Or(filesystems[disk.Type], fmt.Sprintf("filesystem %#x", disk.Type))
	return m, nil
}

// load is the load average of the last minute.
func load() (average float64, err error) {
	content, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		_, err = fmt.Sscan(string(content), &average)
	}
	if err != nil {
		return 0, fmt.Errorf("read the load of the machine: %w", err)
	}
	return average, nil
}

func gb(bytes uint64) float64 { return float64(bytes) / 1e9 }
