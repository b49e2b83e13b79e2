package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/doctor"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// findings runs the doctor and reads what it has found.
func findings(t *testing.T, namespace string, args ...string) []doctor.Finding {
	t.Helper()
	p := kubectlSnapback(t, namespace, append([]string{"doctor", "-o", "json"}, args...)...)
	var document struct{ Findings []doctor.Finding }
	if err := json.Unmarshal([]byte(p.out), &document); err != nil {
		t.Fatalf("%v: %s%s", err, p.out, p.err)
	}
	sick := slices.ContainsFunc(document.Findings, func(f doctor.Finding) bool { return f.State == doctor.Problem })
	if sick != (p.code == 1) || sick != strings.HasPrefix(p.err, "error: there ") {
		t.Errorf("exit code %d, problems: %t, stderr %q", p.code, sick, p.err)
	}
	return document.Findings
}

// wantFinding checks that a check has a finding with this text, and that it says
// what to do.
func wantFinding(t *testing.T, all []doctor.Finding, check string, state doctor.State, words string) {
	t.Helper()
	for _, f := range all {
		if f.Check == check && f.State == state && strings.Contains(f.Subject+": "+f.Message, words) {
			if f.Do == "" && (state == doctor.Problem || state == doctor.Warning) {
				t.Errorf("%s: %s: what is to be done?", check, f.Message)
			}
			return
		}
	}
	t.Errorf("no %s of %s that says %q in:\n%s", state, check, words, saidOf(all))
}

func saidOf(all []doctor.Finding) string {
	text := ""
	for _, f := range all {
		text += fmt.Sprintf("%s %s: %s: %s\n", f.State, f.Check, f.Subject, f.Message)
	}
	return text
}

// broker creates a bound claim of a broker.
func broker(t *testing.T, c client.Client, namespace string, claim *snapshotstest.Claim) *corev1.PersistentVolumeClaim {
	t.Helper()
	pvc := claim.In(namespace).Class(cluster.StorageClass).Obj()
	create(t, c, pvc)
	boundDir(t, pvc)
	return pvc
}

