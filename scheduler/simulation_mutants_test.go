package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// mutantSeeds is the number of seeds within which a bug must be found.
const mutantSeeds = 8

// TestSimulationFindsBugs puts a bug between the scheduler and the API, and
// expects the simulation to find it.
func TestSimulationFindsBugs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute: run \"make test\"")
	}
	mutants := map[string]struct {
		wrap func(*tenure, client.Client) client.Client
		want string
		see  func(*snapshotv1.VolumeSnapshot)
	}{
		"failed snapshots count for retention":  {wrap: func(_ *tenure, c client.Client) client.Client { return deletesAnything{c} }, see: isReadyAnyway, want: "invariant 2"},
		"damaged snapshots count for retention": {see: isSoundAnyway, want: "not damaged"},
		"locks are ignored":                     {wrap: func(_ *tenure, c client.Client) client.Client { return seesNoLocks{c} }, want: "is locked until"},
		"names are made from the current time":  {wrap: func(t *tenure, c client.Client) client.Client { return namesByNow{c, t} }, want: "invariant 3"},
		"one failed create ends the run": {wrap: func(t *tenure, c client.Client) client.Client {
			return &aborts{Client: c, term: t, turn: make(chan struct{}, 1)}
		}, want: "invariant 4"},
		"snapshots of others are pruned":         {wrap: func(_ *tenure, c client.Client) client.Client { return prunesOthers{c} }, want: "invariant 5"},
		"the bound of the storage is ignored":    {wrap: func(_ *tenure, c client.Client) client.Client { return seesNoBound{c} }, want: "turns"},
		"all snapshots are taken for cut":        {see: isCutAnyway, want: "turns"},
		"the volumes of snapshots are unknown":   {see: isOfNoVolume, want: "was cut from handle"},
		"claims without data are taken for well": {wrap: func(_ *tenure, c client.Client) client.Client { return seesNoClaims{c} }, want: "invariant 6"},
	}
	for name, mutant := range mutants {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= mutantSeeds; seed++ {
				err := simulate(t, seed, *simulationHours, options{wrap: mutant.wrap, see: mutant.see})
				if err == nil {
					continue
				}
				if strings.Contains(err.Error(), mutant.want) {
					return
				}
				t.Logf("another rule notices it first: %v", err)
			}
			t.Errorf("no violation of %s in %d seeds", mutant.want, mutantSeeds)
		})
	}
}

// isReadyAnyway treats every snapshot as ready.
func isReadyAnyway(vs *snapshotv1.VolumeSnapshot) {
	if vs.Status == nil {
		vs.Status = &snapshotv1.VolumeSnapshotStatus{}
	}
	vs.Status.ReadyToUse = ptr.To(true)
}

// deletesAnything deletes without preconditions.
type deletesAnything struct{ client.Client }

func (c deletesAnything) Delete(ctx context.Context, o client.Object, _ ...client.DeleteOption) error {
	return c.Client.Delete(ctx, o)
}

// isSoundAnyway leaves out the verdicts of drills.
func isSoundAnyway(vs *snapshotv1.VolumeSnapshot) {
	delete(vs.Annotations, v1alpha1.AnnotationVerified)
}

// seesNoLocks leaves out what classes lock.
type seesNoLocks struct{ client.Client }

func (c seesNoLocks) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	err := c.Client.List(ctx, into, opts...)
	if list, ok := into.(*snapshotv1.VolumeSnapshotClassList); ok {
		for i := range list.Items {
			list.Items[i].Parameters = nil
		}
	}
	return err
}

// namesByNow names snapshots by the time at which they are created.
type namesByNow struct {
	client.Client
	term *tenure
}

func (n namesByNow) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	if vs, ok := o.(*snapshotv1.VolumeSnapshot); ok {
		vs.Name = snapshots.Name(*vs.Spec.Source.PersistentVolumeClaimName, vs.Annotations[v1alpha1.AnnotationBackupName], n.term.world.clock.Now())
	}
	return n.Client.Create(ctx, o, opts...)
}

// aborts creates one after another, and nothing more in a run once a create has failed.
type aborts struct {
	client.Client
	term *tenure

	turn   chan struct{}
	failed string
}

func (a *aborts) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	run := fmt.Sprint(ctx.Value(taskKey{}), o.GetLabels()[v1alpha1.LabelRun])
	a.turn <- struct{}{}
	defer func() { <-a.turn }()
	if a.failed == run {
		return errors.New("aborted")
	}
	err := a.Client.Create(ctx, o, opts...)
	if err != nil {
		a.failed = run
	}
	return err
}

// prunesOthers deletes a snapshot that Snapback has not made.
type prunesOthers struct{ client.Client }

func (c prunesOthers) Delete(ctx context.Context, o client.Object, _ ...client.DeleteOption) error {
	foreign := o.DeepCopyObject().(client.Object)
	foreign.SetName("by-hand")
	return c.Client.Delete(ctx, foreign)
}

// seesNoClaims gives every bound claim a selector. Claims whose creator chose a
// selector are not verified.
type seesNoClaims struct{ client.Client }

func (c seesNoClaims) List(ctx context.Context, into client.ObjectList, opts ...client.ListOption) error {
	err := c.Client.List(ctx, into, opts...)
	if list, ok := into.(*corev1.PersistentVolumeClaimList); ok {
		for i := range list.Items {
			list.Items[i].Spec.Selector = &metav1.LabelSelector{}
		}
	}
	return err
}

// seesNoBound leaves out what a VolumeSnapshotClass allows.
type seesNoBound struct{ client.Client }

func (c seesNoBound) Get(ctx context.Context, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
	err := c.Client.Get(ctx, key, into, opts...)
	if class, ok := into.(*snapshotv1.VolumeSnapshotClass); ok {
		class.Annotations = nil
	}
	return err
}

// isCutAnyway shows a snapshot as one that is cut.
func isCutAnyway(vs *snapshotv1.VolumeSnapshot) {
	if vs.Status == nil {
		vs.Status = &snapshotv1.VolumeSnapshotStatus{}
	}
	if vs.Status.CreationTime == nil {
		vs.Status.CreationTime = &vs.CreationTimestamp
	}
}

// TestSimulationSeesLateRuns lets a run make its first snapshot before and after its next
// one is due. Bugs on the way to the API cannot make runs late.
func TestSimulationSeesLateRuns(t *testing.T) {
	for runsLate, want := range map[int]bool{0: false, 1: true} {
		w := newWorld(1, options{})
		w.clock.Advance(5 * time.Hour)
		kb := w.backups()[0]
		c := cadenceOf(kb)
		at := c.latest(w.clock.Now().Add(-3 * maxLag)).Add(-time.Duration(runsLate) * c.period)
		key := runOf{backup: kb.Name, run: snapshots.FormatRun(at)}
		w.checkInTime(key, &snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Name: "late"}})
		if got := w.violation != nil; got != want {
			t.Errorf("%d runs late: %v", runsLate, w.violation)
		}
	}
}

// TestSimulationRepeats runs the same history twice, and expects the same
// actions. Otherwise a seed would not reproduce a failure.
func TestSimulationRepeats(t *testing.T) {
	var first, second []string
	for _, actions := range []*[]string{&first, &second} {
		if err := simulate(t, 11, 60, options{actions: actions}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range min(len(first), len(second)) {
		if first[i] != second[i] {
			t.Fatalf("two histories of one seed, after\n%s\n%s\nor\n%s", strings.Join(first[max(0, i-5):i], "\n"), first[i], second[i])
		}
	}
	if len(first) != len(second) {
		t.Errorf("two histories of one seed, of %d and %d actions", len(first), len(second))
	}
}
