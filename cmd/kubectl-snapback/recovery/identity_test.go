package recovery

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka/operators"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

var kafkaKind = schema.GroupVersionKind{Group: "kafka.strimzi.io", Version: "v1", Kind: "Kafka"}

// strimzis has a broker of Strimzi with a snapshot of cluster id "old", and a Kafka
// that has the given one and confirms at once that it is paused.
func strimzis(id string) client.Client {
	kafka := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{
		"conditions": []any{map[string]any{"type": "ReconciliationPaused", "status": "True"}}}}}
	kafka.SetGroupVersionKind(kafkaKind)
	kafka.SetNamespace(snapshotstest.Namespace)
	kafka.SetName("kafka")
	if id != "" {
		_ = unstructured.SetNestedField(kafka.Object, id, "status", "clusterId") // it has a status
	}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{kafkaKind.GroupVersion()})
	mapper.Add(kafkaKind, meta.RESTScopeNamespace)
	claim := snapshotstest.StrimziClaim("kafka", "broker", 0, 0)
	vs := snapshotOf(claim).Annotate(v1alpha1.AnnotationKafkaClusterID, "old").Obj()
	return cluster(boundClaim(claim), vs, kafka).WithRESTMapper(mapper).WithStatusSubresource(kafka).Build()
}

// TestIdentity has a Kafka of Strimzi that was made anew, with another cluster id.
func TestIdentity(t *testing.T) {
	const patch = `kubectl patch kafka kafka -n kafka --subresource=status --type=merge -p '{"status":{"clusterId":"old"}}'`
	all := Request{All: true, Before: later}
	patched := all
	patched.PatchClusterID = true
	for name, test := range map[string]struct {
		id      string
		request Request
		want    string // of the problem; empty: none
		patches bool
	}{
		"the same":             {"old", all, "", false},
		"the same, asked for":  {"old", patched, "", false},
		"another":              {"new", all, "Kafka kafka has the cluster id new, but the snapshots are of old, and no broker starts", false},
		"none yet":             {"", all, "Kafka kafka has no cluster id yet, and Strimzi gives it a new one, but the snapshots are of old", false},
		"none yet, one broker": {"", Request{Brokers: []string{"0"}}, patch, false},
		"another, one broker":  {"new", Request{Brokers: []string{"0"}}, "", false}, // which the webhook says
		"another, asked for":   {"new", patched, "", true},
		"none yet, asked for":  {"", patched, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := strimzis(test.id)
				p := plan(t, c, test.request)
				o, err := FindOperator(t.Context(), c, p, types.NamespacedName{})
				if err != nil {
					t.Fatal(err)
				}
				said := strings.Join(o.Problems(), "\n")
				if (said == "") != (test.want == "") || !strings.Contains(said, test.want) || said != "" && !strings.Contains(said, patch) {
					t.Errorf("problems %s, want %s", said, test.want)
				}
				r := &Runner{Client: c, Plan: p, Operator: o, Timeout: time.Minute, Out: t.Output()}
				if err := r.setClusterID(t.Context()); err != nil {
					t.Fatal(err)
				}
				kafka := &unstructured.Unstructured{}
				kafka.SetGroupVersionKind(kafkaKind)
				if err := c.Get(t.Context(), client.ObjectKey(key), kafka); err != nil {
					t.Fatal(err)
				}
				id, paused := operators.ClusterIDOf(kafka), kafka.GetAnnotations()[annotationPause] == "true"
				if want := map[bool]string{true: "old", false: test.id}[test.patches]; id != want || paused != test.patches {
					t.Errorf("it has the id %q, paused %t", id, paused)
				}
			})
		})
	}
}

// TestIdentityOfOthers refuses the flag where it changes nothing.
func TestIdentityOfOthers(t *testing.T) {
	claim := snapshotstest.StatefulSetClaim("kafka", 0)
	c := cluster(boundClaim(claim), snapshotOf(claim).Annotate(v1alpha1.AnnotationKafkaClusterID, "old").Obj()).Build()
	p := plan(t, c, Request{All: true, Before: later, PatchClusterID: true})
	if _, err := FindOperator(t.Context(), c, p, types.NamespacedName{}); err != nil || len(p.Blocks) != 1 || p.Blocks[0] != notStrimzi {
		t.Errorf("blocked by %q, %v", p.Blocks, err)
	}
	w := newWorld(t, 2)
	w.run(noon, 0, 1)
	if _, err := w.plan(Request{Brokers: []string{"0"}, PatchClusterID: true}); err == nil || !strings.HasPrefix(err.Error(), "--patch-cluster-id goes with --all") {
		t.Errorf("of one broker: %v", err)
	}
}
