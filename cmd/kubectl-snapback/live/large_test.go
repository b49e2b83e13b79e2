package live

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// BenchmarkLarge makes the inventory of 1,000 volumes with 50 snapshots each, of what is
// known.
func BenchmarkLarge(b *testing.B) {
	const volumes, runs = 1000, 50
	a := newApiserver()
	all := map[string][]any{"namespaces": {&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}}}}
	of := snapshotstest.NewBackup("hourly", "kafka", "csi")
	all["kafkabackups"] = []any{of.Obj()}
	began := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	for n := range volumes {
		claim := snapshotstest.StatefulSetClaim("kafka", n)
		all["claims"] = append(all["claims"], claim.Obj())
		for r := range runs {
			all["volumesnapshots"] = append(all["volumesnapshots"], snapshotstest.NewSnapshot(claim, of, "csi", began.Add(time.Duration(r)*time.Hour)).Ready().Obj())
		}
	}
	known := feeds(a, snapshotstest.Namespace, func() {})
	for _, f := range known {
		if err := f.Replace(all[f.Name], ""); err != nil {
			b.Fatal(err)
		}
	}
	r := newReader(a, known)
	for b.Loop() {
		i, err := inventory.Load(b.Context(), r, snapshotstest.Namespace)
		if err != nil || len(i.Volumes) != volumes || len(i.Volumes[0].Snapshots) != runs {
			b.Fatal(fmt.Sprint(err, len(i.Volumes)))
		}
	}
}
