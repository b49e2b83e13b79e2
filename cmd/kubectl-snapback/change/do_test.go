package change

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/snapback-dev/snapback/api"
	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

const ns = snapshotstest.Namespace

var now = time.Date(2026, 2, 21, 19, 5, 33, 5, time.UTC)

// spec is that of the ConfigMap held.
const spec = "clusterRef: kafka # ours\nschedule: \"@every 1h\"\nvolumeSnapshotClassName: csi\n"

// world is an apiserver with a KafkaBackup, a ConfigMap that holds one, and a snapshot.
type world struct {
	client.WithWatch
	sent    []string // each patch
	options []client.PatchOptions
	fail    error               // of the next patch
	between func(client.Client) // is done before the next patch
}

func newWorld(t *testing.T) *world {
	t.Helper()
	kb := snapshotstest.NewBackup("hourly", "kafka", "csi").Obj()
	kb.UID = "of-hourly"
	held := snapshotstest.ConfigMapOf(snapshotstest.NewBackup("held", "kafka", "csi").Obj())
	held.UID, held.Data["spec"] = "of-held", spec
	vs := snapshotstest.NewSnapshot(snapshotstest.StatefulSetClaim("kafka", 0), snapshotstest.NewBackup("hourly", "kafka", "csi"), "driver", now).Obj()
	vs.Name, vs.UID = "s", "of-s"
	w := &world{}
	w.WithWatch = fake.NewClientBuilder().WithScheme(api.NewScheme()).WithObjects(kb, held, vs).
		WithInterceptorFuncs(interceptor.Funcs{Patch: w.patch}).Build()
	return w
}

// patch refuses, as the apiserver does and the fake does not, an object of another UID.
func (w *world) patch(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
	body, err := p.Data(o)
	if err != nil {
		return err
	}
	if before := w.between; before != nil {
		w.between = nil
		before(c)
	}
	if err := w.fail; err != nil {
		w.fail = nil
		return err
	}
	var sent struct{ Metadata metav1.ObjectMeta }
	there := o.DeepCopyObject().(client.Object)
	if err := errors.Join(json.Unmarshal(body, &sent), c.Get(ctx, client.ObjectKeyFromObject(o), there)); err != nil {
		return err
	}
	if sent.Metadata.UID != "" && sent.Metadata.UID != there.GetUID() {
		return apierrors.NewConflict(schema.GroupResource{}, o.GetName(), errors.New("precondition failed: UID"))
	}
	w.sent = append(w.sent, string(body))
	w.options = append(w.options, *(&client.PatchOptions{}).ApplyOptions(options))
	return c.Patch(ctx, o, p, options...)
}

func (w *world) object(t *testing.T, o client.Object, name string) {
	t.Helper()
	if err := w.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, o); err != nil {
		t.Fatal(err)
	}
}

// state is all that the changes of this package can change.
func (w *world) state(t *testing.T) map[string]string {
	t.Helper()
	var kb v1alpha1.KafkaBackup
	var cm corev1.ConfigMap
	var vs snapshotv1.VolumeSnapshot
	w.object(t, &kb, "hourly")
	w.object(t, &cm, "held")
	w.object(t, &vs, "s")
	held, err := snapshots.KafkaBackupOfConfigMap(&cm)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"suspend": fmt.Sprint(kb.Spec.Suspend), "held: suspend": fmt.Sprint(held.Spec.Suspend)}
	for of, annotations := range map[string]map[string]string{"": kb.Annotations, "held: ": cm.Annotations, "s: ": vs.Annotations} {
		for key, value := range annotations {
			if key == v1alpha1.AnnotationFreeze || key == v1alpha1.AnnotationRunNow || key == v1alpha1.AnnotationHold || key == v1alpha1.AnnotationRestoreNext {
				all[of+strings.TrimPrefix(key, v1alpha1.Domain)] = value
			}
		}
	}
	return all
}

func annotate(t *testing.T, c client.Client, o client.Object, name, key, value string) {
	t.Helper()
	o.SetNamespace(ns)
	o.SetName(name)
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, key, value))
	if err := c.Patch(t.Context(), o, patch); err != nil {
		t.Fatal(err)
	}
}

func asked(name Name, object, seen, reason string) Asked {
	kind := map[string]string{"hourly": "KafkaBackup", "held": "ConfigMap", "s": KindSnapshot}[object]
	return Asked{Name: name, Namespace: ns, Kind: cmp.Or(kind, "KafkaBackup"), Object: object, UID: types.UID("of-" + object), Seen: seen, Reason: reason}
}

