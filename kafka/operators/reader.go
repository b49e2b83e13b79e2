// Package operators reads from the operators' own resources what their claims
// do not tell: a node's role, which cluster it is, and whether the operator
// remembers a volume.
package operators

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots"
)

// callTimeout bounds one read: the apiserver may wait for a conversion webhook
// of the operator's.
const callTimeout = 5 * time.Second

// knowledge reads what the resources of each operator tell, each in a file of its
// own. A nil function has nothing to tell.
var knowledge = map[snapshots.Operator]struct {
	complete func(context.Context, *Reader, *snapshots.Volume, *corev1.PersistentVolumeClaim) error
	remember func(context.Context, *Reader, *snapshots.Volume) error
}{
	snapshots.OperatorKoperator: {remember: rememberKoperator},
	snapshots.OperatorStrimzi:   {complete: completeStrimzi},
}

// Reader reads operators' resources, each at most once, also one that cannot be
// read. It is good for one decision or one run: what it has read gets old. One
// caller at a time may use it.
type Reader struct {
	from   client.Reader
	mapper meta.RESTMapper
	read   map[objectKey]*unstructured.Unstructured
	failed map[objectKey]error // without a name: of all of the kind
}

type objectKey struct {
	kind schema.GroupKind
	name types.NamespacedName
}

// NewReader returns a reader of what the apiserver, or a cache of it, has.
func NewReader(from client.Reader, mapper meta.RESTMapper) *Reader {
	return &Reader{from: from, mapper: mapper, read: map[objectKey]*unstructured.Unstructured{}, failed: map[objectKey]error{}}
}

// Complete adds to a volume what the operator's resources tell of its node and
// its cluster. What is not there stays unknown; what cannot be read is an error.
func (r *Reader) Complete(ctx context.Context, v *snapshots.Volume, pvc *corev1.PersistentVolumeClaim) error {
	if complete := knowledge[v.Operator()].complete; complete != nil {
		return complete(ctx, r, v, pvc)
	}
	return nil
}

// Remember adds to a volume what its operator remembers of it, if [Reader.Complete]
// has not. It is for the few volumes that their cluster has gone on without.
// What may not be read stays unknown.
func (r *Reader) Remember(ctx context.Context, v *snapshots.Volume) error {
	remember := knowledge[v.Operator()].remember
	if remember == nil {
		return nil
	}
	if err := remember(ctx, r, v); !apierrors.IsForbidden(err) {
		return err
	}
	return nil
}

// get reads a resource of an operator's; nil if it, or its CRD, is not there. An
// error is the answer from then on, and after a call that was not answered in
// time the kind is not asked for again: a hundred claims share one resource.
func (r *Reader) get(ctx context.Context, group, kind string, name types.NamespacedName) (*unstructured.Unstructured, error) {
	of := schema.GroupKind{Group: group, Kind: kind}
	key, all := objectKey{of, name}, objectKey{kind: of}
	if err := cmp.Or(r.failed[key], r.failed[all]); err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	o, err := r.ask(bounded, key)
	switch {
	case err == nil || ctx.Err() != nil: // the caller's own end says nothing of the resource
	case bounded.Err() != nil:
		r.failed[all] = err
	default:
		r.failed[key] = err
	}
	return o, err
}

func (r *Reader) ask(ctx context.Context, key objectKey) (*unstructured.Unstructured, error) {
	if o, ok := r.read[key]; ok {
		return o, nil
	}
	mapping, err := r.mapper.RESTMapping(key.kind)
	if meta.IsNoMatchError(err) {
		r.read[key] = nil
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the API of %s: %w", key.kind.Kind, err)
	}
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(mapping.GroupVersionKind)
	// What the apiserver has at hand will do: a role or an id does not change
	// while a claim is made.
	err = r.from.Get(ctx, key.name, o, &client.GetOptions{Raw: &metav1.GetOptions{ResourceVersion: "0"}})
	if apierrors.IsNotFound(err) {
		r.read[key] = nil
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", key.kind.Kind, key.name, err)
	}
	r.read[key] = o
	return o, nil
}
