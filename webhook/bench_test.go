package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/webhook"
)

// quick is a reader without cost, so that only the cost of the handler is measured.
type quick struct {
	snapshots map[string]*snapshotv1.VolumeSnapshot
}

func (q quick) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	switch o := o.(type) {
	case *snapshotv1.VolumeSnapshot:
		*o = *q.snapshots[key.Name]
	case *storagev1.StorageClass:
		o.Provisioner = driver
	case *corev1.PersistentVolume:
		o.Status.Phase = corev1.VolumeBound
	}
	return nil
}

func (q quick) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

// BenchmarkHandle measures one review, without TLS and the apiserver, of a volume
// with many snapshots. The first case is a handler that only allows.
func BenchmarkHandle(b *testing.B) {
	body, err := json.Marshal(recorded(b, strimziReview))
	if err != nil {
		b.Fatal(err)
	}
	run := func(served http.Handler) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				request := httptest.NewRequest(http.MethodPost, "/mutate-pvc", bytes.NewReader(body))
				request.Header.Set("Content-Type", "application/json")
				answer := httptest.NewRecorder()
				served.ServeHTTP(answer, request)
				if !bytes.Contains(answer.Body.Bytes(), []byte(`"allowed":true`)) {
					b.Fatal(answer.Body)
				}
			}
		}
	}
	b.Run("allow only", run(allowOnly))
	for _, n := range []int{1, 100, 1000} {
		q := quick{snapshots: map[string]*snapshotv1.VolumeSnapshot{}}
		var all []*snapshotv1.VolumeSnapshot
		for i := range n {
			vs := hoursAgo(i + 1).Obj()
			q.snapshots[vs.Name] = vs
			all = append(all, vs)
		}
		b.Run(fmt.Sprintf("snapback, %d snapshots", n), run(webhook.NewHandler(webhook.Readers{
			Cached: q, Live: q, Mapper: meta.NewDefaultRESTMapper(nil), Catalog: webhook.NewStaticCatalog(all...),
			Backups: webhook.NewStaticBackups(strimziBackup().Annotate(restore, "latest").Obj()),
		}, nil, func() time.Time { return now }).Admission()))
	}
}
