package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/transfer"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// scheduledExport applies the example of a CronJob in the namespace, and
// returns its command's arguments and a kubeconfig with its rights.
func scheduledExport(t *testing.T, c client.Client, namespace string) (args []string, kubeconfig string) {
	t.Helper()
	manifest := strings.NewReplacer("namespace: kafka", "namespace: "+namespace, "namespace=kafka", "namespace="+namespace, "export-kafka", "export-"+namespace).Replace(transfer.CronJob)
	for _, document := range strings.Split(manifest, "\n---\n") {
		var o unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(document), &o.Object); err != nil {
			t.Fatal(err)
		}
		create(t, c, &o)
	}
	var job batchv1.CronJob
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "snapback-export"}, &job); err != nil {
		t.Fatal(err)
	}
	pod := job.Spec.JobTemplate.Spec.Template.Spec
	token := &authenticationv1.TokenRequest{}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: pod.ServiceAccountName}}
	if err := c.SubResource("token").Create(t.Context(), account, token); err != nil {
		t.Fatal(err)
	}
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	admin := shared.Get(t).Config
	if err := cluster.WriteKubeconfig(kubeconfig, &rest.Config{Host: admin.Host, BearerToken: token.Status.Token,
		TLSClientConfig: rest.TLSClientConfig{CAData: admin.CAData, CAFile: admin.CAFile}}); err != nil {
		t.Fatal(err)
	}
	return pod.Containers[0].Command[1:], kubeconfig
}

// TestExportScheduled runs the example CronJob's command with no more rights
// than the example gives.
func TestExportScheduled(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns, snapshot := backedUp(t, c, snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs"), "kafka")
	args, kubeconfig := scheduledExport(t, c, ns)
	first := pluginAt(t, kubeconfig, args...).succeeds(t)
	if again := pluginAt(t, kubeconfig, args...).succeeds(t).out; again != "configmap "+ns+"/snapback-export unchanged\n" {
		t.Errorf("exported again: %s", again)
	}
	var written corev1.ConfigMap
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "snapback-export"}, &written); err != nil {
		t.Fatal(err)
	}
	document, err := transfer.Decode([]byte(written.Data[transfer.DataKey]))
	if err != nil || len(document.Snapshots) == 0 || len(document.Snapshots) > 2 || document.Snapshots[len(document.Snapshots)-1].Name != snapshot {
		t.Errorf("%+v (%v), the newest is %s", document, err, snapshot)
	}
	golden(t, "export-configmap", first.out+first.err, ns, "NAMESPACE", fmt.Sprintf("exported: %d", len(document.Snapshots)), "exported: SOME")
	if out := kubectlSnapback(t, ns, "export", "--to-secret", "away").succeeds(t).out; out != "secret "+ns+"/away written\n" {
		t.Errorf("to a Secret: %s", out)
	}
	create(t, c, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "other"}})
	kubectlSnapback(t, ns, "export", "--to-configmap", "other").fails(t,
		"configmap "+ns+"/other is there and was not made by an export (label snapback.dev/export=true): name another")
}

// TestImportOverOriginals imports where the snapshots are still there.
func TestImportOverOriginals(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns, snapshot := backedUp(t, c, snapshotstest.KoperatorClaim("kafka", 1, "/kafka-logs"), "kafka")
	file := filepath.Join(t.TempDir(), "export.yaml")
	kubectlSnapback(t, ns, "export", "--latest", "1", "-f", file).succeeds(t)
	if out := kubectlSnapback(t, ns, "import", "-f", file).succeeds(t).out; !strings.HasPrefix(out, "volumesnapshot "+ns+"/"+snapshot+" unchanged\n0 imported") {
		t.Errorf("over the originals:\n%s", out)
	}
	if p := kubectlSnapback(t, ns, "import", "-f", file, "--as", "nobody"); p.code != 1 || !strings.Contains(p.err, "is forbidden") || strings.Count(p.err, "\n") != 1 {
		t.Errorf("without rights: exit code %d\n%s%s", p.code, p.out, p.err)
	}
	document, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(document), "snapshotHandle: ", "snapshotHandle: not-", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectlSnapback(t, ns, "import", "-f", file).fails(t, "volumesnapshot "+ns+"/"+snapshot+
		" is there and is not of this export: nothing was imported; import into another namespace with -n, or delete it if it is of no use")
	elsewhere := newNamespace(t, c, nil)
	if p := kubectlSnapback(t, elsewhere, "import", "-f", file, "--dry-run=server").succeeds(t); !strings.Contains(p.out, elsewhere+"/"+snapshot+" imported (server dry run)") {
		t.Errorf("into another namespace:\n%s%s", p.out, p.err)
	}
}
