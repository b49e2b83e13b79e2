package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Create creates an object as an operator does: what is refused only for now is asked for
// again, until the time is up. On a busy machine, the webhook does not always look up a
// claim's snapshots in time.
func Create(ctx context.Context, c client.Client, o client.Object, timeout time.Duration, options ...client.CreateOption) error {
	asked := 0
	var final error
	err := Eventually(ctx, timeout, func(ctx context.Context) error {
		asked++
		err := c.Create(ctx, o, options...)
		switch {
		case asked > 1 && apierrors.IsAlreadyExists(err): // its answer had not come
			final = c.Get(ctx, client.ObjectKeyFromObject(o), o)
		case forNow(err):
			return err
		default:
			final = err
		}
		return nil
	})
	if err := errors.Join(err, final); err != nil {
		return fmt.Errorf("create %T %s: %w", o, o.GetName(), err)
	}
	return nil
}

// forNow reports whether an error is the apiserver's, or a webhook's, that something is
// not available.
func forNow(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	return code >= http.StatusInternalServerError || code == http.StatusTooManyRequests
}
