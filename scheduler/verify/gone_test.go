package verify

import (
	"context"
	"errors"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/snapshots"
)

// TestSourceGone checks that a snapshot counts as gone only if the apiserver says so,
// which is asked only if the cache does not have the snapshot.
func TestSourceGone(t *testing.T) {
	down := errors.New("down")
	for name, test := range map[string]struct {
		cached    []snapshots.Snapshot
		live      string // "", "there" or "deleting"
		failing   bool
		gone, err bool
	}{
		"in the cache, apiserver not asked":    {cached: []snapshots.Snapshot{{Name: "before"}}, failing: true},
		"nowhere":                              {gone: true},
		"another one is there":                 {cached: []snapshots.Snapshot{{Name: "another"}}, gone: true},
		"not in the cache yet":                 {live: "there"},
		"being deleted":                        {cached: []snapshots.Snapshot{{Name: "before", Deleting: true}}, live: "deleting", gone: true},
		"being deleted, by now gone":           {cached: []snapshots.Snapshot{{Name: "before", Deleting: true}}, gone: true},
		"being deleted, only on the apiserver": {live: "deleting", gone: true},
		"no answer":                            {failing: true, err: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSubject(t, "a", func(s *subject) { fill(s); pending(s); given(s) })
			b := fake.NewClientBuilder().WithScheme(api.NewScheme())
			if test.live != "" {
				vs := &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: s.PVC.Namespace, Name: "before"}}
				if test.live == "deleting" {
					vs.DeletionTimestamp, vs.Finalizers = &metav1.Time{Time: created}, []string{"snapshot.storage.kubernetes.io/volumesnapshot-as-source-protection"}
				}
				b = b.WithObjects(vs)
			}
			if test.failing {
				b = b.WithInterceptorFuncs(interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
					return down
				}})
			}
			s.known.Snapshots = map[string][]snapshots.Snapshot{s.Volume.Hash(): test.cached}
			v := &Verifier{APIReader: b.Build()}
			gone, err := v.sourceGone(t.Context(), s)
			if gone != test.gone || (err != nil) != test.err || err != nil && !errors.Is(err, down) {
				t.Errorf("gone %t, error %v", gone, err)
			}
		})
	}
}

// TestSourceOfNoName has a creator name a source that no object can have. The apiserver
// accepts such a claim. It must not keep the other claims from being judged.
func TestSourceOfNoName(t *testing.T) {
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(snapshotv1.SchemeGroupVersion.WithKind("VolumeSnapshot"), meta.RESTScopeNamespace)
	c, err := client.New(&rest.Config{Host: "http://127.0.0.1:0"}, client.Options{Scheme: api.NewScheme(), Mapper: mapper})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a/b", "..", "100%"} {
		s := newSubject(t, "a", func(s *subject) { fill(s); s.PVC.Spec.DataSource.Name = name; pending(s); given(s) })
		gone, err := (&Verifier{APIReader: c}).sourceGone(t.Context(), s)
		if !gone || err != nil {
			t.Errorf("%s: gone %t, error %v", name, gone, err)
		}
	}
}