// TestDo makes each change and takes it back: the exact patches, and the state of
// before.
func TestDo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		asked   Asked
		prepare func(*testing.T, *world)
		changes map[string]string // "-": it is gone
		undo    Name              // empty: none
	}{
		"run":                   {asked: asked(Run, "hourly", "", ""), changes: map[string]string{"run-now": "2026-02-21T19:05:33Z"}},
		"run a ConfigMap":       {asked: asked(Run, "held", "", ""), changes: map[string]string{"held: run-now": "2026-02-21T19:05:33Z"}},
		"hold":                  {asked: asked(Hold, "s", "", "an upgrade"), changes: map[string]string{"s: hold": "an upgrade"}, undo: Release},
		"hold it for more":      {asked: asked(Hold, "s", "=before", "after"), prepare: heldFor("before"), changes: map[string]string{"s: hold": "after"}, undo: Hold},
		"release":               {asked: asked(Release, "s", "=why", ""), prepare: heldFor("why"), changes: map[string]string{"s: hold": "-"}, undo: Hold},
		"release for no reason": {asked: asked(Release, "s", "=", ""), prepare: heldFor(""), changes: map[string]string{"s: hold": "-"}, undo: Hold},
		"release of lines, as a browser sends them": {asked: asked(Release, "s", "=a\r\nb", ""), prepare: heldFor("a\nb"),
			changes: map[string]string{"s: hold": "-"}, undo: Hold},
		"hold what is pinned": {asked: asked(Hold, "s", "", "why"), prepare: func(t *testing.T, w *world) {
			annotate(t, w, &snapshotv1.VolumeSnapshot{}, "s", v1alpha1.AnnotationRestoreNext, "true")
		}, changes: map[string]string{"s: hold": "why"}, undo: Release},
		"freeze":             {asked: asked(Freeze, "hourly", "", "lost"), changes: map[string]string{"freeze": "lost"}, undo: Unfreeze},
		"freeze a ConfigMap": {asked: asked(Freeze, "held", "", "lost"), changes: map[string]string{"held: freeze": "lost"}, undo: Unfreeze},
		"unfreeze": {asked: asked(Unfreeze, "hourly", "=lost", ""), prepare: func(t *testing.T, w *world) {
			annotate(t, w, &v1alpha1.KafkaBackup{}, "hourly", v1alpha1.AnnotationFreeze, "lost")
		}, changes: map[string]string{"freeze": "-"}, undo: Freeze},
		"suspend":             {asked: asked(Suspend, "hourly", "false", ""), changes: map[string]string{"suspend": "true"}, undo: Resume},
		"suspend a ConfigMap": {asked: asked(Suspend, "held", "false", ""), changes: map[string]string{"held: suspend": "true"}, undo: Resume},
		"resume": {asked: asked(Resume, "hourly", "true", ""), prepare: func(t *testing.T, w *world) {
			do(t, w, asked(Suspend, "hourly", "false", ""))
		}, changes: map[string]string{"suspend": "false"}, undo: Suspend},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if test.prepare != nil {
				test.prepare(t, w)
			}
			w.options = nil
			before := w.state(t)
			want := map[string]string{}
			for key, value := range before {
				want[key] = value
			}
			for key, value := range test.changes {
				if want[key] = value; value == "-" {
					delete(want, key)
				}
			}
			undo := do(t, w, test.asked)
			if got := w.state(t); !reflect.DeepEqual(got, want) {
				t.Errorf("it is now\n%v, want\n%v", got, want)
			}
			if undo == nil {
				if test.undo != "" {
					t.Error("it cannot be taken back")
				}
				return
			}
			if undo.Name != test.undo {
				t.Errorf("taken back by %q, want %q", undo.Name, test.undo)
			}
			again := do(t, w, *undo)
			if got := w.state(t); !reflect.DeepEqual(got, before) {
				t.Errorf("taken back, it is\n%v, want\n%v", got, before)
			}
			if again == nil || again.Name != test.asked.Name {
				t.Errorf("what takes back the taking back is %v", again)
			}
			for _, o := range w.options {
				if o.FieldManager != string(FieldOwner) {
					t.Errorf("written by %q", o.FieldManager)
				}
			}
		})
	}
}

func heldFor(reason string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		annotate(t, w, &snapshotv1.VolumeSnapshot{}, "s", v1alpha1.AnnotationHold, reason)
	}
}

func do(t *testing.T, w *world, a Asked) *Asked {
	t.Helper()
	undo, err := New(w, DryRunNone).Do(t.Context(), a, now)
	if err != nil {
		t.Fatal(err)
	}
	return undo
}
