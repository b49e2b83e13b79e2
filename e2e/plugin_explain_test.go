package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// manifest writes claims into a file, one document after the other.
func manifest(t *testing.T, claims ...*corev1.PersistentVolumeClaim) string {
	t.Helper()
	var documents []string
	for _, pvc := range claims {
		pvc.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"}
		document, err := json.Marshal(pvc)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, string(document))
	}
	file := filepath.Join(t.TempDir(), "pvc.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(documents, "\n---\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// explain asks about the claims of a cluster: the last check takes its
// namespace out of the webhook.
func (s seen) explain(t *testing.T) {
	ns := s.namespace
	golden(t, "explain-live", kubectlSnapback(t, ns, "explain", "data-kafka-0").out, ns, "NAMESPACE")
	golden(t, "explain-gone", kubectlSnapback(t, ns, "explain", "data-kafka-1").out, ns, "NAMESPACE")
	golden(t, "explain-new", kubectlSnapback(t, ns, "explain", "data-kafka-2").out, ns, "NAMESPACE")

	small := snapshotstest.StatefulSetClaim("kafka", 1).In(ns).Class(cluster.StorageClass).Request("1Mi").Obj()
	chosen := snapshotstest.StatefulSetClaim("kafka", 1).In(ns).Class(cluster.StorageClass).From("another").Obj()
	plain := snapshotstest.PlainClaim("plain").In(ns).Class(cluster.StorageClass).Obj()
	off := snapshotstest.StatefulSetClaim("kafka", 1).In(ns).Class(cluster.StorageClass).Annotate(v1alpha1.AnnotationRestore, "off").Obj()
	p := kubectlSnapback(t, ns, "explain", "-f", manifest(t, member(ns, 1), small, chosen, off, plain))
	golden(t, "explain-file", p.out, ns, "NAMESPACE")
	if p.code != 0 || p.err != "" {
		t.Errorf("exit code %d\n%s", p.code, p.err)
	}
	var claims corev1.PersistentVolumeClaimList
	if err := s.List(t.Context(), &claims, client.InNamespace(ns)); err != nil || len(claims.Items) != 2 {
		t.Errorf("%d claims are there, 2 before (error: %v)", len(claims.Items), err)
	}

	kubectlSnapback(t, ns, "explain").fails(t, "name a PVC, or a file of PVCs with -f")
	kubectlSnapback(t, ns, "explain", "missing").fails(t,
		"namespace "+ns+" has no claim missing, and no snapshot of one: to ask about a claim that is to be created, give its manifest with -f")
	s.withoutRight(t)

	intercept := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"labels":{%q:"off"}}}`, v1alpha1.LabelIntercept))
	if err := s.Patch(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, intercept); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(context.Context) error {
		if p = kubectlSnapback(t, ns, "explain", "data-kafka-0"); !strings.Contains(p.out, "NotIntercepted: ") {
			return fmt.Errorf("it is still said to be asked: %s%s", p.out, p.err)
		}
		return nil
	})
	golden(t, "explain-not-intercepted", p.out, ns, "NAMESPACE")
}

// withoutRight asks as somebody who may read everything, and create nothing.
func (s seen) withoutRight(t *testing.T) {
	t.Helper()
	meta := metav1.ObjectMeta{Namespace: s.namespace, Name: "reader"}
	create(t, s, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"get", "list"}}}})
	create(t, s, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "reader"}}})
	var p printed
	eventually(t, func(context.Context) error { // the apiserver follows the roles
		if p = kubectlSnapback(t, s.namespace, "explain", "data-kafka-0", "--as", "reader"); !strings.Contains(p.err, "you need the right") {
			return fmt.Errorf("%s%s", p.out, p.err)
		}
		return nil
	})
	p.fails(t, "to ask the webhook you need the right to create PersistentVolumeClaims in namespace "+s.namespace+
		`, also for a dry run: persistentvolumeclaims is forbidden: User "reader" cannot create resource "persistentvolumeclaims" in API group "" in the namespace "`+s.namespace+`"`)
}

// TestPluginExplainGenerated asks about a claim with a generated name: while it
// lives, the webhook refuses another one.
func TestPluginExplainGenerated(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	pvc := snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs").In(ns).Class(cluster.StorageClass).Obj()
	create(t, c, pvc)
	boundDir(t, pvc)
	create(t, c, snapshotstest.NewBackup("daily", "kafka", cluster.SnapshotClass).In(ns).Schedule("@every 24h").
		Annotate(v1alpha1.AnnotationRestore, "latest").Annotate(v1alpha1.AnnotationRunNow, time.Now().UTC().Format(time.RFC3339)).Obj())
	waitForSnapshot(t, c, ns)
	var p printed
	eventually(t, func(context.Context) error { // the webhook's cache may be behind
		if p = kubectlSnapback(t, ns, "explain", pvc.Name); !strings.Contains(p.out, "it is refused") {
			return fmt.Errorf("%s%s", p.out, p.err)
		}
		return nil
	})
	golden(t, "explain-generated", p.out, ns, "NAMESPACE", pvc.Name, "CLAIM")
}
