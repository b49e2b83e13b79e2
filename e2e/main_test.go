package e2e

import (
	"context"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/go-logr/logr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/doctor"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

// shared is the cluster of this package's tests, with Snapback running as it
// is shipped.
var shared = &cluster.Shared{Options: cluster.Options{Snapback: true}}

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard()) // the clients of tests have nothing to tell
	code := shared.MustUse(m.Run(), cluster.Account, usesHere())
	os.Exit(shared.Stop(shared.MustUse(code, cluster.DrillsAccount, uses(doctor.DrillRights, drillUsesElsewhere))))
}

// drillUsesElsewhere are the uses of the drills' rights that no test brings about: an
// Event is patched only if the same one comes again within some minutes.
var drillUsesElsewhere = []cluster.Use{{Group: "events.k8s.io", Resource: "events", Verb: "patch"}}

// patience is the limit for steps that take a second or two on an idle machine
// when all is well.
const patience = 3 * time.Minute

func apiClient(t *testing.T) client.Client {
	t.Helper()
	c, err := cluster.NewClient(shared.Get(t).Config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newNamespace creates a namespace of the test's own.
func newNamespace(t *testing.T, c client.Client, annotations map[string]string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "kafka-", Annotations: annotations}}
	create(t, c, ns)
	t.Cleanup(func() { endBackups(t, c, ns.Name) })
	return ns.Name
}

// endBackups deletes the KafkaBackups of a test that has ended. Those that make a run each
// second would slow down all tests after it.
func endBackups(t *testing.T, c client.Client, namespace string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	if err := c.DeleteAllOf(ctx, &v1alpha1.KafkaBackup{}, client.InNamespace(namespace)); err != nil {
		t.Errorf("delete the KafkaBackups of namespace %s: %v", namespace, err)
	}
}

// create creates an object as an operator does, which asks again when it is refused for
// now.
func create(t *testing.T, c client.Client, o client.Object) {
	t.Helper()
	if err := cluster.Create(t.Context(), c, o, patience); err != nil {
		t.Fatal(err)
	}
}

// eventually fails the test with the condition's last error when it does not
// come true.
func eventually(t *testing.T, condition func(context.Context) error) {
	t.Helper()
	if err := cluster.Eventually(t.Context(), patience, condition); err != nil {
		t.Fatal(err)
	}
}
