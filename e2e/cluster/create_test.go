package cluster_test

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/e2e/cluster"
)

// TestCreate asks again only where that may help.
func TestCreate(t *testing.T) {
	t.Parallel()
	busy := apierrors.NewServiceUnavailable("could not look up the snapshots of this volume: try again")
	refused := apierrors.NewForbidden(schema.GroupResource{Resource: "persistentvolumeclaims"}, "c", errors.New("no"))
	for name, test := range map[string]struct {
		answers []error // before it is created
		stored  bool    // by the first answer, all the same
		asked   int
		fails   bool
	}{
		"at once":                     {nil, false, 1, false},
		"while a webhook is busy":     {[]error{busy, apierrors.NewInternalError(errors.New("failed calling webhook")), apierrors.NewTooManyRequests("later", 1)}, false, 4, false},
		"refused":                     {[]error{refused}, false, 1, true},
		"busy, then refused":          {[]error{busy, refused}, false, 2, true},
		"created without an answer":   {[]error{busy}, true, 2, false},
		"another one of its name":     {[]error{apierrors.NewAlreadyExists(schema.GroupResource{}, "c")}, false, 1, true},
		"an error of the test's own":  {[]error{errors.New("no such kind")}, false, 1, true},
		"the time of a call is up":    {[]error{apierrors.NewTimeoutError("timeout", 1)}, false, 2, false},
		"the apiserver's own timeout": {[]error{apierrors.NewServerTimeout(schema.GroupResource{}, "create", 1)}, false, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			c := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
				asked++
				if asked > len(test.answers) {
					return c.Create(ctx, o, options...)
				}
				if test.stored {
					if err := c.Create(ctx, o.DeepCopyObject().(client.Object), options...); err != nil {
						return err
					}
				}
				return test.answers[asked-1]
			}}).Build()
			pvc := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "c"}}
			err := cluster.Create(t.Context(), c, pvc, time.Minute)
			if (err != nil) != test.fails || asked != test.asked {
				t.Errorf("%v, asked %d times, want %d", err, asked, test.asked)
			}
			if err == nil && pvc.ResourceVersion == "" {
				t.Error("it is not what the apiserver has")
			}
		})
	}
}
