package webhook

import (
	"context"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// follower keeps a store up to date with the objects of one kind on the apiserver.
type follower struct {
	client client.WithWatch
	name   string
	kind   client.Object
	list   func() client.ObjectList
	match  client.MatchingLabels

	absent atomic.Bool // the cluster does not have the kind
}

// maxBackoff is the longest wait before the apiserver is asked again, if it does
// not answer or does not know the kind. Until then claims are refused.
const maxBackoff = 5 * time.Second

// follow updates the store until the context is done.
func (f *follower) follow(ctx context.Context, into toolscache.ReflectorStore) {
	source := &toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list := f.list()
			err := f.client.List(ctx, list, f.match, &client.ListOptions{Raw: &o, Limit: o.Limit, Continue: o.Continue})
			return list, f.answered(err)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			w, err := f.client.Watch(ctx, f.list(), f.match, &client.ListOptions{Raw: &o})
			return w, f.answered(err)
		},
	}
	options := toolscache.ReflectorOptions{Name: f.name, Backoff: &wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 1, Steps: 4, Cap: maxBackoff}}
	toolscache.NewReflectorWithOptions(source, f.kind, into, options).RunWithContext(ctx)
}

// answered records whether the apiserver knows the kind, and returns the error.
func (f *follower) answered(err error) error {
	switch {
	case unknownKind(err):
		f.absent.Store(true)
	case err == nil:
		f.absent.Store(false)
	}
	return err
}

// unknownKind reports whether an error of a list says that the apiserver does not
// serve the kind. The mapper says so, or the apiserver itself if the mapper has
// seen the kind before.
func unknownKind(err error) bool { return apierrors.IsNotFound(err) || meta.IsNoMatchError(err) }
