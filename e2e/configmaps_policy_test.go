package e2e

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/cluster"
)

const (
	notItsConfigMap = "snapback writes only the ConfigMaps that begin with snapback-history-"
	notItsLabel     = "snapback changes no label, owner or finalizer of a ConfigMap"
	notItsStatus    = "snapback writes only the status of a KafkaBackup in a ConfigMap"
)

// accountClient acts as Snapback's ServiceAccount, by impersonation, see [drillsClient].
func accountClient(t *testing.T) client.Client {
	t.Helper()
	config := rest.CopyConfig(shared.Get(t).Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + cluster.Namespace + ":" + cluster.Account, Groups: []string{"system:authenticated"}}
	c, err := cluster.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error { // the apiserver has read the policy
		if err := c.Create(ctx, configMap("default", "other", nil), client.DryRunAll); err == nil || !strings.Contains(err.Error(), notItsConfigMap) {
			return fmt.Errorf("the policy is not in force: %w", err)
		}
		return nil
	})
	return c
}

func configMap(ns, name string, labels map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: labels}, Data: map[string]string{"a": "b"}}
}

var (
	historyLabel = map[string]string{v1alpha1.LabelHistory: v1alpha1.ValueTrue}
	backupLabel  = map[string]string{v1alpha1.LabelConfigMap: v1alpha1.ValueTrue}
)

func TestSnapbackCreatesOnlyHistories(t *testing.T) {
	t.Parallel()
	c := accountClient(t)
	ns := newNamespace(t, apiClient(t), nil)
	for name, test := range map[string]struct {
		o    *corev1.ConfigMap
		want string
	}{
		"a history":         {configMap(ns, v1alpha1.HistoryName("kafka"), historyLabel), ""},
		"without the label": {configMap(ns, v1alpha1.HistoryName("kafka"), nil), notItsConfigMap},
		"with another name": {configMap(ns, "aws-auth", historyLabel), notItsConfigMap},
		"a KafkaBackup":     {configMap(ns, "b", backupLabel), notItsConfigMap},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, c.Create(t.Context(), test.o, client.DryRunAll), test.want)
		})
	}
}

func TestSnapbackChangesOnlyItsConfigMaps(t *testing.T) {
	t.Parallel()
	admin, c := apiClient(t), accountClient(t)
	ns := newNamespace(t, admin, nil)
	data := func(o *corev1.ConfigMap) { o.Data = map[string]string{"a": "c"} }
	annotation := func(o *corev1.ConfigMap) { metav1.SetMetaDataAnnotation(&o.ObjectMeta, v1alpha1.AnnotationStatus, "x") }
	label := func(o *corev1.ConfigMap) {
		o.Labels = maps.Clone(o.Labels)
		metav1.SetMetaDataLabel(&o.ObjectMeta, v1alpha1.LabelHistory, v1alpha1.ValueTrue)
		metav1.SetMetaDataLabel(&o.ObjectMeta, "other", v1alpha1.ValueTrue)
	}
	owner := func(o *corev1.ConfigMap) {
		o.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "x"}}
	}
	for name, test := range map[string]struct {
		labels map[string]string
		change func(*corev1.ConfigMap)
		want   string
	}{
		"history-data":   {historyLabel, data, ""},
		"history-label":  {historyLabel, label, notItsLabel},
		"history-owner":  {historyLabel, owner, notItsLabel},
		"backup-status":  {backupLabel, annotation, ""},
		"backup-data":    {backupLabel, data, notItsStatus},
		"backup-label":   {backupLabel, label, notItsLabel},
		"other":          {nil, data, notItsConfigMap},
		"other-annotate": {nil, annotation, notItsConfigMap},
		"other-label":    {nil, label, notItsConfigMap},
	} {
		t.Run(name, func(t *testing.T) {
			o := configMap(ns, name, test.labels)
			create(t, admin, o)
			before := o.DeepCopy()
			test.change(o)
			refused(t, c.Patch(t.Context(), o, client.MergeFrom(before), client.DryRunAll), test.want)
		})
	}
}

// TestAnothersSnapback has a ServiceAccount of the same name that is somebody else's: the
// policy is not about it.
func TestAnothersSnapback(t *testing.T) {
	t.Parallel()
	admin, _ := apiClient(t), accountClient(t)
	ns := newNamespace(t, admin, nil)
	meta := metav1.ObjectMeta{Namespace: ns, Name: "snapback"}
	create(t, admin, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"create"}}}})
	create(t, admin, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: ns, Name: meta.Name}}})
	config := rest.CopyConfig(shared.Get(t).Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + ns + ":" + meta.Name, Groups: []string{"system:authenticated"}}
	c, err := cluster.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error { // the apiserver has read the role
		return c.Create(ctx, configMap(ns, "its-own", nil), client.DryRunAll)
	})
}
