package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

func TestForeignConfigMapIsLeftAlone(t *testing.T) {
	t.Parallel()
	of := func(labels, annotations map[string]string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kafka", Name: "snapback-history-main", Labels: labels, Annotations: annotations}, Data: map[string]string{"a": "b"}}
	}
	marked := map[string]string{v1alpha1.LabelHistory: v1alpha1.ValueTrue}
	for name, cm := range map[string]*corev1.ConfigMap{
		"not labelled":       of(nil, map[string]string{v1alpha1.AnnotationClusterName: "main"}),
		"of another cluster": of(marked, map[string]string{v1alpha1.AnnotationClusterName: "other"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, interceptor.Funcs{}, cm)
			w.Record(given("Restored", "1"))
			w.pass(t, gather)
			var got corev1.ConfigMap
			if err := w.c.Get(t.Context(), client.ObjectKeyFromObject(cm), &got); err != nil || len(got.Data) != 1 || w.lost != 1 {
				t.Errorf("%+v, %v; %d lost", got.Data, err, w.lost)
			}
		})
	}
}

func TestManyClusters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interceptor.Funcs{})
	for i := range 2 * maxQueues {
		e := given("Restored", "1")
		e.Cluster = fmt.Sprint("c", i)
		w.Record(e)
	}
	if len(w.queues) > maxQueues || w.pending > maxQueues || w.lost != maxQueues {
		t.Errorf("%d queues, %d pending, %d lost", len(w.queues), w.pending, w.lost)
	}
}

// TestStormInOneCluster has a tenant fill what may wait, also with clusters whose objects
// cannot be written: what is recorded of others is not lost.
func TestStormInOneCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		if strings.HasPrefix(o.GetName(), v1alpha1.HistoryName("storm")) {
			return errors.New("no")
		}
		return c.Create(ctx, o, opts...)
	}})
	for i := range maxPending {
		w.Record(distinct(fmt.Sprint("storm", i/maxWaiting), i))
	}
	w.pass(t, gather) // now they are sent in vain
	for i := range 10 {
		w.Record(distinct("main", i))
	}
	w.pass(t, gather)
	if d := w.stored(t); len(d.Entries()) != 10 || d.Summary.Lost != nil {
		t.Errorf("%d entries, lost %+v", len(d.Entries()), d.Summary.Lost)
	}
	if w.lost != 10 || w.pending != maxPending-10 {
		t.Errorf("%d lost, %d pending", w.lost, w.pending)
	}
}

// TestHopelessIsTriedOnce has a namespace that is being deleted.
func TestHopelessIsTriedOnce(t *testing.T) {
	t.Parallel()
	terminating := apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "x", errors.New("being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	for name, err := range map[string]error{
		"in deletion": terminating, "gone": apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "kafka"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tries := 0
			w := newWorld(t, interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
				tries++
				return err
			}})
			w.Record(given("Restored", "1"))
			w.pass(t, gather)
			w.pass(t, retry)
			if tries != 1 || w.lost != 1 || w.pending != 0 {
				t.Errorf("%d tries, %d lost, %d pending", tries, w.lost, w.pending)
			}
		})
	}
}

// TestOthersKeysGo has a tenant fill the object beside the entries.
func TestOthersKeysGo(t *testing.T) {
	t.Parallel()
	cm := newConfigMap(types.NamespacedName{Namespace: "kafka", Name: "main"}, &Document{})
	cm.Data["padding"], cm.BinaryData = strings.Repeat("x", 1<<19), map[string][]byte{"more": []byte("x")}
	w := newWorld(t, interceptor.Funcs{}, cm)
	w.Record(given("Restored", "1"))
	w.pass(t, gather)
	var got corev1.ConfigMap
	if err := w.c.Get(t.Context(), client.ObjectKeyFromObject(cm), &got); err != nil {
		t.Fatal(err)
	}
	if len(w.stored(t).Entries()) != 1 || got.Data["padding"] != "" || len(got.BinaryData) != 0 {
		t.Errorf("%d bytes, %d keys of binary data", sizeOf(got.Data), len(got.BinaryData))
	}
}

func TestTextsAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interceptor.Funcs{})
	e := given("Refused", "1")
	e.Message, e.Volume = strings.Repeat("é", maxText), "\x1b[2J\u009b\u202e\xff"
	e.Claim = strings.Repeat("c", 1<<20) // the apiserver has not looked at it yet
	w.Record(e)
	w.Flush(t.Context())
	got := w.stored(t).Entries()[0]
	if len(got.Message) != maxText || !strings.HasSuffix(got.Message, "é") || len(got.Claim) != maxName || got.Volume != "\ufffd[2J\ufffd\ufffd\ufffd" {
		t.Errorf("%d bytes, claim %d, volume %q", len(got.Message), len(got.Claim), got.Volume)
	}
	for _, r := range w.log.String() {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			t.Errorf("the log has %q", r)
		}
	}
}
