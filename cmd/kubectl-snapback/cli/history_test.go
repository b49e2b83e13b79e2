package cli

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/history"
	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// told is a history of two volumes, of which something is missing.
func told() *history.Document {
	at := func(ago time.Duration) metav1.Time { return metav1.Time{Time: now.Add(-ago)} }
	last := at(2 * time.Hour)
	d := history.Parse(map[string]string{"summary.json": `{"dropped":{"count":7,"last":"2026-02-01T00:00:00Z"},"lost":{"count":2,"last":"2026-02-02T00:00:00Z"},"unread":4}`, "unread.txt": "x\n"})
	d.Add(history.Batch{Entries: []v1alpha1.HistoryEntry{
		{ID: "1", Time: at(48 * time.Hour), Kind: v1alpha1.HistoryPruned, Reason: "RetentionCount", Volume: "data-kafka-1", Claim: "data-kafka-1", ClaimUID: "u1", Snapshot: "s", Actor: "snapback"},
		{ID: "2", Time: at(3 * time.Hour), Last: &last, Count: 5, Kind: v1alpha1.HistoryRefused, Reason: "TooSmall", Volume: "data-kafka-0", Claim: "data-kafka-0", Actor: "operator", Message: "it needs\n2Gi"},
		{ID: "3", Time: at(time.Hour), Kind: v1alpha1.HistoryRestored, Reason: "Restored", Volume: "data-kafka-0", Claim: "data-kafka-0", ClaimUID: "u2", Snapshot: "t", Run: "20260301-010000", Backup: "b", Actor: "operator"},
	}}, now)
	return d
}

func TestPrintHistory(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		flags historyFlags
		wide  bool
		want  string
	}{
		"all": {historyFlags{}, false, `TIME AGE WHAT REASON VOLUME CLAIM SNAPSHOT BY MESSAGE
2026-03-01T01:30:00Z 60m ago Restored Restored data-kafka-0 data-kafka-0 t operator -
2026-03-01T00:30:00Z 120m ago Refused 5 times in 60m TooSmall data-kafka-0 data-kafka-0 - operator it needs 2Gi
2026-02-27T02:30:00Z 2d ago Pruned RetentionCount data-kafka-1 data-kafka-1 s snapback -
`},
		"since, wide": {historyFlags{since: 90 * time.Minute}, true, `TIME AGE WHAT REASON VOLUME CLAIM SNAPSHOT BY RUN KAFKABACKUP CLAIM UID ADMISSION MESSAGE
2026-03-01T01:30:00Z 60m ago Restored Restored data-kafka-0 data-kafka-0 t operator 20260301-010000 b u2 - -
`},
		"a UID": {historyFlags{claim: "u1"}, false, `TIME AGE WHAT REASON VOLUME CLAIM SNAPSHOT BY MESSAGE
2026-02-27T02:30:00Z 2d ago Pruned RetentionCount data-kafka-1 data-kafka-1 s snapback -
`},
		"a volume and a claim": {historyFlags{volume: "data-kafka-1", claim: "data-kafka-0"}, false, "TIME AGE WHAT REASON VOLUME CLAIM SNAPSHOT BY MESSAGE\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := printHistory(&out, test.flags.choose(told().Entries(), now), test.wide, now); err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for line := range strings.Lines(out.String()) {
				got.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
			}
			if got.String() != test.want {
				t.Errorf("printed:\n%s\nwant:\n%s", got.String(), test.want)
			}
		})
	}
}

// TestPrunesOfOneRunAreOneRow has two runs pruned side by side, around a restore.
func TestPrunesOfOneRunAreOneRow(t *testing.T) {
	t.Parallel()
	prune := func(snapshot, run string) v1alpha1.HistoryEntry {
		return v1alpha1.HistoryEntry{Time: metav1.NewTime(now), Kind: v1alpha1.HistoryPruned, Reason: "RetentionTime", Run: run, Volume: snapshot, Claim: snapshot, Snapshot: snapshot, Actor: "snapback"}
	}
	all := []v1alpha1.HistoryEntry{prune("a", "1"), prune("b", "2"), prune("c", "1"), {Kind: v1alpha1.HistoryRestored}, prune("d", "1")}
	var got []string
	for _, group := range together(all, false) {
		got = append(got, strings.Join(historyRow(group, false, now)[2:7], " "))
	}
	want := []string{"Pruned (2) RetentionTime 2 volumes  of run 1", "Pruned RetentionTime b b b", "Restored    ", "Pruned RetentionTime d d d"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if n := len(together(all, true)); n != len(all) {
		t.Errorf("%d rows with all columns", n)
	}
}

func TestHistorySaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	notes := strings.Join(historyNotes(told()), "\n")
	for _, want := range []string{"7 older entries were dropped, the last one of 2026-02-01T00:00:00Z", "2 entries were lost, the last one of 2026-02-02T00:00:00Z", "1 lines are no entries", "4 more such lines were dropped"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in\n%s", want, notes)
		}
	}
	if notes := historyNotes(&history.Document{}); len(notes) != 0 {
		t.Errorf("%q", notes)
	}
}

func TestHistoryForPrograms(t *testing.T) {
	t.Parallel()
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Annotations: map[string]string{v1alpha1.AnnotationClusterName: "kafka"}}}
	var out bytes.Buffer
	if err := output("json").printHistory(cm, told(), historyFlags{since: time.Hour}.choose(told().Entries(), now), &out); err != nil {
		t.Fatal(err)
	}
	var form struct {
		APIVersion, Kind, Namespace, Cluster string
		Entries                              []v1alpha1.HistoryEntry
		Dropped, Lost                        history.Gap
	}
	if err := json.Unmarshal(out.Bytes(), &form); err != nil {
		t.Fatal(err)
	}
	if form.APIVersion != "cli.snapback.dev/v1" || form.Kind != "History" || form.Namespace != "ns" || form.Cluster != "kafka" || len(form.Entries) != 1 || form.Entries[0].ID != "3" ||
		form.Dropped.Count != 7 || form.Lost.Count != 2 {
		t.Errorf("%s", out.String())
	}
}
