// Package operators reads the operators' own resources for facts that their claims
// do not have: a node's role, the identity of its cluster, where its brokers listen,
// and whether the operator remembers a volume.
package operators

import (
	"cmp"
	"context"
	"fmt"
	"strings"
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

// callTimeout is the time limit of one read: the apiserver may wait for a
// conversion webhook of the operator.
const callTimeout = 5 * time.Second

// knowledge holds the functions that read the resources of each operator. Each
// operator has a file of its own. nil: its resources say nothing more.
var knowledge = map[snapshots.Operator]struct {
	complete  func(context.Context, *Reader, *snapshots.Volume, *corev1.PersistentVolumeClaim) error
	remember  func(context.Context, *Reader, *snapshots.Volume) error
	listeners func(context.Context, *Reader, types.NamespacedName) ([]Listener, error)
}{
	snapshots.OperatorKoperator: {remember: rememberKoperator, listeners: koperatorListeners},
	snapshots.OperatorStrimzi:   {complete: completeStrimzi, listeners: strimziListeners},
}

// Reader reads operators' resources. It reads each at most once, even if the read
// fails. Use one reader for one decision or one run, since its results get old. It
// is not safe for concurrent use.
type Reader struct {
	from   client.Reader
	mapper meta.RESTMapper
	read   map[objectKey]*unstructured.Unstructured
	failed map[objectKey]error // a key without a name: all of the kind
}

type objectKey struct {
	kind schema.GroupKind
	name types.NamespacedName
}

// NewReader returns a reader that reads from the apiserver, or from a cache.
func NewReader(from client.Reader, mapper meta.RESTMapper) *Reader {
	return &Reader{from: from, mapper: mapper, read: map[objectKey]*unstructured.Unstructured{}, failed: map[objectKey]error{}}
}

// Complete adds the facts about a volume's node and cluster that the operator's
// resources have. If a resource does not exist, they stay unknown. If it cannot be
// read, that is an error.
func (r *Reader) Complete(ctx context.Context, v *snapshots.Volume, pvc *corev1.PersistentVolumeClaim) error {
	if complete := knowledge[v.Operator()].complete; complete != nil {
		return complete(ctx, r, v, pvc)
	}
	return nil
}

// Remember sets what the operator remembers of a volume, if [Reader.Complete] has
// not set it. It is for the few volumes without which their cluster has gone on. If
// it may not read the resource, the memory stays unknown.
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

// get returns a resource of an operator; nil: it, or its CRD, does not exist. A
// read that failed is not repeated, and after a time-out the kind is not read
// again: a hundred claims may share one resource.
func (r *Reader) get(ctx context.Context, group, kind string, name types.NamespacedName) (*unstructured.Unstructured, error) {
	of := schema.GroupKind{Group: group, Kind: kind}
	key, all := objectKey{of, name}, objectKey{kind: of}
	if err := cmp.Or(r.failed[key], r.failed[all]); err != nil {
		return nil, err
	}
	if o, ok := r.read[key]; ok {
		return o, nil
	}
	bounded, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	o, err := r.ask(bounded, key)
	switch {
	case err == nil || ctx.Err() != nil: // if the caller has given up, that says nothing about the resource
	case bounded.Err() != nil:
		r.failed[all] = err
	default:
		r.failed[key] = err
	}
	return o, err
}

func (r *Reader) ask(ctx context.Context, key objectKey) (*unstructured.Unstructured, error) {
	mapping, err := r.mapper.RESTMapping(key.kind)
	if meta.IsNoMatchError(err) {
		r.read[key] = nil
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the API of kind %s: %w", key.kind.Kind, err)
	}
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(mapping.GroupVersionKind)
	// The apiserver's cache is new enough: a role or an id does not change while a
	// claim is created.
	err = r.from.Get(ctx, key.name, o, &client.GetOptions{Raw: &metav1.GetOptions{ResourceVersion: "0"}})
	if apierrors.IsNotFound(err) {
		r.read[key] = nil
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", strings.ToLower(key.kind.Kind), key.name, err)
	}
	r.read[key] = o
	return o, nil
}
