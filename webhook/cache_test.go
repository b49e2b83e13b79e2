package webhook_test

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/webhook"
)

// watcher stands for the cache while it is filled.
type watcher struct {
	cache.Cache
	watched map[string]bool
}

func (w *watcher) GetInformer(_ context.Context, o client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	w.watched[reflect.TypeOf(o).Elem().Name()] = true
	return nil, nil
}

func TestWarmStartsTheCache(t *testing.T) {
	w := &watcher{watched: map[string]bool{}}
	if err := webhook.Warm(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"Namespace": true, "StorageClass": true, "PersistentVolume": true, "PersistentVolumeClaim": true}
	if !maps.Equal(w.watched, want) {
		t.Errorf("watches %v, want %v", w.watched, want)
	}
}

// A ConfigMap opts in as the KafkaBackup that it holds does.
func TestKafkaBackupInAConfigMap(t *testing.T) {
	held := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "hourly", Labels: map[string]string{v1alpha1.LabelConfigMap: "true"}, Annotations: map[string]string{restore: "latest"}},
		Data:       map[string]string{"spec": "clusterRef: my-cluster\nschedule: '@hourly'\nvolumeSnapshotClassName: csi-snapshots\n"},
	}
	s := site{cached: append(withoutBackups(), held, hoursAgo(1).Obj()), live: objects(hoursAgo(1).Obj())}
	wantAnswer(t, s.ask(t, recorded(t, strimziReview)), http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": hoursAgo(1).Obj().Name})
}

func names(c *webhook.Catalog, v snapshots.Volume) (all []string) {
	known, err := c.Known()
	if err != nil {
		return []string{err.Error()}
	}
	for _, s := range known.Volume(v) {
		all = append(all, s.Name)
	}
	return all
}

func TestCatalogFollows(t *testing.T) {
	v, _ := snapshots.Identify(namespace, strimziClaim().Obj(), nil)
	name := func(n int) string { return hoursAgo(n).Obj().Name }
	unreadable := hoursAgo(1).Obj()
	broken(unreadable)
	catalog := webhook.NewCatalog(nil)
	for _, step := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"nothing was listed yet", func() error { return nil }, []string{"the snapshots are not all known yet"}},
		{"the list, as it came", func() error { return catalog.Replace([]any{hoursAgo(3).Obj(), unreadable, hoursAgo(2).Obj()}, "1") }, []string{name(1), name(2), name(3)}},
		{"a new one", func() error { return catalog.Add(hoursAgo(1).Obj()) }, []string{name(1), name(2), name(3)}},
		{"one has changed", func() error { return catalog.Update(changed(2, notReady)) }, []string{name(1), name(2), name(3)}},
		{"one cannot be read any more", func() error { return catalog.Update(unreadable) }, []string{name(1), name(2), name(3)}},
		{"one is gone", func() error { return catalog.Delete(hoursAgo(3).Obj()) }, []string{name(1), name(2)}},
		{"one is not Snapback's any more", func() error { return catalog.Update(changed(1, anothers)) }, []string{name(2)}},
		{"another list", func() error { return catalog.Replace([]any{hoursAgo(5).Obj()}, "2") }, []string{name(5)}},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := names(catalog, v); !reflect.DeepEqual(got, step.want) {
			t.Errorf("%s: %v, want %v", step.name, got, step.want)
		}
	}
}

// The catalog follows the verdicts of drills, but does not keep their reports.
func TestCatalogFollowsVerdicts(t *testing.T) {
	v, _ := snapshots.Identify(namespace, strimziClaim().Obj(), nil)
	catalog := webhook.NewStaticCatalog(hoursAgo(1).Obj(), hoursAgo(2).Obj())
	for _, step := range []struct {
		name string
		now  *snapshotv1.VolumeSnapshot
		want bool
	}{
		{"damaged", hoursAgo(1).Damaged().Obj(), true},
		{"sound, after another drill", hoursAgo(1).Sound().Obj(), false},
		{"damaged, after the next", hoursAgo(1).Damaged().Obj(), true},
		{"a person has removed the report", hoursAgo(1).Obj(), false},
	} {
		if err := catalog.Update(step.now); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		known, err := catalog.Known()
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		of := known.Volume(v)
		if of[0].Damaged != step.want || of[1].Damaged || reflect.ValueOf(of[0].Annotations).Pointer() != reflect.ValueOf(of[1].Annotations).Pointer() {
			t.Errorf("%s: %+v", step.name, of)
		}
	}
}

// The catalog does not keep what Kafka said: it is long, and decides nothing.
func TestCatalogDropsRecords(t *testing.T) {
	v, _ := snapshots.Identify(namespace, strimziClaim().Obj(), nil)
	record := strings.Repeat("A", 32<<10)
	catalog := webhook.NewStaticCatalog(hoursAgo(1).Annotate(v1alpha1.AnnotationKafkaObserved, record).Annotate(v1alpha1.AnnotationKafkaLastObserved, record).Obj())
	known, err := catalog.Known()
	if err != nil || len(known.Volume(v)) != 1 {
		t.Fatalf("%v, %v", known, err)
	}
	for key, value := range known.Volume(v)[0].Annotations {
		if len(value) > 1000 {
			t.Errorf("it keeps %d bytes of %s", len(value), key)
		}
	}
}

// In a cluster without the CRDs of VolumeSnapshots no claim waits, and the answer says
// what to install. After they are installed, no old answer is given.
func TestNoVolumeSnapshotCRD(t *testing.T) {
	for name, unknown := range map[string]error{
		"says the apiserver": apierrors.NewNotFound(snapshotv1.Resource("volumesnapshots"), ""),
		"says the mapper":    &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: snapshotv1.GroupName, Kind: "VolumeSnapshot"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := site{cached: surroundings(), follows: withoutSnapshots(t, unknown)}
			s.liveFaults.List = func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return unknown }
			answer := s.ask(t, recorded(t, strimziReview))
			wantAnswer(t, answer, http.StatusOK, map[string]string{"decision": "allow NoSnapshot"})
			if len(answer.Warnings) == 0 || !strings.Contains(answer.Warnings[0], "CRDs") {
				t.Errorf("warnings %q", answer.Warnings)
			}
			for _, faults := range []interceptor.Funcs{{}, failing("VolumeSnapshotList")} {
				s.liveFaults = faults
				wantAnswer(t, s.ask(t, recorded(t, strimziReview)), http.StatusServiceUnavailable, map[string]string{"decision": "error Internal"})
			}
		})
	}
}

// withoutSnapshots returns a catalog that has learned that the kind is missing, and
// waits to ask again.
func withoutSnapshots(t *testing.T, answer error) *webhook.Catalog {
	t.Helper()
	catalog := webhook.NewCatalog(fake.NewClientBuilder().WithScheme(api.NewScheme()).WithInterceptorFuncs(interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return answer
		},
		Watch: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) (watch.Interface, error) {
			return nil, answer
		},
	}).Build())
	go catalog.Start(t.Context()) //nolint:errcheck // it returns none
	err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		_, err := catalog.Known()
		return err == nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}
