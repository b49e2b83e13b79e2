package webhook_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

// TestWordIsBehindOfRecalled has claims that only their snapshots identify, and a cache
// that does not know yet that people have opted in.
func TestWordIsBehindOfRecalled(t *testing.T) {
	ns := func(value string) client.Object {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		if value != "" {
			ns.Annotations = map[string]string{restore: value}
		}
		return ns
	}
	moved := snapshotstest.PlainClaim("data-kafka-0").In(namespace).Label("app.kubernetes.io/name", "kafka").Label("app.kubernetes.io/instance", "second")
	earlier := snapshotstest.PlainClaim("data-kafka-0").In(namespace).Label("app.kubernetes.io/name", "kafka").Label("app.kubernetes.io/instance", "first")
	backup := selecting("hourly", "selected")
	ofPlain := takenOf(plain(), backup, time.Hour)
	ofEarlier := takenOf(earlier, snapshotstest.NewBackup("hourly", "first", "csi-snapshots").In(namespace), time.Hour)
	for name, test := range map[string]struct {
		claim        *snapshotstest.Claim
		snapshot     *snapshotstest.Snapshot
		cached, live []client.Object
		want         string
	}{
		"a new KafkaBackup":         {plain(), ofPlain, objects(ns("")), objects(ns(""), selecting("hourly", "selected").Annotate(restore, "latest").Obj()), "restore Restored"},
		"the namespace is opted in": {plain(), ofPlain, objects(ns("off")), objects(ns("latest")), "restore Restored"},
		"relabelled":                {moved, ofEarlier, objects(ns("off")), objects(ns("latest")), "restore Restored"},
		"nobody has said it":        {plain(), ofPlain, objects(ns("")), objects(ns("")), "allow NotBrokerVolume"},
		"opted out by itself":       {plain().Annotate(restore, "off"), ofPlain, objects(ns("")), objects(ns("latest")), "allow NotBrokerVolume"},
	} {
		t.Run(name, func(t *testing.T) {
			others := slices.DeleteFunc(withoutBackups(), func(o client.Object) bool { return o.GetName() == namespace })
			s := site{cached: append(append(slices.Clone(others), test.cached...), test.snapshot.Obj()), live: append(append(slices.Clone(others), test.live...), test.snapshot.Obj())}
			answer := s.ask(t, reviewOf(t, strimziReview, func(pvc *corev1.PersistentVolumeClaim) {
				asked := test.claim.Obj()
				pvc.Name, pvc.Labels, pvc.Annotations = asked.Name, asked.Labels, asked.Annotations
			}))
			if answer.AuditAnnotations["decision"] != test.want {
				t.Errorf("%v: %s, want %s", answer.AuditAnnotations, answer.Result.Message, test.want)
			}
		})
	}
}

// TestWordComesInPages has many KafkaBackups as large as the apiserver allows, while claims
// that nobody has opted in are created side by side. Only a page of them is in memory.
func TestWordComesInPages(t *testing.T) {
	others := slices.DeleteFunc(surroundings(), func(o client.Object) bool { return o.GetNamespace() == namespace })
	snapshot := hoursAgo(1).Obj()
	s := site{cached: append(slices.Clone(others), snapshot), live: append(slices.Clone(others), snapshot)}
	var unlimited, atOnce, most atomic.Int32
	s.liveFaults = interceptor.Funcs{List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
		var o client.ListOptions
		switch o.ApplyOptions(options); list.(type) {
		case *v1alpha1.KafkaBackupList, *corev1.ConfigMapList:
			if o.Limit == 0 {
				unlimited.Add(1)
			}
			if n := atOnce.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer atOnce.Add(-1)
		}
		return c.List(ctx, list, options...)
	}}
	h := s.handler(t)
	var claims sync.WaitGroup
	for range 8 {
		claims.Go(func() { post(t.Context(), t, h, recorded(t, strimziReview)) })
	}
	claims.Wait()
	if unlimited.Load() > 0 || most.Load() != 1 {
		t.Errorf("%d lists without a limit, %d at once", unlimited.Load(), most.Load())
	}
}

// TestPinIsBehind has a webhook that was stopped while people pinned an earlier time, and
// another run was made.
func TestPinIsBehind(t *testing.T) {
	others := slices.DeleteFunc(surroundings(), func(o client.Object) bool { return o.GetName() == namespace })
	pinned := map[string]string{v1alpha1.AnnotationRestoreBefore: now.Add(-150 * time.Minute).Format(time.RFC3339)}
	s := site{
		cached: append(slices.Clone(others), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, hoursAgo(2).Obj(), hoursAgo(3).Obj()),
		live: append(slices.Clone(others), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Annotations: pinned}},
			hoursAgo(1).Obj(), hoursAgo(2).Obj(), hoursAgo(3).Obj()),
	}
	wantAnswer(t, s.ask(t, recorded(t, strimziReview)), http.StatusOK, map[string]string{"decision": "restore Restored", "snapshot": hoursAgo(3).Obj().Name})
}
