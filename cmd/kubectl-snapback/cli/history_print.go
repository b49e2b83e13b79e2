package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/snapback-dev/snapback/api/history"
	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// historyNotes says what a history lacks.
func historyNotes(d *history.Document) (notes []string) {
	if g := d.Summary.Dropped; g != nil {
		notes = append(notes, fmt.Sprintf("%d older entries were dropped, the last one of %s: there was no room for them", g.Count, g.Last.UTC().Format(time.RFC3339)))
	}
	if g := d.Summary.Lost; g != nil {
		notes = append(notes, fmt.Sprintf("%d entries were lost, the last one of %s: they could not be written here, and are in Snapback's log", g.Count, g.Last.UTC().Format(time.RFC3339)))
	}
	if n := len(d.Unread()); n > 0 {
		notes = append(notes, fmt.Sprintf("%d lines are no entries, since somebody has edited the ConfigMap: they are kept in its unread.txt", n))
	}
	if n := d.Summary.Unread; n > 0 {
		notes = append(notes, fmt.Sprintf("%d more such lines were dropped: there was no room for them", n))
	}
	return notes
}

// printHistory prints a row for each entry. The prunes of one run are one row unless all
// columns are asked for: there are as many as volumes, and nobody looks for them first.
func printHistory(out io.Writer, all []v1alpha1.HistoryEntry, wide bool, now time.Time) error {
	head := []string{"TIME", "AGE", "WHAT", "REASON", "VOLUME", "CLAIM", "SNAPSHOT", "BY"}
	if wide {
		head = append(head, "RUN", "KAFKABACKUP", "CLAIM UID", "ADMISSION")
	}
	rows := [][]string{append(head, "MESSAGE")}
	for _, group := range together(all, wide) {
		row := historyRow(group, wide, now)
		for i := range row {
			row[i] = cmp.Or(row[i], "-")
		}
		rows = append(rows, row)
	}
	return table(out, rows)
}

// together returns the entries that are one row each.
func together(all []v1alpha1.HistoryEntry, wide bool) (groups [][]v1alpha1.HistoryEntry) {
	type prune struct{ run, reason, backup, message string }
	rows := map[prune]int{} // of the prunes that follow each other
	for _, e := range all {
		if e.Kind != v1alpha1.HistoryPruned || wide {
			clear(rows)
			groups = append(groups, []v1alpha1.HistoryEntry{e})
			continue
		}
		of := prune{e.Run, e.Reason, e.Backup, e.Message}
		if i, ok := rows[of]; ok {
			groups[i] = append(groups[i], e)
			continue
		}
		rows[of] = len(groups)
		groups = append(groups, []v1alpha1.HistoryEntry{e})
	}
	return groups
}

func historyRow(group []v1alpha1.HistoryEntry, wide bool, now time.Time) []string {
	e, what := group[0], string(group[0].Kind)
	if e.Count > 1 {
		what += fmt.Sprintf(" %d times in %s", e.Count, duration.HumanDuration(history.Seen(e).Sub(e.Time.Time)))
	}
	if n := len(group); n > 1 {
		what += fmt.Sprintf(" (%d)", n)
		e.Volume, e.Claim, e.Snapshot = fmt.Sprintf("%d volumes", n), "", "of run "+e.Run
	}
	seen := history.Seen(e)
	row := []string{seen.UTC().Format(time.RFC3339), ago(seen, now), what, e.Reason, e.Volume, e.Claim, e.Snapshot, e.Actor}
	if wide {
		row = append(row, e.Run, e.Backup, e.ClaimUID, e.Admission)
	}
	return append(row, strings.Join(strings.Fields(e.Message), " "))
}

// printHistory prints entries for programs.
func (p output) printHistory(cm *corev1.ConfigMap, d *history.Document, all []v1alpha1.HistoryEntry, out io.Writer) error {
	form := struct {
		Namespace string                  `json:"namespace"`
		Cluster   string                  `json:"cluster"`
		Entries   []v1alpha1.HistoryEntry `json:"entries"`
		Dropped   *history.Gap            `json:"dropped,omitempty"`
		Lost      *history.Gap            `json:"lost,omitempty"`
		Unread    []string                `json:"unread,omitempty"`
		Gone      int                     `json:"unreadDropped,omitempty"`
	}{cm.Namespace, cm.Annotations[v1alpha1.AnnotationClusterName], all, d.Summary.Dropped, d.Summary.Lost, d.Unread(), d.Summary.Unread}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&form)
	if err != nil {
		return fmt.Errorf("convert the history: %w", err)
	}
	object["apiVersion"], object["kind"] = "cli."+v1alpha1.GroupVersion.Group+"/v1", "History"
	return p.print(&unstructured.Unstructured{Object: object}, out)
}
