package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/history"
	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// recorderAt returns a recorder that writes as Snapback, as a new process has it.
func recorderAt(c client.Client, component string, lost *int) *history.Recorder {
	return &history.Recorder{Component: component, Out: io.Discard, Client: c, Reader: c, Now: time.Now, Lost: func(n int) { *lost += n }}
}

// decided returns the n-th decision, which is a prune nine times of ten.
func decided(ns, component string, n int) v1alpha1.HistoryEntry {
	e := v1alpha1.HistoryEntry{Kind: v1alpha1.HistoryPruned, Reason: string(v1alpha1.RuleRetentionTime), Namespace: ns, Cluster: "kafka",
		Volume: fmt.Sprint("data-kafka-", n), Claim: fmt.Sprint("data-kafka-", n), ClaimUID: "3f0e9f2c-96a6-4f05-a4a5-5f6b2a4f6f6e",
		Snapshot: fmt.Sprint("data-kafka-", n, "-20260301-120000-abcde"), SnapshotUID: fmt.Sprint(component, n), Run: "20260301-120000", Backup: "b"}
	if n%10 == 0 {
		e.Kind, e.Reason, e.ClaimUID = v1alpha1.HistoryRestored, string(v1alpha1.ReasonRestored), ""
		e.Actor, e.Message = "system:serviceaccount:kafka:operator", strings.Repeat("what was restored, and from where; ", 6)
	}
	return e
}

// TestHistoryOfTenThousand has two processes write 10,000 decisions into one object at the
// same time, both of them new ones again and again: nothing is lost, the object stays
// within its limit, and says what it has dropped.
func TestHistoryOfTenThousand(t *testing.T) {
	t.Parallel()
	admin, c := apiClient(t), accountClient(t)
	ns := newNamespace(t, admin, nil)
	const each, atOnce = 5000, 250
	var group sync.WaitGroup
	lost := make([]int, 2)
	for i, component := range []string{history.Webhook, history.Scheduler} {
		group.Go(func() {
			for n := 0; n < each; n += atOnce {
				r := recorderAt(c, component, &lost[i])
				for j := range atOnce {
					r.Record(decided(ns, component, n+j))
				}
				for r.Flush(t.Context()) > 0 && t.Context().Err() == nil { // the other one writes as often
					continue
				}
			}
		})
	}
	group.Wait()
	var cm corev1.ConfigMap
	if err := admin.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: v1alpha1.HistoryName("kafka")}, &cm); err != nil {
		t.Fatal(err)
	}
	object, err := json.Marshal(cm)
	if err != nil {
		t.Fatal(err)
	}
	d := history.Parse(cm.Data)
	all := d.Entries()
	if len(object) > 512<<10 || lost[0]+lost[1] != 0 || d.Summary.Lost != nil || d.Summary.Dropped == nil || len(all)+d.Summary.Dropped.Count != 2*each {
		t.Fatalf("%d bytes, %d entries, %+v, %v lost", len(object), len(all), d.Summary, lost)
	}
	if newest := fmt.Sprint("data-kafka-", each-1); all[len(all)-1].Volume != newest {
		t.Errorf("the newest is of %s, want %s", all[len(all)-1].Volume, newest)
	}
	onlyOldestDropped(t, all, each)
	p := kubectlSnapback(t, ns, "history", "kafka")
	if want := fmt.Sprintf("note: %d older entries were dropped, the last one of ", d.Summary.Dropped.Count); p.code != 0 || !strings.HasPrefix(p.err, want) {
		t.Errorf("exit code %d, %q, want %q", p.code, p.err, want)
	}
}

// onlyOldestDropped checks that of each process and kind the last decisions are there,
// without a gap.
func onlyOldestDropped(t *testing.T, all []v1alpha1.HistoryEntry, each int) {
	t.Helper()
	last := map[string]int{}
	for _, e := range all {
		of, n := e.Component+" "+string(e.Kind), 0
		if _, err := fmt.Sscanf(e.Volume, "data-kafka-%d", &n); err != nil {
			t.Fatal(err)
		}
		step := map[v1alpha1.HistoryKind]int{v1alpha1.HistoryPruned: 2, v1alpha1.HistoryRestored: 10}[e.Kind]
		if before, ok := last[of]; ok && (n <= before || n > before+step) {
			t.Errorf("%s: %d follows %d", of, n, before)
		}
		last[of] = n
	}
	for of, n := range last {
		if n < each-10 {
			t.Errorf("%s: the last one is %d", of, n)
		}
	}
}

