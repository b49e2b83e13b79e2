package apachekafka

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
)

// peaks is the highest resident memory of a node of each role.
var peaks = &peakMemory{bytes: map[Role]int64{}}

type peakMemory struct {
	sync.Mutex
	bytes map[Role]int64
}

func (p *peakMemory) add(role Role, bytes int64) {
	p.Lock()
	defer p.Unlock()
	p.bytes[role] = max(p.bytes[role], bytes)
}

func (p *peakMemory) lines() []string {
	p.Lock()
	defer p.Unlock()
	var lines []string
	for _, role := range slices.Sorted(maps.Keys(p.bytes)) {
		lines = append(lines, fmt.Sprintf("resident at most: %s %d MB", role, p.bytes[role]/1e6))
	}
	return lines
}

// peak is the highest resident memory of the process, in bytes; 0: it has ended.
func (p *process) peak() int64 {
	if p.ended() {
		return 0
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0 // it has ended since, or this is not Linux
	}
	var kib int64
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			_, _ = fmt.Sscan(value, &kib) // stays 0
		}
	}
	return kib << 10
}
