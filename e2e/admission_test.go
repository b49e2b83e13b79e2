package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// backedUp creates a broker volume with one good snapshot, and deletes its claim.
// It returns the namespace and the snapshot's name.
func backedUp(t *testing.T, c client.Client, claim *snapshotstest.Claim, kafkaCluster string) (namespace, snapshot string) {
	t.Helper()
	namespace = newNamespace(t, c, nil)
	lost := claim.In(namespace).Class(cluster.StorageClass).Obj()
	create(t, c, lost)
	boundDir(t, lost)
	backup := snapshotstest.NewBackup("b", kafkaCluster, cluster.SnapshotClass).In(namespace).Schedule("@every 24h").
		Annotate(v1alpha1.AnnotationRunNow, time.Now().UTC().Format(time.RFC3339)).
		Annotate(v1alpha1.AnnotationRestore, "latest").Obj()
	create(t, c, backup)
	waitForSnapshot(t, c, namespace)
	suspended := backup.DeepCopy()
	suspended.Spec.Suspend = true
	if err := c.Patch(t.Context(), suspended, client.MergeFrom(backup)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(suspended), suspended); err != nil {
			return err
		}
		if s := suspended.Status; s.NextScheduleTime != nil || s.LastRun == nil || s.LastRun.Ready+s.LastRun.Skipped != 1 {
			return fmt.Errorf("the suspended backup is not at rest yet: %+v", s)
		}
		return nil
	})
	deleteClaim(t, c, lost)
	return namespace, waitForSnapshot(t, c, namespace)
}

func contains(err error, text string) bool {
	return err != nil && strings.Contains(err.Error(), text)
}

func dataSource(pvc *corev1.PersistentVolumeClaim) string {
	if s := pvc.Spec.DataSource; s != nil && s.APIGroup != nil {
		return *s.APIGroup + " " + s.Kind + " " + s.Name
	}
	return ""
}

// TestRefusals reads the apiserver's answers to claims that the newest snapshot
// does not fit.
func TestRefusals(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	claim := func() *snapshotstest.Claim {
		return snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs").Request("2Gi")
	}
	ns, snapshot := backedUp(t, c, claim(), "kafka")
	tests := map[string]struct {
		claim   *snapshotstest.Claim
		says    string // part of the refusal; empty: not refused
		restore bool
	}{
		"too small":                 {claim: claim().Request("1Gi"), says: "it needs 2Gi, the claim requests 1Gi"},
		"too small, empty allowed":  {claim: claim().Request("1Gi").Annotate(v1alpha1.AnnotationRestoreUnusable, "empty")},
		"volume mode":               {claim: claim().Block(), says: "its volumeMode is Filesystem, the claim's is Block"},
		"driver":                    {claim: claim().Class("foreign"), says: "provisions with other.example.com"},
		"unknown value":             {claim: claim().Annotate(v1alpha1.AnnotationRestore, "yes"), says: `annotation snapback.dev/restore is "yes"`},
		"combined node":             {claim: claim().Label("pvcRoles", "broker_controller"), says: "holds votes of the quorum"},
		"combined node, restored":   {claim: claim().Label("pvcRoles", "broker_controller").Annotate(v1alpha1.AnnotationRestoreQuorum, "true"), restore: true},
		"opted out":                 {claim: claim().Annotate(v1alpha1.AnnotationRestore, "off")},
		"another disk of it":        {claim: snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs-2")},
		"another broker":            {claim: snapshotstest.KoperatorClaim("kafka", 2, "/kafka-logs")},
		"the same broker elsewhere": {claim: snapshotstest.KoperatorClaim("other", 1, "/kafka-logs")},
		"fits":                      {claim: claim(), restore: true},
		"larger fits":               {claim: claim().Request("3Gi"), restore: true},
	}
	create(t, c, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "foreign"}, Provisioner: "other.example.com"})
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := test.claim.In(ns)
			pvc := b.Obj()
			if pvc.Spec.StorageClassName == nil {
				pvc = b.Class(cluster.StorageClass).Obj()
			}
			err := cluster.Create(t.Context(), c, pvc, patience, client.DryRunAll)
			if test.says != "" {
				if !apierrors.IsForbidden(err) || !contains(err, test.says) {
					t.Fatalf("want 403 and %q, got %v", test.says, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if test.restore {
				want = "snapshot.storage.k8s.io VolumeSnapshot " + snapshot
			}
			if got := dataSource(pvc); got != want {
				t.Errorf("dataSource %q, want %q", got, want)
			}
		})
	}
}

// TestCreatorsChoice checks that claims with a data source of their own are not
// changed.
func TestCreatorsChoice(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns, snapshot := backedUp(t, c, snapshotstest.StrimziClaim("kafka", "broker", 0, 0), "kafka")
	another := snapshotstest.StrimziClaim("kafka", "broker", 0, 0).In(ns).Class(cluster.StorageClass).Obj()
	another.Spec.DataSource = &corev1.TypedLocalObjectReference{Kind: "PersistentVolumeClaim", Name: "chosen"}
	bound := snapshotstest.StrimziClaim("kafka", "broker", 0, 0).In(ns).Class(cluster.StorageClass).Obj()
	bound.Spec.VolumeName = "chosen"
	selecting := snapshotstest.StrimziClaim("kafka", "broker", 0, 0).In(ns).Class(cluster.StorageClass).Obj()
	selecting.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
	for name, pvc := range map[string]*corev1.PersistentVolumeClaim{"dataSource": another, "volumeName": bound, "selector": selecting} {
		if err := cluster.Create(t.Context(), c, pvc, patience, client.DryRunAll); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(dataSource(pvc), snapshot) {
			t.Errorf("%s: the creator's choice was overruled: %s", name, dataSource(pvc))
		}
	}
}

