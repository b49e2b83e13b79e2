package change

import (
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// TestRefused asks for changes of what is not as it was seen. Nothing may change.
func TestRefused(t *testing.T) {
	t.Parallel()
	other := func(a Asked) Asked { a.UID = "another"; return a }
	frozen := func(t *testing.T, w *world) {
		annotate(t, w, &v1alpha1.KafkaBackup{}, "hourly", v1alpha1.AnnotationFreeze, "topics lost")
	}
	suspended := func(t *testing.T, w *world) { do(t, w, asked(Suspend, "held", "false", "")) }
	for name, test := range map[string]struct {
		asked   Asked
		prepare func(*testing.T, *world)
		why     string
	}{
		"another snapshot":    {asked: other(asked(Hold, "s", "", "why")), why: "VolumeSnapshot kafka/s is not the one that you saw, but another one of its name; nothing was changed"},
		"another KafkaBackup": {asked: other(asked(Freeze, "hourly", "", "why")), why: "KafkaBackup kafka/hourly is not the one that you saw, but another one of its name; nothing was changed"},
		"another ConfigMap":   {asked: other(asked(Suspend, "held", "false", "")), why: "ConfigMap kafka/held is not the one that you saw, but another one of its name; nothing was changed"},
		"no snapshot":         {asked: asked(Hold, "none", "", "why"), why: "KafkaBackup kafka/none is not there any more; nothing was changed"},
		"no KafkaBackup":      {asked: asked(Run, "none", "", ""), why: "KafkaBackup kafka/none is not there any more; nothing was changed"},
		"held meanwhile":      {asked: asked(Hold, "s", "", "why"), prepare: heldFor("an upgrade"), why: "VolumeSnapshot kafka/s is held by now, and not as you saw it: an upgrade; nothing was changed"},
		"held for another":    {asked: asked(Release, "s", "=why", ""), prepare: heldFor("an upgrade"), why: "VolumeSnapshot kafka/s is held by now, and not as you saw it: an upgrade; nothing was changed"},
		"held for nothing":    {asked: asked(Hold, "s", "", "why"), prepare: heldFor(""), why: "VolumeSnapshot kafka/s is held by now, and not as you saw it; nothing was changed"},
		"released meanwhile":  {asked: asked(Release, "s", "=why", ""), why: "VolumeSnapshot kafka/s is not held any more; nothing was changed"},
		"never held":          {asked: asked(Release, "s", "", ""), why: "VolumeSnapshot kafka/s is not held any more; nothing was changed"},
		"not ours": {asked: asked(Hold, "s", "", "why"), prepare: func(t *testing.T, w *world) {
			vs := &snapshotv1.VolumeSnapshot{}
			w.object(t, vs, "s")
			vs.Labels = nil
			if err := w.Update(t.Context(), vs); err != nil {
				t.Fatal(err)
			}
		}, why: "VolumeSnapshot s was not made by Snapback, which never prunes it; nothing was changed"},
		"being deleted": {asked: asked(Hold, "s", "", "why"), prepare: func(t *testing.T, w *world) {
			vs := &snapshotv1.VolumeSnapshot{}
			w.object(t, vs, "s")
			vs.Finalizers = []string{"x/y"}
			if err := errors.Join(w.Update(t.Context(), vs), w.Delete(t.Context(), vs)); err != nil {
				t.Fatal(err)
			}
		}, why: "VolumeSnapshot kafka/s is being deleted, which no hold can stop; nothing was changed"},
		"frozen meanwhile":    {asked: asked(Freeze, "hourly", "", "why"), prepare: frozen, why: "KafkaBackup kafka/hourly is frozen by now, and not as you saw it: topics lost; nothing was changed"},
		"unfrozen meanwhile":  {asked: asked(Unfreeze, "hourly", "=why", ""), why: "KafkaBackup kafka/hourly is not frozen any more; nothing was changed"},
		"suspended meanwhile": {asked: asked(Suspend, "held", "false", ""), prepare: suspended, why: "ConfigMap kafka/held is suspended by now, and not as you saw it; nothing was changed"},
		"resumed meanwhile":   {asked: asked(Resume, "hourly", "true", ""), why: "KafkaBackup kafka/hourly is not suspended any more; nothing was changed"},
		"asked for meanwhile": {asked: asked(Run, "hourly", "", ""), prepare: func(t *testing.T, w *world) {
			do(t, w, asked(Run, "hourly", "", ""))
		}, why: "KafkaBackup kafka/hourly was asked for a run meanwhile; nothing was changed"},
		"cannot run": {asked: asked(Run, "held", "", ""), prepare: func(t *testing.T, w *world) {
			cm := &corev1.ConfigMap{}
			w.object(t, cm, "held")
			cm.Data = nil
			if err := w.Update(t.Context(), cm); err != nil {
				t.Fatal(err)
			}
		}, why: "ConfigMap held cannot run now, nothing was changed: data.spec: must hold the spec of a KafkaBackup, as YAML"},
		"no such change": {asked: asked("prune", "hourly", "", ""), why: `KafkaBackup kafka/hourly cannot be changed by "prune"; nothing was changed`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if test.prepare != nil {
				test.prepare(t, w)
			}
			w.sent = nil
			undo, err := New(w, DryRunNone).Do(t.Context(), test.asked, now)
			var refusal Refusal
			if !errors.As(err, &refusal) || err.Error() != test.why || undo != nil || !Unchanged(err) {
				t.Errorf("%v (%v), want\n%s", err, undo, test.why)
			}
			if len(w.sent) > 0 {
				t.Errorf("sent %q", w.sent)
			}
		})
	}
}

