package world

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is what one of Snapback's processes takes.
type Process struct {
	Goroutines int
	Memory     int64 // that the kernel gives it, bytes
}

// Processes are Snapback's, by their names, as they say in their metrics.
func (w *World) Processes(ctx context.Context) (map[string]Process, error) {
	all := map[string]Process{}
	for name, url := range w.metrics {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, fmt.Errorf("read the metrics of %s: %w", name, err)
		}
		all[name], err = process(resp.Body)
		_ = resp.Body.Close() // only read
		if err != nil {
			return nil, fmt.Errorf("read the metrics of %s: %w", name, err)
		}
	}
	return all, nil
}

// process reads metrics.
func process(metrics io.Reader) (Process, error) {
	var p Process
	lines := bufio.NewScanner(metrics)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case "go_goroutines", "process_resident_memory_bytes":
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return p, fmt.Errorf("%s is %q: %w", name, value, err)
			}
			if name == "go_goroutines" {
				p.Goroutines = int(v)
			} else {
				p.Memory = int64(v)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return p, err
	}
	if p.Goroutines == 0 || p.Memory == 0 {
		return p, fmt.Errorf("they do not say what the process takes")
	}
	return p, nil
}

// Children are the processes that this one has started and that still run, each with
// its id and name. It has none on a system without /proc.
func Children() (all []string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		before, after, _ := strings.Cut(string(content), ") ")
		id, name, _ := strings.Cut(before, " (")
		if fields := strings.Fields(after); len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) && fields[0] != "Z" {
			all = append(all, id+" "+name)
		}
	}
	return all
}
