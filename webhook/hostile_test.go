package webhook_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/webhook"
)

// hostileConfigMaps returns n ConfigMaps of one namespace. Some are as large as the
// apiserver allows. The others are as expensive to parse as Snapback's limits allow.
func hostileConfigMaps(namespace string, n int) []client.Object {
	all := make([]client.Object, n)
	for i := range all {
		spec := "clusterRef: my-cluster\nvolumeSelector: {matchExpressions: [{key: a, operator: In, values: [" + strings.Repeat("a,", 8000) + "a]}]}\n"
		if i%10 == 0 {
			spec += "promoteAfter: \"" + strings.Repeat("1", 900_000) + "\"\n"
		}
		all[i] = &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: fmt.Sprintf("hostile-%d", i), UID: "u", ResourceVersion: "1", Labels: map[string]string{v1alpha1.LabelConfigMap: "true"},
				Annotations: map[string]string{v1alpha1.AnnotationStatus: "{conditions: [" + strings.Repeat("{},", 30_000) + "]}", "else": strings.Repeat("x", 100_000)},
			},
			Data: map[string]string{"spec": spec, "else": strings.Repeat("x", 10_000)},
		}
	}
	return all
}

// hostileSnapshots returns snapshots with annotations as long as the apiserver allows.
func hostileSnapshots(namespace string, n int) []*snapshotv1.VolumeSnapshot {
	all := make([]*snapshotv1.VolumeSnapshot, n)
	for i := range all {
		claim := snapshotstest.StrimziClaim("my-cluster", "broker", i, 0).In(namespace)
		vs := snapshotstest.NewSnapshot(claim, snapshotstest.NewBackup("hourly", "my-cluster", "csi").In(namespace), driver, now.Add(-time.Hour)).Ready()
		key := []string{v1alpha1.AnnotationRestore, v1alpha1.AnnotationBroker, v1alpha1.AnnotationStartEmptyUntil, "else"}[i%4]
		all[i] = vs.Annotate(key, strings.Repeat(fmt.Sprintf("%06d", i), 20_000)).Obj()
	}
	return all
}