// TestBetween has others change an object between the read and the write.
func TestBetween(t *testing.T) {
	t.Parallel()
	status := func(c client.Client) {
		annotate(t, c, &v1alpha1.KafkaBackup{}, "hourly", v1alpha1.AnnotationStatus, "later")
	}
	statusOfHeld := func(c client.Client) {
		annotate(t, c, &corev1.ConfigMap{}, "held", v1alpha1.AnnotationStatus, "conditions: []")
	}
	for name, test := range map[string]struct {
		asked   Asked
		between func(client.Client)
		why     string // empty: it is done all the same
	}{
		"a status":                  {asked(Freeze, "hourly", "", "why"), status, ""},
		"the status of a ConfigMap": {asked(Suspend, "held", "false", ""), statusOfHeld, ""},
		"frozen by another": {asked(Freeze, "hourly", "", "why"), func(c client.Client) {
			annotate(t, c, &v1alpha1.KafkaBackup{}, "hourly", v1alpha1.AnnotationFreeze, "theirs")
		}, "KafkaBackup kafka/hourly is frozen by now, and not as you saw it: theirs; nothing was changed"},
		"held by another": {asked(Hold, "s", "", "why"), func(c client.Client) {
			annotate(t, c, &snapshotv1.VolumeSnapshot{}, "s", v1alpha1.AnnotationHold, "theirs")
		}, "VolumeSnapshot kafka/s is held by now, and not as you saw it: theirs; nothing was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.between = test.between
			_, err := New(w, DryRunNone).Do(t.Context(), test.asked, now)
			if test.why == "" && err != nil || test.why != "" && (err == nil || err.Error() != test.why) {
				t.Errorf("%v, want %q", err, test.why)
			}
		})
	}
}

// TestUnchanged has writes that fail: whether something was changed is not always
// known.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	of := schema.GroupResource{Resource: "volumesnapshots"}
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"forbidden":      {apierrors.NewForbidden(of, "s", nil), true},
		"a rule":         {apierrors.NewInvalid(schema.GroupKind{}, "s", nil), true},
		"too many":       {apierrors.NewTooManyRequests("later", 1), true},
		"not in time":    {apierrors.NewTimeoutError("slow", 1), false},
		"a failure":      {apierrors.NewInternalError(errors.New("etcd")), false},
		"no answer":      {context.DeadlineExceeded, false},
		"away":           {io.ErrUnexpectedEOF, false},
		"always changed": {apierrors.NewConflict(of, "s", errors.New("changed")), true},
	} {
		w := newWorld(t)
		w.fail = test.err
		vs := &snapshotv1.VolumeSnapshot{}
		w.object(t, vs, "s")
		if _, err := New(w, DryRunNone).Hold(t.Context(), vs, "why"); !errors.Is(err, test.err) || Unchanged(err) != test.want {
			t.Errorf("%s: %v: unchanged is %v", name, err, Unchanged(err))
		}
	}
}

