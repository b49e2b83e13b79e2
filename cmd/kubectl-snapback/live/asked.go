package live

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots/watched"
)

// asked is the client of a feed's reflector, which tells the feed what the apiserver
// has answered.
type asked struct {
	client.WithWatch
	feed *feed
}

// List implements [client.Reader].
func (a *asked) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	err := a.WithWatch.List(ctx, list, options...)
	a.feed.heard(ctx, err)
	return err
}

// Watch implements [client.WithWatch]. If the apiserver is away, the reflector asks for
// the same watch again, and not for all objects.
func (a *asked) Watch(ctx context.Context, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
	w, err := a.WithWatch.Watch(ctx, list, options...)
	o := client.ListOptions{}
	o.ApplyOptions(options)
	begins := o.Raw != nil && o.Raw.SendInitialEvents != nil
	if begins && err != nil { // an old apiserver, or one may only list: a list follows, and tells
		return nil, err
	}
	a.feed.heard(ctx, err)
	if err != nil && !answer(err) {
		return nil, apierrors.NewTooManyRequests(err.Error(), 0)
	}
	return w, err
}

// answer reports whether an error is the apiserver's own, or says that there is no
// such kind to ask for.
func answer(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) || watched.UnknownKind(err)
}

// permanent reports whether asking again soon would be of no use.
func permanent(err error) bool { return apierrors.IsForbidden(err) || watched.UnknownKind(err) }
