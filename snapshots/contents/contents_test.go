package contents_test

import (
	"context"
	"errors"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/contents"
)

var errDown = errors.New("the apiserver is down")

func TestVolumeOf(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := snapshotv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	handle := "volume"
	content := func(of types.UID, source snapshotv1.VolumeSnapshotContentSource) client.Object {
		c := &snapshotv1.VolumeSnapshotContent{Spec: snapshotv1.VolumeSnapshotContentSpec{Source: source}}
		c.Name, c.Spec.VolumeSnapshotRef.UID = "snapcontent-uid", of
		return c
	}
	taken := content("uid", snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &handle})
	for what, test := range map[string]struct {
		content  client.Object // nil: none
		imported bool
		faults   int // how many reads fail
		want     string
		err      error
	}{
		"taken of a volume":                {content: taken, want: handle},
		"not in the watch cache":           {content: taken, faults: 1, want: handle},
		"not readable":                     {content: taken, faults: 2, err: errDown},
		"no content yet":                   {},
		"imported":                         {content: taken, imported: true},
		"the content of another snapshot":  {content: content("another", snapshotv1.VolumeSnapshotContentSource{VolumeHandle: &handle})},
		"a content that was there before ": {content: content("uid", snapshotv1.VolumeSnapshotContentSource{SnapshotHandle: &handle})},
	} {
		t.Run(what, func(t *testing.T) {
			b := fake.NewClientBuilder().WithScheme(scheme)
			if test.content != nil {
				b.WithObjects(test.content)
			}
			c := b.WithInterceptorFuncs(interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
				if test.faults--; test.faults >= 0 {
					return errDown
				}
				return c.Get(ctx, key, o, options...)
			}}).Build()
			got, err := contents.VolumeOf(t.Context(), c, snapshots.Snapshot{UID: "uid", Imported: test.imported})
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("%q, want %q (error: %v)", got, test.want, err)
			}
		})
	}
}
