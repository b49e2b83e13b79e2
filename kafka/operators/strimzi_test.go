package operators

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots"
)

// failing is an API that does not answer reads, or answers each with an error.
type failing struct {
	client.Reader
	asked int
	hangs bool
}

func (f *failing) Get(ctx context.Context, _ client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	f.asked++
	if !f.hangs {
		return errors.New("the conversion webhook fails")
	}
	<-ctx.Done()
	return ctx.Err()
}

func strimzi() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{{Group: "kafka.strimzi.io", Version: "v1beta2"}})
	for _, kind := range []string{"Kafka", "KafkaNodePool"} {
		mapper.Add(schema.GroupVersionKind{Group: "kafka.strimzi.io", Version: "v1beta2", Kind: kind}, meta.RESTScopeNamespace)
	}
	return mapper
}

// completeAll completes many claims of many clusters, and counts the errors.
func completeAll(ctx context.Context, r *Reader, claims, clusters int) (failed int) {
	for i := range claims {
		v := snapshots.Volume{Dialect: "strimzi", Namespace: "kafka", Cluster: fmt.Sprint("kafka-", i%clusters)}
		if r.Complete(ctx, &v, &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"strimzi.io/pool-name": "brokers"}}}) != nil {
			failed++
		}
	}
	return failed
}

// TestErrorsAreRemembered checks that a failed read is not repeated, but that a read
// that the caller has given up is.
func TestErrorsAreRemembered(t *testing.T) {
	for name, test := range map[string]struct {
		hangs bool
		want  int // requests, for two clusters
	}{
		"it fails":           {false, 2},
		"it does not answer": {true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := &failing{hangs: test.hangs}
				if failed := completeAll(t.Context(), NewReader(api, strimzi()), 100, 2); failed != 100 || api.asked != test.want {
					t.Errorf("%d of 100 claims fail, by %d requests; want all, by %d", failed, api.asked, test.want)
				}
			})
		})
	}
	api := &failing{hangs: true}
	r := NewReader(api, strimzi())
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	completeAll(gone, r, 1, 1)
	api.hangs = false
	completeAll(t.Context(), r, 1, 1)
	if api.asked != 2 {
		t.Errorf("%d requests: what the caller had given up was taken for the API's answer", api.asked)
	}
}
