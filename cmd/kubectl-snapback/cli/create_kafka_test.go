package cli

import (
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
)

func TestKafkaFlags(t *testing.T) {
	for flags, want := range map[string]*v1alpha1.KafkaAccess{
		"":                                       nil,
		"--kafka":                                {},
		"--kafka-bootstrap-servers a:1,b:2":      {BootstrapServers: "a:1,b:2"},
		"--kafka-tls":                            {TLS: &v1alpha1.KafkaTLS{}},
		"--kafka-ca-secret ca":                   {TLS: &v1alpha1.KafkaTLS{CASecret: "ca"}},
		"--kafka-cert-secret user":               {TLS: &v1alpha1.KafkaTLS{CertSecret: "user"}},
		"--kafka-max-records-at-risk 0":          {MaxRecordsAtRisk: ptr.To(int64(0))},
		"--kafka-sasl-secret u":                  {SASL: &v1alpha1.KafkaSASL{Secret: "u"}}, // which is refused
		"--kafka --kafka-sasl-mechanism PLAIN":   {SASL: &v1alpha1.KafkaSASL{Mechanism: "PLAIN"}},
		"--kafka-tls=false --system-namespace s": nil,
	} {
		var w wantedKafka
		cmd := &cobra.Command{}
		w.addTo(cmd)
		if err := cmd.ParseFlags(strings.Fields(flags)); err != nil {
			t.Fatal(err)
		}
		if got := w.spec(cmd.Flags().Changed); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", flags, got, want)
		}
	}
}

// TestGrant creates the Role and the RoleBinding, once, and keeps others' hands off.
func TestGrant(t *testing.T) {
	kb := &v1alpha1.KafkaBackup{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "b", UID: "u"},
		Spec: v1alpha1.KafkaBackupSpec{Kafka: &v1alpha1.KafkaAccess{TLS: &v1alpha1.KafkaTLS{CASecret: "ca"}}}}
	kb.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("KafkaBackup"))
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).Build()
	s := &session{Client: c, namespace: "kafka"}
	all := func(kb *v1alpha1.KafkaBackup) (said string) {
		for _, g := range grants(kb, "system") {
			what, err := s.grant(t.Context(), g, kb, dryRunNone)
			if err != nil {
				what = err.Error()
			}
			said += g.GetObjectKind().GroupVersionKind().Kind + " " + what + "\n"
		}
		return said
	}
	if said := all(kb); said != "Role created\nRoleBinding created\n" {
		t.Error(said)
	}
	role, binding := &rbacv1.Role{}, &rbacv1.RoleBinding{}
	for _, o := range []client.Object{role, binding} {
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: "kafka", Name: "snapback-b"}, o); err != nil {
			t.Fatal(err)
		}
		if owners := o.GetOwnerReferences(); len(owners) != 1 || owners[0].Kind != "KafkaBackup" || owners[0].UID != "u" {
			t.Errorf("owned by %+v", owners)
		}
	}
	if said := all(kb); said != "Role unchanged\nRoleBinding unchanged\n" {
		t.Error(said)
	}
	role.Rules[0].ResourceNames = []string{"other"}
	binding.Subjects[0].Namespace = "elsewhere"
	for _, o := range []client.Object{role, binding} {
		if err := c.Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if said := all(kb); said != "Role Role snapback-b exists already, and is another: delete it, and say this again\n"+
		"RoleBinding RoleBinding snapback-b exists already, and is another: delete it, and say this again\n" {
		t.Error(said)
	}
	kb.Spec.Kafka.TLS = nil
	if said := all(kb); said != "" {
		t.Errorf("without Secrets: %s", said)
	}
}
