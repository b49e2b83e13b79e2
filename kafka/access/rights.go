package access

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// Secrets returns the names of the Secrets that spec.kafka names, sorted.
func Secrets(spec *v1alpha1.KafkaAccess) []string {
	var names []string
	if spec != nil && spec.TLS != nil {
		names = append(names, spec.TLS.CASecret, spec.TLS.CertSecret)
	}
	if spec != nil && spec.SASL != nil {
		names = append(names, spec.SASL.Secret)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	slices.Sort(names)
	return slices.Compact(names)
}

// Rights returns the Role and the RoleBinding by which Snapback may read the Secrets
// of a KafkaBackup: each of them, by its name, and nothing else in the namespace.
// system is Snapback's own namespace. There are none if no Secret is named.
func Rights(kb *v1alpha1.KafkaBackup, system string) (*rbacv1.Role, *rbacv1.RoleBinding) {
	names := Secrets(kb.Spec.Kafka)
	if len(names) == 0 {
		return nil, nil
	}
	of := metav1.ObjectMeta{Namespace: kb.Namespace, Name: "snapback-" + kb.Name, Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}}
	role := &rbacv1.Role{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
		ObjectMeta: of,
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: names, Verbs: []string{"get"}}},
	}
	binding := &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
		ObjectMeta: *of.DeepCopy(),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: system, Name: v1alpha1.Installation}},
	}
	return role, binding
}
