package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	loadedLogs = regexp.MustCompile(`Loaded \d+ logs in (\d+)ms`)
	recovering = regexp.MustCompile(`Recovering unflushed segment \d+`)
)

// startOf reads from a broker's log how long it loaded its logs, and how many
// segments it has recovered in that.
func startOf(log string) (loaded time.Duration, segments int) {
	if found := loadedLogs.FindStringSubmatch(log); found != nil {
		ms, _ := strconv.Atoi(found[1]) // digits
		loaded = time.Duration(ms) * time.Millisecond
	}
	return loaded, len(recovering.FindAllString(log, -1))
}

// recoveryPoints reads a recovery-point-offset-checkpoint: the offset of each
// partition of a topic up to which Kafka trusts the disk after an unclean stop.
func recoveryPoints(content, topic string) (map[int]int64, error) {
	points := map[int]int64{}
	for line := range strings.Lines(content) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != topic {
			continue // another topic's, or one of the two lines before them
		}
		partition, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, fmt.Errorf("recovery point %q: %w", line, err)
		}
		if points[partition], err = strconv.ParseInt(fields[2], 10, 64); err != nil {
			return nil, fmt.Errorf("recovery point %q: %w", line, err)
		}
	}
	return points, nil
}
