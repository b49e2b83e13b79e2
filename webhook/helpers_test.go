package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/webhook"
)

// now is the time of all decisions.
var now = time.Date(2026, time.December, 1, 12, 0, 0, 0, time.UTC)

const (
	driver          = "csi.example.com"
	namespace       = "kafka-strim" // of the claim in strimziReview
	strimziReview   = "review-strimzi.yaml"
	koperatorReview = "review-koperator.yaml"
	restore         = v1alpha1.AnnotationRestore
)

func TestMain(m *testing.M) {
	log.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	os.Exit(m.Run())
}

// site holds the objects that a handler reads, in the cache and on the apiserver, and
// the errors of these reads.
type site struct {
	cached, live             []client.Object
	cachedFaults, liveFaults interceptor.Funcs
	unsynced                 bool             // not all snapshots are known
	follows                  *webhook.Catalog // nil: of the cached snapshots
	backups                  *webhook.Backups // nil: the cached ones
	recorder                 events.EventRecorder
	now                      func() time.Time // nil: now
}

func reader(t testing.TB, objects []client.Object, faults interceptor.Funcs) client.Reader {
	t.Helper()
	return fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(versioned(t, objects)...).WithInterceptorFuncs(faults).Build()
}

// versioned returns the objects with the snapshots in versions that differ if they do,
// as the apiserver gives them. The fake one gives all objects the same.
func versioned(t testing.TB, objects []client.Object) []client.Object {
	t.Helper()
	objects = slices.Clone(objects)
	for i, o := range objects {
		vs, ok := o.(*snapshotv1.VolumeSnapshot)
		if !ok {
			continue
		}
		vs = vs.DeepCopy()
		vs.ResourceVersion = ""
		content, err := json.Marshal(vs)
		if err != nil {
			t.Fatal(err)
		}
		vs.ResourceVersion = strconv.FormatUint(uint64(crc32.ChecksumIEEE(content)), 10)
		objects[i] = vs
	}
	return objects
}

func (s site) catalog(t testing.TB) *webhook.Catalog {
	t.Helper()
	if s.follows != nil {
		return s.follows
	}
	if s.unsynced {
		return webhook.NewCatalog(nil)
	}
	var all []*snapshotv1.VolumeSnapshot
	for _, o := range versioned(t, s.cached) {
		if vs, ok := o.(*snapshotv1.VolumeSnapshot); ok && vs.Labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy {
			all = append(all, vs)
		}
	}
	return webhook.NewStaticCatalog(all...)
}

func (s site) handler(t testing.TB) *webhook.Handler {
	t.Helper()
	clock := s.now
	if clock == nil {
		clock = func() time.Time { return now }
	}
	backups := s.backups
	if backups == nil {
		backups = webhook.NewStaticBackups(s.cached...)
	}
	return webhook.NewHandler(webhook.Readers{
		Cached: reader(t, s.cached, s.cachedFaults), Live: reader(t, s.live, s.liveFaults),
		Mapper: meta.NewDefaultRESTMapper(nil), Catalog: s.catalog(t), Backups: backups,
	}, s.recorder, clock)
}

// post sends an AdmissionReview to a handler, as the apiserver does.
func post(ctx context.Context, t testing.TB, h *webhook.Handler, review *admissionv1.AdmissionReview) []byte {
	t.Helper()
	body, err := json.Marshal(review)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/mutate-pvc", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	h.Admission().ServeHTTP(recorder, request)
	return recorder.Body.Bytes()
}

func (s site) ask(t testing.TB, review *admissionv1.AdmissionReview) *admissionv1.AdmissionResponse {
	t.Helper()
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(post(t.Context(), t, s.handler(t), review), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Kind != "AdmissionReview" || answer.APIVersion != "admission.k8s.io/v1" || answer.Response.UID != review.Request.UID {
		t.Errorf("answered as %s of %s to %q, asked was %q", answer.Kind, answer.APIVersion, answer.Response.UID, review.Request.UID)
	}
	return answer.Response
}

// recorded reads an AdmissionReview of testdata.
func recorded(t testing.TB, file string) *admissionv1.AdmissionReview {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	review := &admissionv1.AdmissionReview{}
	if err := yaml.UnmarshalStrict(data, review); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return review
}

// reviewOf returns the recorded AdmissionReview with a changed claim.
func reviewOf(t testing.TB, file string, change func(*corev1.PersistentVolumeClaim)) *admissionv1.AdmissionReview {
	t.Helper()
	review := recorded(t, file)
	var pvc corev1.PersistentVolumeClaim
	if err := json.Unmarshal(review.Request.Object.Raw, &pvc); err != nil {
		t.Fatal(err)
	}
	change(&pvc)
	raw, err := json.Marshal(&pvc)
	if err != nil {
		t.Fatal(err)
	}
	review.Request.Object.Raw = raw
	return review
}

func strimziClaim() *snapshotstest.Claim {
	return snapshotstest.StrimziClaim("my-cluster", "broker", 0, 0).In(namespace)
}

func strimziBackup() *snapshotstest.Backup {
	return snapshotstest.NewBackup("hourly", "my-cluster", "csi-snapshots").In(namespace).Schedule("@hourly")
}

// hoursAgo returns a ready snapshot of the volume whose claim is in strimziReview.
func hoursAgo(n int) *snapshotstest.Snapshot {
	return snapshotstest.NewSnapshot(strimziClaim(), strimziBackup(), driver, now.Add(-time.Duration(n)*time.Hour)).Ready()
}

func koperatorSnapshot(scheduled time.Time) *snapshotstest.Snapshot {
	claim := snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs").In("kafka-kop").Named("kafka-1-storage-0-x7k2p")
	backup := snapshotstest.NewBackup("hourly", "kafka", "csi-snapshots").In("kafka-kop")
	return snapshotstest.NewSnapshot(claim, backup, driver, scheduled).Ready()
}

// surroundings returns the objects other than snapshots: opted-in KafkaBackups,
// namespaces, StorageClasses.
func surroundings() []client.Object {
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
	return []client.Object{
		&corev1.Namespace{ObjectMeta: meta(namespace)},
		&corev1.Namespace{ObjectMeta: meta("kafka-kop")},
		&storagev1.StorageClass{ObjectMeta: meta("csi-ssd-strim"), Provisioner: driver},
		&storagev1.StorageClass{ObjectMeta: meta("csi-ssd-kop"), Provisioner: driver},
		strimziBackup().Annotate(restore, "latest").Obj(),
		snapshotstest.NewBackup("hourly", "kafka", "csi-snapshots").In("kafka-kop").Annotate(restore, "latest").Obj(),
		snapshotstest.NewBackup("other", "other-cluster", "csi-snapshots").In(namespace).Annotate(restore, "off").Obj(),
	}
}

// siteOf returns a site with the same snapshots in the cache and on the apiserver.
func siteOf(all ...*snapshotstest.Snapshot) site {
	return siteWith(all, all)
}

// siteWith returns a site with different snapshots in the cache and on the apiserver.
func siteWith(cached, live []*snapshotstest.Snapshot) site {
	s := site{cached: surroundings()}
	for _, snapshot := range cached {
		s.cached = append(s.cached, snapshot.Obj())
	}
	for _, snapshot := range live {
		s.live = append(s.live, snapshot.Obj())
	}
	return s
}
