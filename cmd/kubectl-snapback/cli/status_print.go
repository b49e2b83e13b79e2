package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

func printStatus(out io.Writer, all []inventory.Status, wide bool, now time.Time) error {
	for n, c := range all {
		if n > 0 {
			fmt.Fprintln(out)
		}
		printKafka(out, c, now)
		printProblems(out, c)
		printProof(out, c, now)
		if len(c.Backups) > 0 {
			rows := [][]string{{"KAFKABACKUP", "SCHEDULE", "LAST RUN", "RESULT", "NEXT RUN", "SNAPSHOTS", "RESTORE SIZE", "STATE"}}
			for _, b := range c.Backups {
				rows = append(rows, backupRow(b, now))
			}
			fmt.Fprintln(out)
			if err := table(out, rows); err != nil {
				return err
			}
		}
		if len(c.Volumes) == 0 {
			continue
		}
		rows := [][]string{{"VOLUME", "CLAIM", "NEWEST GOOD SNAPSHOT", "DATA LOSS", "LINEAGE", "IF LOST"}}
		if wide {
			rows[0] = append(rows[0], "BROKER", "ROLE", "SNAPSHOTS")
		}
		for _, v := range c.Volumes {
			rows = append(rows, volumeRow(v, wide, now))
		}
		fmt.Fprintln(out)
		if err := table(out, rows); err != nil {
			return err
		}
	}
	return nil
}

// printProblems prints a line for each problem. Problems with the same text share
// a line.
func printProblems(out io.Writer, c inventory.Status) {
	title := fmt.Sprintf("Kafka cluster %s/%s: ", c.Namespace, c.Cluster)
	if len(c.Problems) == 0 {
		fmt.Fprintln(out, title+"no problems")
		return
	}
	fmt.Fprintf(out, "%sproblems: %d\n", title, len(c.Problems))
	for _, p := range c.Together() {
		fmt.Fprintf(out, "- %s: %s (%s)\n", p.About(), p.Message, p.Reason)
	}
}

func backupRow(b inventory.BackupStatus, now time.Time) []string {
	name, last, next, size := b.Name, "-", "-", "-"
	if b.Kind == "ConfigMap" {
		name += " (ConfigMap)"
	}
	if b.LastRun != nil {
		last = ago(b.LastRun.ScheduledTime.Time, now)
	}
	if b.NextScheduleTime != nil && !b.Suspended {
		next = ago(b.NextScheduleTime.Time, now)
	}
	if b.RestoreSize != nil {
		size = b.RestoreSize.String()
	}
	return []string{name, b.Schedule, last, b.Result(), next, fmt.Sprint(b.Snapshots), size, b.State()}
}

func volumeRow(v inventory.VolumeStatus, wide bool, now time.Time) []string {
	var claims []string
	for _, c := range v.Claims {
		phase := string(c.Phase)
		if c.Terminating {
			phase = "Terminating"
		}
		claims = append(claims, fmt.Sprintf("%s (%s)", c.Name, phase))
	}
	newest := "<none>"
	if v.Newest != nil {
		newest = v.Newest.Name
	}
	row := []string{v.Volume, cmp.Or(strings.Join(claims, ", "), "<lost>"), newest, v.DataLoss(now), v.Lineage(), v.WhatIfLost()}
	if wide {
		row = append(row, v.Broker, string(v.Role), fmt.Sprint(v.Snapshots))
	}
	return row
}
