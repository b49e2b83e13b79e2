package e2e

import (
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
	"github.com/snapback-dev/snapback/snapshots"
)

// TestPluginCreate creates KafkaBackups of both forms, and finds them there.
func TestPluginCreate(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	flags := func(args ...string) []string {
		return append([]string{"create", "--cluster", "kafka", "--snapshot-class", cluster.SnapshotClass, "--schedule", never}, args...)
	}
	sayWhen := func(p printed) string { // the time of the next run is left out
		if _, after, ok := strings.Cut(p.err, "\n"); ok && strings.HasPrefix(p.err, "Its next run is in ") {
			p.err = "Its next run is in ...\n" + after
		}
		return p.all()
	}
	key := client.ObjectKey{Namespace: ns, Name: "yearly"}
	var kb v1alpha1.KafkaBackup

	said := sayWhen(kubectlSnapback(t, ns, flags("yearly", "--dry-run=server")...))
	if err := c.Get(t.Context(), key, &kb); !apierrors.IsNotFound(err) {
		t.Errorf("created by a dry run: %v", err)
	}
	said += sayWhen(kubectlSnapback(t, ns, flags("yearly")...))
	statefulBroker(t, c, ns, 0)
	if err := c.Get(t.Context(), key, &kb); err != nil {
		t.Fatal(err)
	}
	said += sayWhen(kubectlSnapback(t, ns, flags("yearly")...))
	kubectlSnapback(t, ns, flags("yearly", "--retention-time", "12h")...).fails(t,
		"KafkaBackup yearly exists already, and is another: change it with kubectl edit, or choose another name")
	kubectlSnapback(t, ns, flags("yearly", "--config-map")...).fails(t,
		"KafkaBackup yearly exists already, and is another: change it with kubectl edit, or choose another name")
	said += sayWhen(kubectlSnapback(t, ns, flags("held", "--config-map", "--restore", "latest", "--retention-time", "12h", "--suspend")...))
	said += sayWhen(kubectlSnapback(t, ns, flags("held", "--config-map", "--restore", "latest", "--retention-time", "12h", "--suspend")...))
	said += sayWhen(kubectlSnapback(t, ns, flags("classless", "--snapshot-class", "missing", "--restore", "latest", "-o", "name")...))
	var cm corev1.ConfigMap
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "held"}, &cm); err != nil {
		t.Fatal(err)
	}
	if held, err := snapshots.KafkaBackupOfConfigMap(&cm); err != nil || held.Spec.RetentionTime != "12h" || !held.Spec.Suspend {
		t.Errorf("the ConfigMap holds %+v, %v", held, err)
	}
	golden(t, "create", said, ns, "NAMESPACE")

	// By the apiserver, and by the plugin where none is asked.
	mistaken := flags("mistaken", "--schedule", "@every 15", "--retention-time", "soon")
	kubectlSnapback(t, ns, mistaken...).fails(t, `KafkaBackup mistaken is not valid: spec.retentionTime: Invalid value: "soon": `+
		`must be a positive duration such as "12h" or "2h45m" (units ns, us, ms, s, m, h); `+
		`spec.schedule: Invalid value: "@every 15": @every needs a duration of at least one second, for example "@every 1h"`)
	kubectlSnapback(t, ns, append(mistaken, "--config-map")...).fails(t, `KafkaBackup mistaken is not valid: `+
		`spec.retentionTime: must be a positive duration such as "12h" or "2h45m" (units ns, us, ms, s, m, h); `+
		`spec.schedule: @every needs a duration of at least one second, for example "@every 1h"`)
	kubectlSnapback(t, ns, flags("never", "--schedule", "0 2 31 2 *")...).fails(t, `spec.schedule "0 2 31 2 *": no such day in the next five years`)
	kubectlSnapback(t, ns, flags("Big")...).fails(t, `name "Big": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, `+
		`'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`)
}

// TestPluginCreatePrints prints a KafkaBackup with all that can be said of it,
// without a cluster, as it can be applied.
func TestPluginCreatePrints(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	p := kubectlSnapback(t, ns, "create", "all", "--cluster", "kafka", "--snapshot-class", cluster.SnapshotClass, "--schedule", never,
		"--time-zone", "Europe/Budapest", "--retention-time", "12h", "--retention-count", "24", "--starting-deadline-seconds", "300",
		"--promote-after", "48h", "--exclude-quorum", "--volume-selector", "app=kafka", "--restore", "latest", "--restore-quorum", "true",
		"--suspend", "--dry-run=client", "-o", "yaml", "--server", "https://127.0.0.1:1")
	golden(t, "create-yaml", p.all(), ns, "NAMESPACE")
	var kb v1alpha1.KafkaBackup
	if err := yaml.UnmarshalStrict([]byte(p.out), &kb); err != nil {
		t.Fatal(err)
	}
	create(t, c, &kb)
}

// TestPluginCreateKafka gives Snapback the right to read the Secrets by which Kafka
// is asked, and no other right.
func TestPluginCreateKafka(t *testing.T) {
	t.Parallel()
	c := apiClient(t)
	ns := newNamespace(t, c, nil)
	flags := []string{"create", "asking", "--cluster", "kafka", "--snapshot-class", cluster.SnapshotClass, "--schedule", never, "--suspend",
		"--kafka-bootstrap-servers", "kafka-0.kafka:9093,kafka-1.kafka:9093", "--kafka-ca-secret", "ca", "--kafka-cert-secret", "user",
		"--kafka-sasl-mechanism", "SCRAM-SHA-512", "--kafka-sasl-secret", "user", "--kafka-max-records-at-risk", "1000"}
	dry := kubectlSnapback(t, ns, append(flags, "--dry-run=client", "-o", "yaml", "--server", "https://127.0.0.1:1")...)
	golden(t, "create-kafka-yaml", dry.all(), ns, "NAMESPACE")
	said := kubectlSnapback(t, ns, append(flags, "--dry-run=server")...).out
	said += kubectlSnapback(t, ns, flags...).out
	said += kubectlSnapback(t, ns, flags...).out
	golden(t, "create-kafka", said, ns, "NAMESPACE")

	var kb v1alpha1.KafkaBackup
	var role rbacv1.Role
	var binding rbacv1.RoleBinding
	for name, o := range map[string]client.Object{"asking": &kb, "snapback-asking": &role} {
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, o); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(&role), &binding); err != nil {
		t.Fatal(err)
	}
	if owners := binding.OwnerReferences; len(owners) != 1 || owners[0].UID != kb.UID {
		t.Errorf("owned by %+v", owners)
	}
	for secret, want := range map[string]bool{"user": true, "ca": true, "other": false, "": false} {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               "system:serviceaccount:" + v1alpha1.SystemNamespace + ":" + v1alpha1.Installation,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: ns, Verb: "get", Resource: "secrets", Name: secret},
		}}
		if err := c.Create(t.Context(), review); err != nil {
			t.Fatal(err)
		}
		if review.Status.Allowed != want {
			t.Errorf("it may read Secret %q: %t", secret, review.Status.Allowed)
		}
	}
	kubectlSnapback(t, ns, "create", "mistaken", "--cluster", "kafka", "--snapshot-class", cluster.SnapshotClass, "--schedule", never,
		"--kafka-sasl-mechanism", "GSSAPI", "--kafka-sasl-secret", "user").fails(t,
		`KafkaBackup mistaken is not valid: spec.kafka.sasl.mechanism: Unsupported value: "GSSAPI": supported values: "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"`)
}
