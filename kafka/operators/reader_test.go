package operators_test

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/kafka/operators"
	"github.com/snapback-dev/snapback/snapshots"
)

var (
	kafka        = schema.GroupVersionKind{Group: "kafka.strimzi.io", Version: "v1", Kind: "Kafka"}
	nodePool     = schema.GroupVersionKind{Group: "kafka.strimzi.io", Version: "v1", Kind: "KafkaNodePool"}
	kafkaCluster = schema.GroupVersionKind{Group: "kafka.banzaicloud.io", Version: "v1beta1", Kind: "KafkaCluster"}
)

func object(kind schema.GroupVersionKind, name string, content map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: content}
	o.SetGroupVersionKind(kind)
	o.SetNamespace("kafka")
	o.SetName(name)
	return o
}

// reader returns a reader of these objects. Its reads fail with err if that is set.
func reader(err error, objects ...client.Object) *operators.Reader {
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{kafka.GroupVersion(), kafkaCluster.GroupVersion()})
	for _, kind := range []schema.GroupVersionKind{kafka, nodePool, kafkaCluster} {
		mapper.Add(kind, meta.RESTScopeNamespace)
	}
	c := fake.NewClientBuilder().WithScheme(runtime.NewScheme()).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			if err != nil {
				return err
			}
			return c.Get(ctx, key, o, options...)
		},
	}).Build()
	return operators.NewReader(c, mapper)
}

func TestStrimzi(t *testing.T) {
	t.Parallel()
	pool := func(roles, ids []any) client.Object {
		content := map[string]any{"spec": map[string]any{}}
		if roles != nil {
			content["spec"] = map[string]any{"roles": roles}
		}
		if ids != nil {
			content["status"] = map[string]any{"nodeIds": ids}
		}
		return object(nodePool, "pool", content)
	}
	broker := []any{"broker"}
	tests := map[string]struct {
		objects []client.Object
		role    snapshots.Role
		said    bool
		memory  snapshots.Memory
	}{
		"no pool":                {role: snapshots.RoleBroker},
		"a broker":               {objects: []client.Object{pool(broker, nil)}, role: snapshots.RoleBroker, said: true},
		"a controller":           {objects: []client.Object{pool([]any{"controller"}, nil)}, role: snapshots.RoleController, said: true},
		"a pool without roles":   {objects: []client.Object{pool(nil, nil)}, role: snapshots.RoleBroker},
		"a node that was lost":   {objects: []client.Object{pool(broker, []any{int64(0), int64(2)})}, role: snapshots.RoleBroker, said: true, memory: snapshots.MemoryLost},
		"a node that is new":     {objects: []client.Object{pool(broker, []any{int64(0), int64(1)})}, role: snapshots.RoleBroker, said: true, memory: snapshots.MemoryNew},
		"a pool that has no ids": {objects: []client.Object{pool(broker, []any{})}, role: snapshots.RoleBroker, said: true},
	}
	for name, test := range tests {
		pvc := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"strimzi.io/pool-name": "pool"}}}
		v := snapshots.Volume{Namespace: "kafka", Cluster: "c", Dialect: "strimzi", Role: snapshots.RoleBroker, Node: "c-pool-2"}
		if err := reader(nil, test.objects...).Complete(t.Context(), &v, pvc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if v.Role != test.role || v.RoleSaid != test.said || v.Memory != test.memory {
			t.Errorf("%s: %s said %t, remembered %q; want %+v", name, v.Role, v.RoleSaid, v.Memory, test)
		}
	}
}

func TestKoperator(t *testing.T) {
	t.Parallel()
	states := func(of map[string][]string) client.Object {
		brokers := map[string]any{}
		for broker, mountPaths := range of {
			volumes := map[string]any{}
			for _, path := range mountPaths {
				volumes[path] = map[string]any{"cruiseControlVolumeState": "GracefulDiskRebalanceSucceeded"}
			}
			brokers[broker] = map[string]any{"gracefulActionState": map[string]any{"volumeStates": volumes}}
		}
		return object(kafkaCluster, "c", map[string]any{"status": map[string]any{"brokersState": brokers}})
	}
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "kafkaclusters"}, "c", errors.New("no"))
	tests := map[string]struct {
		err     error
		objects []client.Object
		want    snapshots.Memory
		fails   bool
	}{
		"no KafkaCluster":            {want: snapshots.MemoryUnknown},
		"no state yet":               {objects: []client.Object{object(kafkaCluster, "c", map[string]any{})}, want: snapshots.MemoryUnknown},
		"no state of volumes":        {objects: []client.Object{states(map[string][]string{"0": nil, "2": nil})}, want: snapshots.MemoryUnknown},
		"it was lost":                {objects: []client.Object{states(map[string][]string{"0": {"/a"}, "2": {"/a", "/b"}})}, want: snapshots.MemoryLost},
		"its broker is new":          {objects: []client.Object{states(map[string][]string{"0": {"/a"}, "1": {"/a", "/b"}})}, want: snapshots.MemoryNew},
		"its disk may be new":        {objects: []client.Object{states(map[string][]string{"0": {"/a"}, "2": {"/b"}})}, want: snapshots.MemoryUnknown},
		"states of later disks only": {objects: []client.Object{states(map[string][]string{"0": {"/b"}, "1": {"/b"}})}, want: snapshots.MemoryUnknown},
		"states of some brokers":     {objects: []client.Object{states(map[string][]string{"0": {"/a"}, "1": nil})}, want: snapshots.MemoryUnknown},
		"its states were dropped":    {objects: []client.Object{states(map[string][]string{"0": {"/a"}, "2": nil})}, want: snapshots.MemoryUnknown},
		"it may not be read":         {err: forbidden, want: snapshots.MemoryUnknown},
		"the apiserver is not well":  {err: errors.New("etcd is having a bad day"), fails: true},
	}
	for name, test := range tests {
		v := snapshots.Volume{Namespace: "kafka", Cluster: "c", Dialect: "koperator", Slot: "2:/a", Node: "2"}
		err := reader(test.err, test.objects...).Remember(t.Context(), &v)
		if (err != nil) != test.fails || v.Memory != test.want {
			t.Errorf("%s: %q, %v; want %q", name, v.Memory, err, test.want)
		}
	}
}
