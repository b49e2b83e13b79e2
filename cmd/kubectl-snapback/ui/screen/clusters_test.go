package screen_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/ui/screen"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func clusters(t *testing.T, objects ...client.Object) screen.Clusters {
	t.Helper()
	return screen.NewClusters(inventoryOf(t, objects...), screen.Part{}, noon)
}

func inventoryOf(t *testing.T, objects ...client.Object) *inventory.Inventory {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: snapshotstest.Namespace}}
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(append(objects, ns)...).Build()
	i, err := inventory.Load(t.Context(), c, snapshotstest.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// backup is a KafkaBackup of a cluster that the scheduler has looked at.
func backup(name, cluster string, next time.Duration) *v1alpha1.KafkaBackup {
	kb := snapshotstest.NewBackup(name, cluster, "csi").Annotate(v1alpha1.AnnotationRestore, "latest").Obj()
	kb.Spec.Schedule = "@daily"
	kb.Status.ObservedGeneration = 1
	kb.Status.NextScheduleTime = &metav1.Time{Time: noon.Add(next)}
	return kb
}

// pair returns a bound claim of a broker, and its snapshot.
func pair(cluster string, broker int, age time.Duration) []client.Object {
	claim := snapshotstest.KoperatorClaim(cluster, broker, "/logs").Named(fmt.Sprint(cluster, "-", broker)).Class("ssd")
	pvc := claim.Obj()
	pvc.Status.Phase = corev1.ClaimBound
	of := snapshotstest.NewBackup("hourly", cluster, "csi").Annotate(v1alpha1.AnnotationRestore, "latest")
	return []client.Object{pvc, snapshotstest.NewSnapshot(claim, of, "csi.example.com", noon.Add(-age)).Ready().Obj()}
}

// TestClusters puts those with problems first, and says of each what would be lost and
// what comes next.
func TestClusters(t *testing.T) {
	t.Parallel()
	lost := pair("worse", 0, time.Hour)[1]
	kafka := backup("hourly", "well", 30*time.Minute)
	kafka.Status.Kafka = &v1alpha1.KafkaStatus{ObservedTime: metav1.Time{Time: noon.Add(-time.Minute)}}
	kafka.Status.Kafka.IfAllLost.Message = "5 records"
	objects := append(pair("well", 0, time.Hour), pair("well", 1, 30*time.Minute)...)
	c := clusters(t, append(objects, lost, kafka, backup("sooner", "well", 10*time.Minute), backup("other", "worse", time.Hour))...)
	if len(c.Shown) != 2 {
		t.Fatalf("%+v", c.Shown)
	}
	worse, well := c.Shown[0], c.Shown[1]
	if worse.Key.Name != "worse" || worse.Count == 0 || !strings.Contains(worse.Problems[0].Message, "has no claim") {
		t.Errorf("the worse one: %+v", worse)
	}
	if well.Count != 0 || well.Volumes != 2 || well.Loss != "60m" || well.LossOf != "0:/logs" {
		t.Errorf("the one that is well: %+v", well)
	}
	if want := noon.Add(10 * time.Minute); !well.Next.Equal(want) || well.Idle != "" {
		t.Errorf("next run %s (%s), want %s", well.Next, well.Idle, want)
	}
	if well.Kafka != "said 60s ago" || !strings.Contains(strings.Join(well.AtRisk, "\n"), "5 records") {
		t.Errorf("Kafka: %q, %q", well.Kafka, well.AtRisk)
	}
	if got := c.Command(); got != "kubectl snapback status -n "+snapshotstest.Namespace {
		t.Error(got)
	}
}

// TestIdle says why no run is due.
func TestIdle(t *testing.T) {
	t.Parallel()
	suspended := backup("hourly", "kafka", time.Hour)
	suspended.Spec.Suspend = true
	unseen := backup("hourly", "kafka", time.Hour)
	unseen.Status.NextScheduleTime = nil
	for want, objects := range map[string][]client.Object{
		"suspended":      {suspended},
		"not known yet":  {unseen},
		"no KafkaBackup": pair("kafka", 0, time.Hour)[:1],
	} {
		l := clusters(t, objects...).Shown[0]
		if l.Idle != want || !l.Next.IsZero() {
			t.Errorf("%q, want %q", l.Idle, want)
		}
	}
	if l := clusters(t, pair("kafka", 0, time.Hour)[:1]...).Shown[0]; l.Loss != "everything" {
		t.Errorf("a volume without a snapshot would lose %q", l.Loss)
	}
}

// TestManyClusters shows a part of many clusters, also of those that are looked for, and
// those with problems before all others.
func TestManyClusters(t *testing.T) {
	t.Parallel()
	var objects []client.Object
	for n := range 250 {
		objects = append(objects, backup(fmt.Sprintf("backup-%d", n), fmt.Sprintf("kafka-%03d", n), time.Hour))
	}
	i := inventoryOf(t, append(objects, pair("zebra", 0, time.Hour)[1])...)
	for _, test := range []struct {
		part              screen.Part
		first, says, next string
		shown             int
	}{
		{screen.Part{}, "zebra", "1 to 100 of 251 clusters", "?page=2", 100},
		{screen.Part{Page: 3}, "kafka-199", "201 to 251 of 251 clusters", "", 51},
		{screen.Part{Only: "kafka-1"}, "kafka-100", "all 100 clusters with “kafka-1”; 151 others are not shown", "", 100},
		{screen.Part{Only: "has no claim"}, "zebra", "all 1 clusters with “has no claim”; 250 others are not shown", "", 1},
	} {
		c := screen.NewClusters(i, test.part, noon)
		if len(c.Shown) != test.shown || c.Shown[0].Key.Name != test.first || c.Pages.Says("clusters") != test.says || c.Pages.Next != test.next {
			t.Errorf("%+v: %d clusters, the first is %s: %s, next %q", test.part, len(c.Shown), c.Shown[0].Key, c.Pages.Says("clusters"), c.Pages.Next)
		}
	}
}
