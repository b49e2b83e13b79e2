package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// all is the whole output of a command, in the form of the golden files.
func (p printed) all() string { return p.err + p.out }

// TestPluginSuspend suspends and resumes a KafkaBackup of either form.
func TestPluginSuspend(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	kb := snapshotstest.NewBackup("hourly", "kafka", cluster.SnapshotClass).In(ns).Schedule("0 2 1 1 *").Obj()
	create(t, c, kb)
	const spec = "# by hand\nclusterRef: kafka # ours\nschedule: \"0 2 1 1 *\"\nvolumeSnapshotClassName: " + cluster.SnapshotClass + "\n"
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "held", Labels: map[string]string{v1alpha1.LabelConfigMap: "true"}},
		Data: map[string]string{"spec": spec, "other": "stays"}}
	create(t, c, cm)
	suspended := func() [2]bool {
		t.Helper()
		var now v1alpha1.KafkaBackup
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(kb), &now); err != nil {
			t.Fatal(err)
		}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(cm), cm); err != nil {
			t.Fatal(err)
		}
		held, err := snapshots.KafkaBackupOfConfigMap(cm)
		if err != nil {
			t.Fatal(err)
		}
		return [2]bool{now.Spec.Suspend, held.Spec.Suspend}
	}

	said := ""
	for _, args := range [][]string{{"suspend", "hourly", "--dry-run=server"}, {"suspend", "held", "--dry-run=client"}, {"resume", "hourly"}} {
		said += kubectlSnapback(t, ns, args...).out
	}
	if got := suspended(); got != [2]bool{} {
		t.Errorf("suspended by a dry run: %v", got)
	}
	for _, args := range [][]string{{"suspend", "hourly"}, {"suspend", "hourly"}, {"suspend", "held"}, {"suspend", "held"}} {
		said += kubectlSnapback(t, ns, args...).all()
	}
	if got := suspended(); got != [2]bool{true, true} {
		t.Errorf("suspended: %v", got)
	}
	if want := spec + "suspend: true\n"; cm.Data["spec"] != want || cm.Data["other"] != "stays" {
		t.Errorf("the ConfigMap has become\n%q", cm.Data)
	}
	for _, args := range [][]string{{"resume", "hourly"}, {"resume", "held"}} {
		p := kubectlSnapback(t, ns, args...)
		said += p.out
		if p.code != 0 || len(p.err) == 0 {
			t.Errorf("%v: exit code %d, %q", args, p.code, p.err)
		}
	}
	if got := suspended(); got != [2]bool{} {
		t.Errorf("suspended after resume: %v", got)
	}
	golden(t, "suspend", said)
	kubectlSnapback(t, ns, "suspend", "daily").fails(t, `namespace `+ns+` has no KafkaBackup "daily", it has: held, hourly`)
	kubectlSnapback(t, ns, "suspend", "hourly", "--dry-run=perhaps").fails(t, `invalid argument "perhaps" for "--dry-run" flag: must be none, client or server`)
}
