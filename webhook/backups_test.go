package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
	"github.com/snapback-dev/snapback/webhook"
)

// following returns backups that watch an apiserver with these objects. A list of
// KafkaBackups fails while listed returns an error.
func following(t *testing.T, listed func() error, objects ...client.Object) (*webhook.Backups, client.Client) {
	t.Helper()
	c := fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if _, is := list.(*v1alpha1.KafkaBackupList); is && listed != nil {
				if err := listed(); err != nil {
					return err
				}
			}
			return c.List(ctx, list, options...)
		},
		Watch: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
			var o client.ListOptions
			o.ApplyOptions(options)
			if o.Raw != nil && o.Raw.SendInitialEvents != nil { // which the fake cannot
				return nil, apierrors.NewInvalid(schema.GroupKind{}, "", nil)
			}
			return c.Watch(ctx, list, options...)
		},
	}).Build()
	b := webhook.NewBackups(c)
	go b.Start(t.Context()) //nolint:errcheck // it returns none
	return b, c
}

func untilKnown(t *testing.T, b *webhook.Backups, want ...string) {
	t.Helper()
	var got []string
	err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		all, err := b.In(namespace)
		if err != nil {
			return false, nil //nolint:nilerr // not known yet
		}
		got = nil
		for _, b := range all {
			got = append(got, b.Name+" of "+b.Cluster)
		}
		slices.Sort(got)
		return slices.Equal(got, want), nil
	})
	if err != nil {
		t.Fatalf("%q are known, want %q: %v", got, want, b.Known())
	}
}

func held(name, cluster string) *corev1.ConfigMap {
	return snapshotstest.ConfigMapOf(snapshotstest.NewBackup(name, cluster, "csi").In(namespace).Annotate(restore, "latest").Obj())
}

func TestBackupsAreFollowed(t *testing.T) {
	kb := strimziBackup().Obj()
	other := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "unrelated"}}
	b, c := following(t, nil, kb, held("daily", "my-cluster"), held("hourly", "shadowed"), other)
	untilKnown(t, b, "daily of my-cluster", "hourly of my-cluster")
	if all, err := b.In("elsewhere"); err != nil || len(all) > 0 {
		t.Errorf("elsewhere: %v, %v", all, err)
	}
	for _, step := range []struct {
		do   func() error
		want []string
	}{
		{func() error { return c.Create(t.Context(), held("weekly", "my-cluster")) }, []string{"daily of my-cluster", "hourly of my-cluster", "weekly of my-cluster"}},
		{func() error { return c.Delete(t.Context(), held("daily", "my-cluster")) }, []string{"hourly of my-cluster", "weekly of my-cluster"}},
		{func() error { return c.Delete(t.Context(), kb) }, []string{"hourly of shadowed", "weekly of my-cluster"}},
		{func() error { return c.Update(t.Context(), held("weekly", "another")) }, []string{"hourly of shadowed", "weekly of another"}},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		untilKnown(t, b, step.want...)
	}
}

// Without the CRD of KafkaBackups, those in ConfigMaps are known. When the CRD is
// installed later, it is found.
func TestNoKafkaBackupCRD(t *testing.T) {
	missing := make(chan struct{})
	b, _ := following(t, func() error {
		select {
		case <-missing:
			return nil
		default:
			return &meta.NoKindMatchError{}
		}
	}, strimziBackup().Obj(), held("daily", "my-cluster"))
	untilKnown(t, b, "daily of my-cluster")
	optedIn := hoursAgo(1).Annotate(restore, "latest").Obj()
	s := site{cached: append(withoutBackups(), optedIn), live: objects(optedIn), backups: b}
	wantAnswer(t, s.ask(t, recorded(t, strimziReview)), http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": optedIn.Name})
	close(missing)
	untilKnown(t, b, "daily of my-cluster", "hourly of my-cluster")
}

// While the KafkaBackups are not all known, no answer says that there is none.
func TestBackupsNotKnownYet(t *testing.T) {
	b, _ := following(t, func() error { return errDown })
	err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return strings.Contains(fmt.Sprint(b.Known()), "kafkabackups are not"), nil
	})
	if err != nil {
		t.Fatal(b.Known())
	}
	s := siteOf(hoursAgo(1))
	s.backups = b
	wantAnswer(t, s.ask(t, recorded(t, strimziReview)), http.StatusServiceUnavailable, map[string]string{"decision": "error Internal"})
	if _, err := webhook.NewBackups(nil).In(namespace); err == nil {
		t.Error("nothing was listed, and there is none")
	}
}
