package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
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

// namedOnALine is how many objects a line names at most.
const namedOnALine = 5

// printProblems prints a line for each problem. Problems with the same text share
// a line.
func printProblems(out io.Writer, c inventory.Status) {
	title := fmt.Sprintf("Kafka cluster %s/%s: ", c.Namespace, c.Cluster)
	if len(c.Problems) == 0 {
		fmt.Fprintln(out, title+"no problems")
		return
	}
	fmt.Fprintf(out, "%sproblems: %d\n", title, len(c.Problems))
	for rest := c.Problems; len(rest) > 0; {
		first := rest[0]
		var names []string
		var others []inventory.Problem
		for _, p := range rest {
			if p.Reason == first.Reason && p.Kind == first.Kind && p.Message == first.Message {
				names = append(names, p.Name)
			} else {
				others = append(others, p)
			}
		}
		about := strings.TrimSpace(first.Kind + " " + snapshots.FirstOf(names, namedOnALine, ", "))
		fmt.Fprintf(out, "- %s: %s (%s)\n", about, first.Message, first.Reason)
		rest = others
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
	var state []string
	if b.Suspended {
		state = append(state, "suspended")
	}
	if b.Frozen != "" {
		state = append(state, "frozen: "+b.Frozen)
	}
	return []string{name, b.Schedule, last, b.Result(), next, fmt.Sprint(b.Snapshots), size, cmp.Or(strings.Join(state, ", "), "active")}
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
	newest, loss := "<none>", "everything"
	if v.Newest != nil {
		newest, loss = v.Newest.Name, duration.HumanDuration(now.Sub(v.Newest.ScheduledTime.Time))
	}
	row := []string{v.Volume, cmp.Or(strings.Join(claims, ", "), "<lost>"), newest, loss, lineage(v), ifLost(v)}
	if wide {
		row = append(row, v.Broker, string(v.Role), fmt.Sprint(v.Snapshots))
	}
	return row
}

func lineage(v inventory.VolumeStatus) string {
	said := "-"
	switch {
	case v.Newest != nil && v.Newest.Proven:
		said = "proven"
		if v.Unproven > 0 {
			said += fmt.Sprintf(", %d unproven", v.Unproven)
		}
	case v.Newest != nil:
		said = "unproven"
	}
	if v.Abandoned > 0 {
		said += fmt.Sprintf(", %d abandoned", v.Abandoned)
	}
	return said
}

func ifLost(v inventory.VolumeStatus) string {
	switch d := v.IfLost; {
	case d.Outcome == v1alpha1.OutcomeRestore && v.Newest != nil && d.Snapshot == v.Newest.Name:
		return "restored from it"
	case d.Reason == v1alpha1.ReasonWaitingForSnapshot:
		return "restored from " + d.Snapshot + " once it is ready"
	case d.Outcome == v1alpha1.OutcomeRestore:
		return "restored from " + d.Snapshot
	case d.Outcome == v1alpha1.OutcomeDeny:
		return "refused: " + string(d.Reason)
	default:
		return "starts empty: " + string(d.Reason)
	}
}