// bytesPerClaim returns how many bytes the handler allocates for a claim.
func bytesPerClaim(t *testing.T, s site) uint64 {
	t.Helper()
	body, err := json.Marshal(recorded(t, strimziReview))
	if err != nil {
		t.Fatal(err)
	}
	served := s.handler(t).Admission()
	ask := func() {
		request := httptest.NewRequest(http.MethodPost, "/mutate-pvc", bytes.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		served.ServeHTTP(httptest.NewRecorder(), request)
	}
	ask()
	const asked = 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range asked {
		ask()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / asked
}

// The cost of a claim and its answer do not depend on the size of the KafkaBackups in
// its namespace.
func TestHostileConfigMapsCostNoClaim(t *testing.T) {
	well := siteOf(hoursAgo(1))
	quiet := bytesPerClaim(t, well)
	hostile := siteOf(hoursAgo(1))
	hostile.backups = webhook.NewStaticBackups(append(surroundings(), hostileConfigMaps(namespace, 200)...)...)
	wantAnswer(t, hostile.ask(t, recorded(t, strimziReview)), http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": hoursAgo(1).Obj().Name})
	if cost := bytesPerClaim(t, hostile); cost > quiet+1<<20 {
		t.Errorf("a claim costs %d bytes of memory, %d without the ConfigMaps", cost, quiet)
	}
}

// kept returns how much memory the result of a function takes, after garbage
// collection.
func kept(build func() any) int64 {
	heap := func() int64 {
		for range 3 { // interned strings go in the second, and what they hold in the third
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	made := build()
	after := heap()
	runtime.KeepAlive(made)
	return after - before
}

// Caches keep little of the objects that tenants write: of 400 MB only some.
func TestHostileObjectsAreNotKept(t *testing.T) {
	const most = 6 << 20 // 1000 claims with a mount path of 4 KiB, as much as is kept of one
	options := webhook.CacheOptions()
	transform := func(o client.Object) any {
		for kind, by := range options.ByObject {
			if fmt.Sprintf("%T", kind) == fmt.Sprintf("%T", o) {
				slim, err := by.Transform(o)
				if err != nil {
					t.Fatal(err)
				}
				return slim
			}
		}
		t.Fatalf("all of a %T is kept", o)
		return nil
	}
	long := func(i int) map[string]string {
		return map[string]string{"mountPath": strings.Repeat(fmt.Sprintf("%06d", i), 20_000), v1alpha1.AnnotationRestore: strings.Repeat(fmt.Sprintf("%06d", i), 20_000)}
	}
	for name, build := range map[string]func() any{
		"ConfigMaps": func() any { return webhook.NewStaticBackups(hostileConfigMaps("hostile", 200)...) },
		"snapshots":  func() any { return webhook.NewStaticCatalog(hostileSnapshots("hostile", 1000)...) },
		"claims": func() any {
			store := toolscache.NewStore(toolscache.MetaNamespaceKeyFunc)
			for i := range 1000 {
				pvc := snapshotstest.KoperatorClaim("kafka", i, "").Named(fmt.Sprint(i)).Obj()
				pvc.Annotations = long(i)
				_ = store.Add(transform(pvc)) // never fails
			}
			return store
		},
		"namespaces": func() any {
			store := toolscache.NewStore(toolscache.MetaNamespaceKeyFunc)
			for i := range 1000 {
				_ = store.Add(transform(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint(i), Annotations: long(i)}}))
			}
			return store
		},
	} {
		if n := kept(build); n > most {
			t.Errorf("%d bytes are kept of %s", n, name)
		}
	}
}

// Caches keep all fields of a claim and a namespace that decisions read.
func TestWhatIsKeptIsEnough(t *testing.T) {
	by := map[string]toolscache.TransformFunc{}
	for kind, o := range webhook.CacheOptions().ByObject {
		by[fmt.Sprintf("%T", kind)] = o.Transform
	}
	for _, claim := range []*snapshotstest.Claim{
		strimziClaim(), snapshotstest.StatefulSetClaim("kafka", 1).In(namespace), snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs").In(namespace).Named("kafka-1-storage-0-abcde").From("a"),
	} {
		pvc := claim.Obj()
		pvc.UID, pvc.Status.Phase, pvc.CreationTimestamp = "u", corev1.ClaimBound, metav1.Time{Time: now}
		pvc.OwnerReferences = []metav1.OwnerReference{{Kind: "KafkaCluster", UID: "owner"}}
		o, err := by["*v1.PersistentVolumeClaim"](pvc.DeepCopy())
		if err != nil {
			t.Fatal(err)
		}
		slim := o.(*corev1.PersistentVolumeClaim)
		want, _ := snapshots.Identify(namespace, pvc, nil)
		got, ok := snapshots.Identify(namespace, slim, nil)
		if !ok || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("identified as %+v, want %+v", got, want)
		}
		if a, b := snapshots.NewPeer(got, slim), snapshots.NewPeer(want, pvc); fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("a peer %+v, want %+v", a, b)
		}
	}
	o, err := by["*v1.Namespace"](&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: map[string]string{restore: "latest", "else": "x"}}})
	if err != nil || o.(*corev1.Namespace).Annotations[restore] != "latest" || len(o.(*corev1.Namespace).Annotations) != 1 {
		t.Errorf("%+v, %v", o, err)
	}
}

// An annotation that is cut in the cache is refused with the same text as in its
// KafkaBackup's condition.
func TestLongAnnotationIsRefused(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	s := siteOf(hoursAgo(1))
	s.backups = webhook.NewStaticBackups(strimziBackup().Annotate(restore, long).Obj())
	answer := s.ask(t, recorded(t, strimziReview))
	wantAnswer(t, answer, http.StatusForbidden, map[string]string{"decision": "deny InvalidAnnotation"})
	_, want := snapshots.Cluster{Namespace: map[string]string{restore: long}}.PolicyToday(nil)
	if !strings.Contains(answer.Result.Message, want.Error()) || len(answer.Result.Message) > 600 {
		t.Errorf("%.600s, want %v", answer.Result.Message, want)
	}
}

// TestReadingAHostileConfigMapIsCheap has a spec with many mistakes: the webhook
// tells none of them, and does not look for them either.
func TestReadingAHostileConfigMapIsCheap(t *testing.T) {
	const most = 6 << 20 // 1000 claims with a mount path of 4 KiB, as much as is kept of one // bytes; reading the YAML takes a part of it
	cm := snapshotstest.ConfigMapOf(snapshotstest.NewBackup("a", "kafka", "class").Obj())
	cm.Data["spec"] += "volumeSelector: {matchExpressions: [" + strings.Repeat("{operator: In},", 1000) + "]}\n"
	webhook.NewStaticBackups(cm) // what is made once is no part of it
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	webhook.NewStaticBackups(cm)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > most {
		t.Errorf("it takes %d bytes, want at most %d", n, most)
	}
}
