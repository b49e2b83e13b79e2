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
	return notes
}

// printHistory prints a row for each entry.
func printHistory(out io.Writer, all []v1alpha1.HistoryEntry, wide bool) error {
	rows := [][]string{{"TIME", "WHAT", "VOLUME", "CLAIM", "SNAPSHOT", "REASON", "BY"}}
	if wide {
		rows[0] = append(rows[0], "RUN", "KAFKABACKUP", "CLAIM UID", "ADMISSION", "MESSAGE")
	}
	for _, e := range all {
		what := string(e.Kind)
		if e.Count > 1 {
			what += fmt.Sprintf(" (%d times since %s)", e.Count, e.Time.UTC().Format(time.RFC3339))
		}
		row := []string{history.Seen(e).UTC().Format(time.RFC3339), what, e.Volume, e.Claim, e.Snapshot, e.Reason, e.Actor}
		if wide {
			row = append(row, e.Run, e.Backup, e.ClaimUID, e.Admission, strings.Join(strings.Fields(e.Message), " "))
		}
		for i := range row {
			row[i] = cmp.Or(row[i], "-")
		}
		rows = append(rows, row)
	}
	return table(out, rows)
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
	}{cm.Namespace, cm.Annotations[v1alpha1.AnnotationClusterName], all, d.Summary.Dropped, d.Summary.Lost, d.Unread()}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&form)
	if err != nil {
		return fmt.Errorf("convert the history: %w", err)
	}
	object["apiVersion"], object["kind"] = "cli."+v1alpha1.GroupVersion.Group+"/v1", "History"
	return p.print(&unstructured.Unstructured{Object: object}, out)
}
