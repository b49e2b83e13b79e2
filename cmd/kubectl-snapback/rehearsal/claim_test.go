package rehearsal_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/rehearsal"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// lives is the claim when it is there, and bound.
func lives(claim *snapshotstest.Claim) *corev1.PersistentVolumeClaim {
	pvc := claim.Obj()
	if pvc.GenerateName != "" {
		pvc.Name = pvc.GenerateName + "abcde"
	}
	pvc.UID, pvc.ResourceVersion, pvc.Finalizers = "uid", "7", []string{"kubernetes.io/pvc-protection"}
	pvc.Spec.VolumeName, pvc.Status.Phase = "pvc-uid", corev1.ClaimBound
	return pvc
}

// TestAgain has claims that are there, and what their operators would create
// again.
func TestAgain(t *testing.T) {
	t.Parallel()
	stable := func() *snapshotstest.Claim { return snapshotstest.StatefulSetClaim("kafka", 0) }
	generated := func() *snapshotstest.Claim { return snapshotstest.KoperatorClaim("kafka", 0, "/logs") }
	for name, test := range map[string]struct{ lives, want *snapshotstest.Claim }{
		"a stable name":    {stable(), stable()},
		"a generated name": {generated(), generated()},
		"its owner stays, which its operator sets":  {generated().Owner("KafkaCluster", "u"), generated().Owner("KafkaCluster", "u")},
		"its creator's annotations stay":            {stable().Annotate("helm.sh/resource-policy", "keep").Annotate("app.kubernetes.io/x", "y"), stable().Annotate("helm.sh/resource-policy", "keep").Annotate("app.kubernetes.io/x", "y")},
		"the binder's annotations go":               {stable().Annotate("pv.kubernetes.io/bind-completed", "yes").Annotate("volume.kubernetes.io/selected-node", "n"), stable()},
		"what Snapback wrote goes":                  {stable().From("gone").Annotate(v1alpha1.AnnotationRestoredFrom, "gone").Annotate(v1alpha1.AnnotationRestoredBy, "restore-next"), stable()},
		"also where an operator took its marks off": {stable().From("own"), stable()},
		"what its creator chose stays":              {stable().From("chosen"), stable().From("chosen")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pvc := lives(test.lives)
			before := pvc.DeepCopy()
			again := rehearsal.Again(&inventory.Inventory{}, &inventory.Volume{Snapshots: []snapshots.Snapshot{{Name: "own"}}}, pvc)
			if want := test.want.Obj(); !equality.Semantic.DeepEqual(again, want) {
				t.Errorf("created again it is\n%+v, want\n%+v", again, want)
			}
			if !equality.Semantic.DeepEqual(pvc, before) {
				t.Error("the claim itself has changed")
			}
		})
	}
}

// TestAgainRequests has a claim that was expanded: its StatefulSet asks for what
// it did before.
func TestAgainRequests(t *testing.T) {
	t.Parallel()
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: snapshotstest.Namespace, Name: "kafka"},
		Spec:       appsv1.StatefulSetSpec{VolumeClaimTemplates: []corev1.PersistentVolumeClaim{*snapshotstest.PlainClaim("data").Request("1Gi").Obj()}},
	}
	pvc := lives(snapshotstest.StatefulSetClaim("kafka", 0).Request("2Gi"))
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: set.Namespace}}, set, pvc).Build()
	inv, err := inventory.Load(t.Context(), c, set.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	if got := rehearsal.Again(inv, &inv.Volumes[0], pvc).Spec.Resources.Requests.Storage().String(); got != "1Gi" {
		t.Errorf("it requests %s, want what the StatefulSet does", got)
	}
}

// TestAgainOfANewClaim has one that is not there yet: all of it is its creator's.
func TestAgainOfANewClaim(t *testing.T) {
	t.Parallel()
	pvc := snapshotstest.StatefulSetClaim("kafka", 0).From("own").Obj()
	pvc.Spec.VolumeName = "chosen"
	again := rehearsal.Again(&inventory.Inventory{}, &inventory.Volume{Snapshots: []snapshots.Snapshot{{Name: "own"}}}, pvc)
	if again.Spec.DataSource == nil || again.Spec.VolumeName != "chosen" || again.Name != pvc.Name {
		t.Errorf("what the creator has chosen is gone: %+v", again)
	}
}

// TestChosen tells what a creator chose from who creates: only the webhook sees
// that.
func TestChosen(t *testing.T) {
	t.Parallel()
	claim := func() *snapshotstest.Claim { return snapshotstest.StatefulSetClaim("kafka", 0) }
	for want, c := range map[v1alpha1.Reason]*snapshotstest.Claim{
		"":                           claim().Label("velero.io/restore-name", "r"),
		v1alpha1.ReasonDataSourceSet: claim().From("another"),
	} {
		if got := rehearsal.Chosen(c.Obj()); got != want {
			t.Errorf("its creator chose %q, want %q", got, want)
		}
	}
}
