// Package watched keeps what is known of the objects on the apiserver up to date, from
// watches. Each object is parsed once, when it arrives, and only what is read of it is
// kept.
package watched

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Follower keeps a store up to date with the objects of one kind on the apiserver.
type Follower struct {
	Client client.WithWatch
	Name   string // of the objects, in logs
	Kind   client.Object
	List   func() client.ObjectList
	Match  []client.ListOption // which of them

	absent atomic.Bool
}

// maxBackoff is the longest wait before the apiserver is asked again, if it does
// not answer or does not know the kind. Until then claims are refused.
const maxBackoff = 5 * time.Second

// pageSize is how many objects come at once, if they do not come one by one.
const pageSize = 500

// Absent reports whether the cluster does not have the kind, by the last answer.
func (f *Follower) Absent() bool { return f.absent.Load() }

// Follow updates the store until the context is done. The apiserver sends the objects
// one by one. One that cannot is asked for pages, and of these too no more is in memory
// at once than the store keeps of all objects, and one page.
func (f *Follower) Follow(ctx context.Context, into toolscache.TransformingStore) {
	source := &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.ResourceVersion = "" // with 0 all objects would come at once, and with another one pages only if it is not too old
			list := f.List()
			err := f.Client.List(ctx, list, append(slices.Clone(f.Match), &client.ListOptions{Raw: &o, Limit: o.Limit, Continue: o.Continue})...)
			if err := f.answered(err); err != nil {
				return nil, err
			}
			return transformed(list, into.Transformer())
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := f.Client.Watch(ctx, f.List(), append(slices.Clone(f.Match), &client.ListOptions{Raw: &o})...)
			if by, ok := into.(Interceptor); ok && err == nil && ptr.Deref(o.SendInitialEvents, false) {
				w = by.Intercept(w)
			}
			return w, f.answered(err)
		},
	}
	options := toolscache.ReflectorOptions{Name: f.Name, Backoff: &wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 1, Steps: 4, Cap: maxBackoff}}
	reflector := toolscache.NewReflectorWithOptions(source, f.Kind, into, options)
	reflector.WatchListPageSize = pageSize // otherwise only the first list would come in pages
	reflector.RunWithContext(ctx)
}

// Interceptor is a store that takes the objects with which a watch begins one by one,
// so that nobody else holds all of them. What is left of the watch is returned.
type Interceptor interface {
	Intercept(watch.Interface) watch.Interface
}

// transformed returns a page of a list with what a store keeps of its objects.
func transformed(page client.ObjectList, transform toolscache.TransformFunc) (runtime.Object, error) {
	small := &metav1.List{ListMeta: metav1.ListMeta{ResourceVersion: page.GetResourceVersion(), Continue: page.GetContinue(), RemainingItemCount: page.GetRemainingItemCount()}}
	err := meta.EachListItem(page, func(o runtime.Object) error {
		kept, err := transform(o)
		if err == nil {
			small.Items = append(small.Items, runtime.RawExtension{Object: item{kept}})
		}
		return err
	})
	return small, err
}

// item is a transformed object in a list.
type item struct{ kept any }

// GetObjectKind implements [runtime.Object].
func (item) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject implements [runtime.Object]. What a store keeps is never changed.
func (i item) DeepCopyObject() runtime.Object { return i }

// Kept returns what the transformer has made of an object that a [Follower] brings.
func Kept(o any, transform toolscache.TransformFunc) any {
	if i, ok := o.(item); ok {
		return i.kept
	}
	kept, _ := transform(o) // the transformers here never fail
	return kept
}

// answered records whether the apiserver knows the kind, and returns the error.
func (f *Follower) answered(err error) error {
	switch {
	case UnknownKind(err):
		f.absent.Store(true)
	case err == nil:
		f.absent.Store(false)
	}
	return err
}

// UnknownKind reports whether an error of a list says that the apiserver does not
// serve the kind. The mapper says so, or the apiserver itself if the mapper has
// seen the kind before.
func UnknownKind(err error) bool { return apierrors.IsNotFound(err) || meta.IsNoMatchError(err) }
