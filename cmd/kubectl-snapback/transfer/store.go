package transfer

import (
	"context"
	"fmt"
	"reflect"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// DataKey is the key of the document in a ConfigMap or a Secret.
const DataKey = "export.yaml"

// maxStored is how many bytes of a document fit into a ConfigMap or a Secret: 1
// MiB without the rest of the object.
const maxStored = 1<<20 - 16<<10

// Store is a ConfigMap or a Secret that an export is written to.
type Store struct {
	Namespace, Name string
	Secret          bool
}

// Kind returns the kind of the object.
func (s Store) Kind() string {
	if s.Secret {
		return "secret"
	}
	return "configmap"
}

// Write writes the document into the object, which it creates if needed. It
// returns false if the object already has the same snapshots. It never changes an
// object that no export has made.
func (s Store) Write(ctx context.Context, c client.Client, d Document) (bool, error) {
	data, err := Encode(d)
	if err != nil {
		return false, err
	}
	if len(data) > maxStored {
		return false, fmt.Errorf("the export of %d snapshots has %d kB, a %s holds 1 MiB: export fewer with --latest, or to a file", len(d.Snapshots), len(data)>>10, s.Kind())
	}
	o, set, held := s.object()
	exists, err := get(ctx, c, client.ObjectKey{Namespace: s.Namespace, Name: s.Name}, o)
	if err != nil {
		return false, fmt.Errorf("read %s %s/%s: %w", s.Kind(), s.Namespace, s.Name, err)
	}
	if exists && o.GetLabels()[v1alpha1.LabelExport] != v1alpha1.ValueTrue {
		return false, fmt.Errorf("%s %s/%s is there and was not made by an export (label %s=true): name another", s.Kind(), s.Namespace, s.Name, v1alpha1.LabelExport)
	}
	if old, err := Decode(held()); exists && err == nil && reflect.DeepEqual(old.Snapshots, d.Snapshots) {
		return false, nil
	}
	set(data)
	if exists {
		err = c.Update(ctx, o) // a conflict if it has changed since
	} else {
		o.SetNamespace(s.Namespace)
		o.SetName(s.Name)
		o.SetLabels(map[string]string{v1alpha1.LabelExport: v1alpha1.ValueTrue, v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})
		err = c.Create(ctx, o)
	}
	if err != nil {
		return false, fmt.Errorf("write %s %s/%s: %w", s.Kind(), s.Namespace, s.Name, err)
	}
	return true, nil
}

// object returns an empty object, and functions to set and read its document.
func (s Store) object() (o client.Object, set func([]byte), held func() []byte) {
	if s.Secret {
		secret := &corev1.Secret{}
		return secret, func(data []byte) { secret.Data = map[string][]byte{DataKey: data} }, func() []byte { return secret.Data[DataKey] }
	}
	configMap := &corev1.ConfigMap{}
	return configMap, func(data []byte) { configMap.Data = map[string]string{DataKey: string(data)} }, func() []byte { return []byte(configMap.Data[DataKey]) }
}