// TestCommands makes the changes of the commands, which look at what they have read
// themselves: the exact patches, also in dry runs.
func TestCommands(t *testing.T) {
	t.Parallel()
	const uid = `"uid":"of-hourly"`
	for dry, want := range map[DryRun][]string{
		DryRunNone: {
			`{"metadata":{"annotations":{"snapback.dev/run-now":"2026-02-21T19:05:33Z"},` + uid + `}}`,
			`{"metadata":{"annotations":{"snapback.dev/freeze":"why"},` + uid + `}}`,
			`{"metadata":{` + uid + `},"spec":{"suspend":true}}`,
			`{"metadata":{"annotations":{"snapback.dev/hold":"why"},"uid":"of-s"}}`,
		},
		DryRunClient: nil,
		DryRunServer: {
			`{"metadata":{"annotations":{"snapback.dev/run-now":"2026-02-21T19:05:33Z"},` + uid + `}}`,
			`{"metadata":{"annotations":{"snapback.dev/freeze":"why"},` + uid + `}}`,
			`{"metadata":{` + uid + `},"spec":{"suspend":true}}`,
			`{"metadata":{"annotations":{"snapback.dev/hold":"why"},"uid":"of-s"}}`,
		},
	} {
		w := newWorld(t)
		before := w.state(t)
		i, err := inventory.LoadBackups(t.Context(), w, ns)
		if err != nil {
			t.Fatal(err)
		}
		b, err := i.Backup(ns, "hourly")
		if err != nil {
			t.Fatal(err)
		}
		vs := &snapshotv1.VolumeSnapshot{}
		w.object(t, vs, "s")
		c := New(w, dry)
		changed := make([]bool, 4)
		errs := make([]error, 5)
		errs[0] = c.RunNow(t.Context(), b, now)
		changed[0], errs[1] = c.Freeze(t.Context(), b, "why")
		changed[1], errs[2] = c.Suspend(t.Context(), b)
		changed[2], errs[3] = c.Hold(t.Context(), vs, "why")
		changed[3], errs[4] = c.Resume(t.Context(), b) // it was not suspended when it was read
		if err := errors.Join(errs...); err != nil || !slices.Equal(changed, []bool{true, true, true, false}) {
			t.Errorf("%s: %v, changed: %v", dry, err, changed)
		}
		if !slices.Equal(w.sent, want) {
			t.Errorf("%s: sent %q", dry, w.sent)
		}
		for _, o := range w.options {
			if (len(o.DryRun) > 0) != (dry == DryRunServer) {
				t.Errorf("%s: sent with %v", dry, o.DryRun)
			}
		}
		if stays := reflect.DeepEqual(w.state(t), before); stays != (dry != DryRunNone) {
			t.Errorf("%s: nothing was changed: %v", dry, stays)
		}
	}
}

// TestReleaseAll takes off all that keeps a snapshot, and refuses what was abandoned
// unless that is said.
func TestReleaseAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, annotation := range []string{v1alpha1.AnnotationHold, v1alpha1.AnnotationAbandoned} {
		annotate(t, w, &snapshotv1.VolumeSnapshot{}, "s", annotation, "older")
	}
	vs := &snapshotv1.VolumeSnapshot{}
	w.object(t, vs, "s")
	const refusal = "VolumeSnapshot s was abandoned by the restore from older and is kept for that: say --abandoned to let it go, or delete it; nothing was changed"
	if err := MayRelease(vs); err == nil || err.Error() != refusal {
		t.Error(err)
	}
	for _, want := range []int{2, 0} {
		off, err := New(w, DryRunNone).Release(t.Context(), vs)
		if err != nil || len(off) != want {
			t.Errorf("%v: %v", err, off)
		}
	}
	if err := MayRelease(vs); err != nil || vs.Annotations[v1alpha1.AnnotationHold] != "" {
		t.Errorf("%v: %v", err, vs.Annotations)
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]Asked{
		"kubectl snapback run hourly -n kafka":                            asked(Run, "hourly", "", ""),
		"kubectl snapback hold s -n kafka --reason '…'":                   asked(Hold, "s", "", ""),
		`kubectl snapback freeze hourly -n kafka --reason 'it'\''s gone'`: asked(Freeze, "hourly", "", "it's gone"),
		"kubectl snapback release s -n kafka":                             asked(Release, "s", "=why", ""),
	} {
		if got := a.Command(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
