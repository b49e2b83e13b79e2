package access_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka/access"
)

// TestRightsAreDocumented compares the Role and the RoleBinding in docs/kafka.md
// with those that are made for its example.
func TestRightsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/kafka.md")
	if err != nil {
		t.Fatal(err)
	}
	manifest := regexp.MustCompile(`(?m)^    apiVersion: rbac(?:.*\n)(?:    .*\n)+`).FindString(string(page))
	first, second, _ := strings.Cut(strings.ReplaceAll(manifest, "\n    ", "\n"), "\n---\n")
	var documentedRole rbacv1.Role
	var documentedBinding rbacv1.RoleBinding
	for text, into := range map[string]any{first: &documentedRole, second: &documentedBinding} {
		if err := yaml.UnmarshalStrict([]byte(strings.TrimPrefix(text, "    ")), into); err != nil {
			t.Fatal(err)
		}
	}
	kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "hourly"}, Spec: v1alpha1.KafkaBackupSpec{Kafka: &v1alpha1.KafkaAccess{
		TLS: &v1alpha1.KafkaTLS{CASecret: "kafka-ca"}, SASL: &v1alpha1.KafkaSASL{Mechanism: "SCRAM-SHA-512", Secret: "snapback-user"}}}}
	role, binding := access.Rights(kb, v1alpha1.SystemNamespace)
	if !reflect.DeepEqual(role, &documentedRole) || !reflect.DeepEqual(binding, &documentedBinding) {
		t.Errorf("docs/kafka.md has\n%+v\n%+v\nwant\n%+v\n%+v", documentedRole, documentedBinding, role, binding)
	}
}

func TestSecretsOf(t *testing.T) {
	t.Parallel()
	tls := func(ca, cert string) *v1alpha1.KafkaTLS { return &v1alpha1.KafkaTLS{CASecret: ca, CertSecret: cert} }
	for want, spec := range map[string]*v1alpha1.KafkaAccess{
		"":    nil,
		"a":   {TLS: tls("a", "a")},
		"b":   {TLS: tls("", "b")},
		"a b": {TLS: tls("b", "a")},
		"c":   {SASL: &v1alpha1.KafkaSASL{Secret: "c"}},
		"a c": {TLS: tls("c", "a"), SASL: &v1alpha1.KafkaSASL{Secret: "c"}},
	} {
		if got := strings.Join(access.Secrets(spec), " "); got != want {
			t.Errorf("%+v: %q, want %q", spec, got, want)
		}
	}
	kb := &v1alpha1.KafkaBackup{Spec: v1alpha1.KafkaBackupSpec{Kafka: &v1alpha1.KafkaAccess{TLS: tls("", "")}}}
	if role, binding := access.Rights(kb, "system"); role != nil || binding != nil {
		t.Errorf("for no Secret: %+v, %+v", role, binding)
	}
}