func labelNamespace(t *testing.T, c client.Client, namespace, value string) {
	t.Helper()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"`+v1alpha1.LabelIntercept+`":"`+value+`"}}}`))
	if err := c.Patch(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, patch); err != nil {
		t.Fatal(err)
	}
}

// TestPluginDoctor examines Snapback as it runs here: without a Deployment, and
// with a certificate of two days that is in no Secret.
func TestPluginDoctor(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	pvc := broker(t, c, ns, snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	create(t, c, snapshotstest.NewBackup("b", "kafka", cluster.SnapshotClass).In(ns).Schedule(never).
		Annotate(v1alpha1.AnnotationRestore, "latest").Obj())
	if ran := kubectlSnapback(t, ns, "run", "b"); ran.code != 0 {
		t.Fatal(ran.err)
	}
	eventually(t, func(ctx context.Context) error {
		kb := &v1alpha1.KafkaBackup{}
		if err := c.Get(ctx, client.ObjectKey{Namespace: ns, Name: "b"}, kb); err != nil {
			return err
		}
		if kb.Status.LastSuccessfulTime == nil {
			return fmt.Errorf("no run has succeeded yet: %+v", kb.Status)
		}
		return nil
	})
	p := kubectlSnapback(t, ns, "doctor")
	if p.code != 0 || p.err != "" {
		t.Errorf("exit code %d: %s", p.code, p.err)
	}
	golden(t, "doctor", p.out, ns, "NAMESPACE")
	all := findings(t, ns)
	wantFinding(t, all, "probe", doctor.OK, "the webhook answers")
	wantFinding(t, all, "rights", doctor.OK, "it has all of its rights")
	wantFinding(t, all, "scheduler", doctor.OK, "the scheduler leads")
	wantFinding(t, all, "dialects", doctor.OK, pvc.Name+": dialect koperator: volume 0:/kafka-logs of Kafka cluster kafka, broker")
	wide := kubectlSnapback(t, ns, "doctor", "-o", "wide").out
	if !strings.Contains(wide, "ok: schema: CRD kafkabackups.snapback.dev: its fields are those that this plugin knows\n") {
		t.Errorf("-o wide prints:\n%s", wide)
	}
	wantFinding(t, findings(t, "default", "-A"), "dialects", doctor.OK, "Claim "+ns+"/"+pvc.Name)
}

// TestPluginDoctorCannot lacks something without which nothing can be examined.
func TestPluginDoctorCannot(t *testing.T) {
	t.Parallel()
	kubectlSnapback(t, "missing", "doctor").fails(t, `read namespace missing: namespaces "missing" not found`)
	kubectlSnapback(t, "default", "doctor", "-o", "name").fails(t, `-o name: must be one of ["wide" "json" "yaml"]`)
	p := kubectlSnapback(t, "default", "doctor", "--server", "https://127.0.0.1:1")
	if p.code != 1 || p.out != "" || !strings.HasPrefix(p.err, "error: cannot reach the cluster: ") || strings.Count(p.err, "\n") != 1 {
		t.Errorf("without an apiserver: exit code %d\n%s%s", p.code, p.out, p.err)
	}
}

// TestPluginDoctorFindsFaults has faults of classes, coverage and opt-in.
func TestPluginDoctorFindsFaults(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	pvc := broker(t, c, ns, snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	uncovered := broker(t, c, ns, snapshotstest.StrimziClaim("other", "pool", 0, 0))
	unknown := broker(t, c, ns, snapshotstest.PlainClaim("my-kafka-disk"))
	foreign := &snapshotv1.VolumeSnapshotClass{ObjectMeta: metav1.ObjectMeta{Name: ns}, Driver: "other.example.com", DeletionPolicy: snapshotv1.VolumeSnapshotContentRetain}
	create(t, c, foreign)
	t.Cleanup(func() { _ = c.Delete(context.WithoutCancel(t.Context()), foreign) })
	for _, b := range []*snapshotstest.Backup{
		snapshotstest.NewBackup("missing", "kafka", "no-such-class"),
		snapshotstest.NewBackup("foreign", "kafka", foreign.Name).Annotate(v1alpha1.AnnotationFreeze, "an incident"),
		snapshotstest.NewBackup("idle", "nobody", cluster.SnapshotClass).Spec(func(s *v1alpha1.KafkaBackupSpec) { s.Suspend = true }),
	} {
		create(t, c, b.In(ns).Schedule("@daily").Obj())
	}
	all := findings(t, ns)
	wantFinding(t, all, "classes", doctor.Problem, "KafkaBackup "+ns+`/missing: VolumeSnapshotClass "no-such-class" does not exist`)
	wantFinding(t, all, "classes", doctor.OK, "VolumeSnapshotClass "+ns+": driver other.example.com")
	wantFinding(t, all, "classes", doctor.Warning, "VolumeSnapshotClass "+cluster.SnapshotClass+": its deletionPolicy is Delete")
	wantFinding(t, all, "volumes", doctor.Problem, "KafkaBackup "+ns+"/foreign: its VolumeSnapshotClass is of driver other.example.com, which cannot snapshot these volumes of driver "+cluster.DriverName+": "+ns+"/"+pvc.Name)
	wantFinding(t, all, "coverage", doctor.Warning, "no KafkaBackup covers the volumes of these claims: "+uncovered.Name)
	wantFinding(t, all, "coverage", doctor.Warning, "KafkaBackup "+ns+`/idle: it matches no claim: its namespace has none of Kafka cluster "nobody"`)
	wantFinding(t, all, "backups", doctor.Warning, "KafkaBackup "+ns+"/idle: it is suspended")
	wantFinding(t, all, "backups", doctor.Warning, "KafkaBackup "+ns+`/foreign: it is frozen, nothing is pruned: "an incident"`)
	wantFinding(t, all, "opt-in", doctor.Warning, "not opted in: if they were lost, these claims would come back empty: "+pvc.Name)
	wantFinding(t, all, "dialects", doctor.Warning, "Claim "+ns+"/"+unknown.Name+": it looks like a claim of Kafka")
	wantFinding(t, all, "restores", doctor.Warning, "never restored")
}

// TestPluginDoctorFindsEmptyAhead has claims that the webhook would not be asked
// about.
func TestPluginDoctorFindsEmptyAhead(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	selected := broker(t, c, ns, snapshotstest.PlainClaim("disk-0").Label("mine", "true"))
	create(t, c, snapshotstest.NewBackup("b", "kafka", cluster.SnapshotClass).In(ns).Annotate(v1alpha1.AnnotationRestore, "latest").
		Spec(func(s *v1alpha1.KafkaBackupSpec) {
			s.VolumeSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"mine": "true"}}
		}).Obj())
	wantFinding(t, findings(t, ns), "interception", doctor.Problem, "claims that only a volumeSelector matches: if they were lost, they would come back empty: "+selected.Name)
	labelNamespace(t, c, ns, "true")
	wantFinding(t, findings(t, ns), "interception", doctor.OK, "the webhook is asked about all of its broker volumes")
	labelNamespace(t, c, ns, "off")
	all := findings(t, ns)
	wantFinding(t, all, "interception", doctor.Warning, "it is labelled snapback.dev/intercept=off")
	wantFinding(t, all, "probe", doctor.Skipped, "the webhook is not asked")
}

// TestPluginDoctorOfATenant may read its own namespace, and no more.
func TestPluginDoctorOfATenant(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	broker(t, c, ns, snapshotstest.KoperatorClaim("kafka", 0, "/kafka-logs"))
	all := findings(t, ns, "--as", "nobody")
	wantFinding(t, all, "inventory", doctor.Skipped, "brokers and backups were not checked: ")
	wantFinding(t, all, "rights", doctor.Skipped, "subjectaccessreviews")
	create(t, c, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "tenant"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: ns}}})
	all = findings(t, ns, "--as", ns)
	wantFinding(t, all, "probe", doctor.OK, "the webhook answers")
	wantFinding(t, all, "webhook-configuration", doctor.Skipped, "mutatingwebhookconfigurations")
	wantFinding(t, all, "coverage", doctor.Warning, "no KafkaBackup covers")
	wantFinding(t, all, "group-snapshots", doctor.Skipped, "could not check whether a csi-snapshotter waits")
	wantFinding(t, all, "storage-classes", doctor.Skipped, "storageclasses")
	for _, f := range all {
		if f.State == doctor.Problem {
			t.Errorf("what may not be read is a problem: %+v", f)
		}
	}
}

// TestPluginDoctorOfABrokenInstallation has a cluster of its own: one without
// the snapshot API, where no process of Snapback runs.
func TestPluginDoctorOfABrokenInstallation(t *testing.T) {
	t.Parallel()
	cluster.NeedsComponents(t)
	k := ownSite(t, cluster.Options{NoSnapshots: true})
	c := k.Client
	if err := c.Delete(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "snapback"}}); err != nil {
		t.Fatal(err)
	}
	examine := func() []doctor.Finding {
		all, err := doctor.Examine(t.Context(), k.Config, doctor.Options{Namespace: "default"}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	installOthers(t, c)
	eventually(t, func(context.Context) error { // a CRD is served a moment after it was created
		if said := saidOf(examine()); !strings.Contains(said, "warning namesakes: CRD kafkabackups.kafka.oso.sh: ") {
			return fmt.Errorf("nobody says that there is another KafkaBackup:\n%s", said)
		}
		return nil
	})
	all := examine()
	wantFinding(t, all, "group-snapshots", doctor.Warning, "Deployment default/csi-snapshotter: container csi-snapshotter has volume group snapshots on, and their CRDs are missing")
	wantFinding(t, all, "crds", doctor.Problem, "VolumeSnapshotClass.snapshot.storage.k8s.io/v1: this cluster does not know it")
	wantFinding(t, all, "probe", doctor.Problem, "the webhook does not answer, so claims of brokers are refused: ")
	wantFinding(t, all, "scheduler", doctor.Problem, "no scheduler has ever led")
	wantFinding(t, all, "rights", doctor.Problem, "it may not create configmaps, create events.events.k8s.io, ")
	wantFinding(t, all, "inventory", doctor.Skipped, "VolumeSnapshot")
	for name, args := range pluginCommands {
		if name == "run" || name == "suspend" || name == "resume" || name == "freeze" || name == "unfreeze" || name == "create" {
			continue // they need KafkaBackups only
		}
		pluginAt(t, k.Kubeconfig(), args...).cannot(t, "this cluster does not know VolumeSnapshots: install the CRDs of the CSI external-snapshotter")
	}
	breakConfiguration(t, c)
	all = examine()
	wantFinding(t, all, "certificate", doctor.Problem, "no CA is injected, so apiservers do not trust the webhook: koperator.snapback.dev")
	wantFinding(t, all, "cert-manager", doctor.Skipped, "Certificate")
	wantFinding(t, all, "webhook-configuration", doctor.Warning, "failurePolicy is Ignore")
	wantFinding(t, all, "webhook-configuration", doctor.Problem, "come back empty: selector.snapback.dev")
	if err := c.Delete(t.Context(), &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "snapback"}}); err != nil {
		t.Fatal(err)
	}
	all = examine()
	wantFinding(t, all, "webhook-configuration", doctor.Problem, "it does not exist")
	wantFinding(t, all, "probe", doctor.Problem, "although the webhook was not asked")
}

// installOthers installs another project's KafkaBackups, and a csi-snapshotter that
// waits for the CRDs of volume group snapshots.
func installOthers(t *testing.T, c client.Client) {
	t.Helper()
	create(t, c, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "kafkabackups.kafka.oso.sh"},
		"spec": map[string]any{
			"group": "kafka.oso.sh", "scope": "Namespaced",
			"names": map[string]any{"kind": "KafkaBackup", "plural": "kafkabackups"},
			"versions": []any{map[string]any{"name": "v1alpha1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}}}},
		},
	}})
	labels := map[string]string{"app": "csi-snapshotter"}
	create(t, c, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "csi-snapshotter"}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "csi-snapshotter", Image: "csi-snapshotter:v8.5.0", Args: []string{"--feature-gates=CSIVolumeGroupSnapshot=true"}}}}},
	}})
}

// breakConfiguration takes a CA and an entry away, opens another, and wants the
// CA from cert-manager, which is not there.
func breakConfiguration(t *testing.T, c client.Client) {
	t.Helper()
	configuration := &admissionregistrationv1.MutatingWebhookConfiguration{}
	if err := c.Get(t.Context(), client.ObjectKey{Name: "snapback"}, configuration); err != nil {
		t.Fatal(err)
	}
	configuration.Annotations = map[string]string{"cert-manager.io/inject-ca-from": cluster.Namespace + "/snapback-webhook"}
	configuration.Webhooks = configuration.Webhooks[:len(configuration.Webhooks)-1] // selector.snapback.dev is the last
	configuration.Webhooks[0].ClientConfig.CABundle = nil
	configuration.Webhooks[1].FailurePolicy = ptr.To(admissionregistrationv1.Ignore)
	if err := c.Update(t.Context(), configuration); err != nil {
		t.Fatal(err)
	}
}

// TestPluginDoctorKafka has KafkaBackups that ask Kafka: one whose Secret nobody has
// made, one with all that it takes but a broker.
func TestPluginDoctorKafka(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	create(t, c, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "user"}, StringData: map[string]string{"password": "p"}})
	for _, name := range []string{"user", "missing"} {
		kubectlSnapback(t, ns, "create", "asks-as-"+name, "--cluster", "kafka", "--snapshot-class", cluster.SnapshotClass, "--schedule", never, "--suspend",
			"--kafka-bootstrap-servers", "127.0.0.1:1", "--kafka-sasl-mechanism", "PLAIN", "--kafka-sasl-secret", name)
	}
	all := findings(t, ns)
	wantFinding(t, all, "kafka", doctor.Problem, "KafkaBackup "+ns+"/asks-as-missing: Secret "+ns+"/missing does not exist: create it, or correct spec.kafka.sasl.secret")
	wantFinding(t, all, "kafka", doctor.Warning, "KafkaBackup "+ns+"/asks-as-user: the password is sent readable for whoever is between: PLAIN without TLS")
	if said := saidOf(all); strings.Contains(said, "Snapback may not read Secret") {
		t.Errorf("it may:\n%s", said)
	}
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "snapback-asks-as-user"}}
	if err := c.Delete(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(context.Context) error { // the apiserver's own cache of roles is a moment behind
		for _, f := range findings(t, ns) {
			if f.Message == "Snapback may not read Secret user, so that Kafka is not asked" && strings.HasPrefix(f.Do, "kubectl create role snapback-asks-as-user -n "+ns) {
				return nil
			}
		}
		return fmt.Errorf("nobody says that the right is missing")
	})
}