// TestHistoryOfATenant has a tenant edit the object, and make others that look like it:
// neither drives the terminal of who reads it, nor keeps Snapback from writing.
func TestHistoryOfATenant(t *testing.T) {
	t.Parallel()
	admin, c := apiClient(t), accountClient(t)
	ns := newNamespace(t, admin, nil)
	cm := configMap(ns, v1alpha1.HistoryName("kafka"), historyLabel)
	cm.Annotations = map[string]string{v1alpha1.AnnotationClusterName: "kafka"}
	cm.Data = map[string]string{
		"entries.jsonl": `{"id":"a","kind":"\u001b[2JRefused","time":"2999-01-01T00:00:00Z","reason":"\u009b2J","message":"\u202e\u001b]0;x\u0007"}` + "\n{",
		"summary.json":  `{"dropped":{"count":-1,"last":"2999-01-01T00:00:00Z"}}`,
		"padding":       strings.Repeat("x", 900<<10),
	}
	create(t, admin, cm)
	other := configMap(ns, "other", historyLabel)
	other.Annotations = map[string]string{v1alpha1.AnnotationClusterName: "\x1b[2J"}
	create(t, admin, other)
	var lost int
	r := recorderAt(c, history.Webhook, &lost)
	r.Record(decided(ns, history.Webhook, 0))
	r.Flush(t.Context())
	for _, args := range [][]string{{"history"}, {"history", "kafka"}, {"history", "kafka", "-o", "wide"}} {
		p := kubectlSnapback(t, ns, args...)
		if p.code != 0 || strings.ContainsAny(p.out+p.err, "\x1b\x07\u009b\u202e") || !strings.Contains(p.out, "data-kafka-0") || !strings.Contains(p.err, "1 lines are no entries") {
			t.Errorf("%v: exit code %d\n%q\n%q", args, p.code, p.out, p.err)
		}
	}
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(cm), cm); err != nil {
		t.Fatal(err)
	}
	if cm.Data["padding"] != "" || lost != 0 {
		t.Errorf("%d bytes of padding, %d lost", len(cm.Data["padding"]), lost)
	}

	before := cm.DeepCopy()
	delete(cm.Labels, v1alpha1.LabelHistory)
	if err := admin.Patch(t.Context(), cm, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	r.Record(decided(ns, history.Webhook, 10))
	r.Flush(t.Context())
	kubectlSnapback(t, ns, "history", "kafka").fails(t, "configmap "+ns+"/snapback-history-kafka is not a history of Snapback's: rename or delete it, so that Snapback can make its own")
	if lost != 1 {
		t.Errorf("%d lost", lost)
	}
}

// TestHistoryThatCannotChange has a tenant make the object immutable, and a namespace that
// is being deleted: each is given up at once, and the next entry says so where it can.
func TestHistoryThatCannotChange(t *testing.T) {
	t.Parallel()
	admin, c := apiClient(t), accountClient(t)
	ns := newNamespace(t, admin, nil)
	var lost int
	r := recorderAt(c, history.Webhook, &lost)
	r.Record(decided(ns, history.Webhook, 0))
	r.Flush(t.Context())
	cm := configMap(ns, v1alpha1.HistoryName("kafka"), nil)
	if err := admin.Patch(t.Context(), cm, client.RawPatch("application/merge-patch+json", []byte(`{"immutable":true}`))); err != nil {
		t.Fatal(err)
	}
	r.Record(decided(ns, history.Webhook, 10))
	r.Flush(t.Context())
	if lost != 1 {
		t.Errorf("%d lost", lost)
	}
	if err := admin.Delete(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	r.Record(decided(ns, history.Webhook, 20))
	r.Flush(t.Context())
	if p := kubectlSnapback(t, ns, "history", "kafka"); p.code != 0 || !strings.Contains(p.err, "note: 1 entries were lost") || !strings.Contains(p.out, "data-kafka-20") {
		t.Errorf("exit code %d\n%s\n%s", p.code, p.out, p.err)
	}

	if err := admin.Delete(t.Context(), cm); err != nil {
		t.Fatal(err)
	}
	held := configMap(ns, "held", nil) // the namespace stays in deletion
	held.Finalizers = []string{"example.com/held"}
	create(t, admin, held)
	t.Cleanup(func() {
		_ = admin.Patch(t.Context(), held, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`)))
	})
	if err := admin.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}); err != nil {
		t.Fatal(err)
	}
	r.Record(decided(ns, history.Webhook, 30))
	r.Flush(t.Context())
	if lost != 2 {
		t.Errorf("%d lost", lost)
	}
}