// TestServerSideApply restores a claim that is applied, as Strimzi does. Applying
// it again must not change it.
func TestServerSideApply(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns, snapshot := backedUp(t, c, snapshotstest.StrimziClaim("kafka", "broker", 4, 0), "kafka")
	clientset, err := kubernetes.NewForConfig(shared.Get(t).Config)
	if err != nil {
		t.Fatal(err)
	}
	built := snapshotstest.StrimziClaim("kafka", "broker", 4, 0).Obj()
	claim := func(size string) *corev1ac.PersistentVolumeClaimApplyConfiguration {
		return corev1ac.PersistentVolumeClaim(built.Name, ns).WithLabels(built.Labels).WithAnnotations(built.Annotations).
			WithSpec(corev1ac.PersistentVolumeClaimSpec().WithAccessModes(corev1.ReadWriteOnce).WithStorageClassName(cluster.StorageClass).
				WithResources(corev1ac.VolumeResourceRequirements().WithRequests(corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)})))
	}
	want := "snapshot.storage.k8s.io VolumeSnapshot " + snapshot
	for _, size := range []string{"1Gi", "1Gi", "2Gi"} { // again, and resized once it is bound
		pvc, err := clientset.CoreV1().PersistentVolumeClaims(ns).Apply(t.Context(), claim(size), metav1.ApplyOptions{FieldManager: "strimzi-kafka-operator"})
		if err != nil {
			t.Fatal(err)
		}
		if dataSource(pvc) != want {
			t.Fatalf("applied with %s: dataSource %q, want %q", size, dataSource(pvc), want)
		}
		boundDir(t, pvc)
	}
}

// TestSaid reads the warnings that the creator gets about a restore, and the audit
// log.
func TestSaid(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns, snapshot := backedUp(t, c, snapshotstest.KoperatorClaim("kafka", 7, "/kafka-logs"), "kafka")
	listening, heard := listen(t)
	create(t, listening, snapshotstest.KoperatorClaim("kafka", 7, "/kafka-logs").In(ns).Class(cluster.StorageClass).Obj())
	if len(heard.warnings) != 1 || !strings.Contains(heard.warnings[0], snapshot) {
		t.Errorf("one warning that names %s expected, got %q", snapshot, heard.warnings)
	}
	want := map[string]string{
		"koperator.snapback.dev/decision": "restore Restored",
		"koperator.snapback.dev/snapshot": snapshot,
	}
	eventually(t, func(context.Context) error {
		for _, got := range auditAnnotations(t, ns) {
			if got["koperator.snapback.dev/snapshot"] == snapshot {
				for k, v := range want {
					if got[k] != v {
						return fmt.Errorf("audit annotation %s is %q, want %q", k, got[k], v)
					}
				}
				return nil
			}
		}
		return fmt.Errorf("no audit event of a claim restored from %s", snapshot)
	})
}

// TestNotAClaim sends the webhook requests that the apiserver would never send.
func TestNotAClaim(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	var service corev1.Service
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: cluster.Namespace, Name: "snapback-webhook"}, &service); err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{
		CAData: shared.Get(t).Config.CAData, ServerName: "snapback-webhook." + cluster.Namespace + ".svc",
	}})
	if err != nil {
		t.Fatal(err)
	}
	pod := `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","kind":{"version":"v1","kind":"Pod"},"operation":"CREATE","object":{"kind":"Pod","apiVersion":"v1"}}}`
	for name, test := range map[string]struct{ body, says string }{
		"a Pod":   {pod, `operation "CREATE" of kind "Pod"`},
		"garbage": {"\x00not JSON", "control characters are not allowed"},
		"nothing": {"", `operation "" of kind ""`},
	} {
		url := fmt.Sprintf("https://%s:%d/mutate-pvc", service.Spec.ClusterIP, service.Spec.Ports[0].Port)
		resp, err := (&http.Client{Transport: transport}).Post(url, "application/json", strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		var review struct {
			Response struct {
				Allowed bool
				Patch   []byte
				Status  metav1.Status
			}
		}
		err = json.NewDecoder(resp.Body).Decode(&review)
		resp.Body.Close() //nolint:errcheck // read to its end
		r := review.Response
		if err != nil || r.Allowed || r.Patch != nil || r.Status.Code != http.StatusBadRequest || !strings.Contains(r.Status.Message, test.says) {
			t.Errorf("%s: want code 400 and %q, got %+v (error: %v)", name, test.says, r, err)
		}
	}
}

// listen returns a client, and the recorder of the warnings that it gets.
func listen(t *testing.T) (client.Client, *recorder) {
	t.Helper()
	heard := &recorder{}
	config := rest.CopyConfig(shared.Get(t).Config)
	config.WarningHandlerWithContext = heard
	c, err := cluster.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return c, heard
}

// recorder keeps the warnings of the apiserver.
type recorder struct {
	mu       sync.Mutex
	warnings []string
}

func (r *recorder) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warnings = append(r.warnings, text)
}

// auditAnnotations reads those of the claims created in a namespace.
func auditAnnotations(t *testing.T, namespace string) (all []map[string]string) {
	t.Helper()
	f, err := os.Open(shared.Get(t).AuditLog())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct {
			ObjectRef   struct{ Namespace, Resource string }
			Annotations map[string]string
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err == nil && event.ObjectRef.Namespace == namespace && event.ObjectRef.Resource == "persistentvolumeclaims" {
			all = append(all, event.Annotations)
		}
	}
	return all
}
