package scheduler

import (
	"fmt"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

const (
	driver = snapshots.DriverEBS // the one whose classes lock

	finalizerClaim    = "kubernetes.io/pvc-protection"
	finalizerSnapshot = "snapshot.storage.kubernetes.io/volumesnapshot-bound-protection"
)

// data is what a volume or a snapshot really holds.
type data struct {
	slot string
	life int       // number of the data's life; a restore continues it
	born time.Time // when that life began
	good bool      // it began when the volume had no data to lose

	stray bool // data of a volume that was bound instead of a restored one
}

// fate is what the storage will do with a snapshot.
type fate struct {
	cutAt, readyAt, failAt time.Time // zero: never

	timesOut bool   // the driver answers no creation before the cut
	from     string // then: the volume that it was asked about; empty: it was not asked yet
}

// storage is the model of the snapshot and PVC controllers, and their driver.
type storage struct {
	volumes map[string]data // by PV
	cuts    map[types.UID]data
	of      map[types.UID]string // handles of the volumes that snapshots were cut from
	cutAt   map[types.UID]time.Time
	fates   map[types.UID]fate
	bindAt  map[types.UID]time.Time
	lives   int
	skew    time.Duration      // of its clock
	left    map[types.UID]bool // terminating snapshots that its controllers have forgotten

	throttles bool // it puts off what is too much at once
}

// storageWorks makes the storage and its controllers do what is due.
func (w *world) storageWorks() {
	for _, vs := range allOf[*snapshotv1.VolumeSnapshot](w.store.objects) {
		switch {
		case vs.DeletionTimestamp != nil:
			w.finishSnapshot(vs)
		case !isReady(vs):
			w.takeSnapshot(vs)
		}
	}
	for _, pvc := range allOf[*corev1.PersistentVolumeClaim](w.store.objects) {
		switch {
		case pvc.DeletionTimestamp != nil:
			w.finishClaim(pvc)
		case pvc.Status.Phase == corev1.ClaimPending:
			w.bind(pvc)
		}
	}
}

// takeSnapshot takes a snapshot as far as it has come. Like a real one it
// knows its claim by name only.
func (w *world) takeSnapshot(vs *snapshotv1.VolumeSnapshot) {
	now := w.clock.Now()
	f, ok := w.storage.fates[vs.UID]
	if !ok {
		f = w.newFate(vs.CreationTimestamp.Time)
		w.storage.fates[vs.UID] = f
	}
	due := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	if f.timesOut && f.from == "" {
		vs = w.askFor(vs, f)
		f = w.storage.fates[vs.UID]
	}
	if due(f.failAt) && !isCut(vs) && (vs.Status == nil || vs.Status.Error == nil) {
		vs = mutate(&w.store, vs, func(vs *snapshotv1.VolumeSnapshot) {
			vs.Status = &snapshotv1.VolumeSnapshotStatus{Error: &snapshotv1.VolumeSnapshotError{Message: ptr.To("no space")}, ReadyToUse: ptr.To(false)}
		})
	}
	if !isCut(vs) && due(f.cutAt) {
		if w.storage.throttles && w.underWay(time.Time{}, false) > throttledFrom && w.rng.IntN(2) == 0 {
			f.cutAt = now.Add(time.Duration(w.rng.Int64N(int64(5 * time.Minute)))) // when the sidecar tries again
			f.readyAt = f.cutAt
			w.storage.fates[vs.UID] = f
			mutate(&w.store, vs, func(vs *snapshotv1.VolumeSnapshot) {
				vs.Status = &snapshotv1.VolumeSnapshotStatus{Error: &snapshotv1.VolumeSnapshotError{Message: ptr.To("RequestLimitExceeded: Request limit exceeded.")}, ReadyToUse: ptr.To(false)}
			})
			return
		}
		vs = w.cut(vs)
	}
	if isCut(vs) && due(f.readyAt) {
		mutate(&w.store, vs, func(vs *snapshotv1.VolumeSnapshot) { vs.Status.ReadyToUse, vs.Status.Error = ptr.To(true), nil })
	}
}

// newFate draws the fate of a snapshot that was created then.
func (w *world) newFate(created time.Time) fate {
	after := func(limit time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(limit))) }
	var f fate
	switch n := w.rng.IntN(100); {
	case n < 75: // at once
		f.cutAt = created.Add(after(5 * time.Second))
		f.readyAt = f.cutAt.Add(after(2 * time.Minute))
	case n < 88: // cut, and copied for long
		f.cutAt = created.Add(after(time.Minute))
		f.readyAt = f.cutAt.Add(after(3 * time.Hour))
	case n < 90: // cut late, and its creation times out meanwhile
		f.failAt = created
		f.cutAt = created.Add(after(2 * time.Hour))
		f.readyAt, f.timesOut = f.cutAt.Add(after(time.Minute)), true
	case n < 93: // cut late
		f.cutAt = created.Add(after(2 * time.Hour))
		f.readyAt = f.cutAt.Add(after(time.Minute))
	case n < 96: // fails, and is mended by a retry
		f.failAt = created.Add(after(time.Minute))
		f.cutAt = f.failAt.Add(after(2 * time.Hour))
		f.readyAt = f.cutAt
	case n < 98: // fails for ever
		f.failAt = created.Add(after(time.Minute))
	} // the others are stuck
	return f
}

// askFor asks the driver for a snapshot whose creation times out. From then on it
// is of the volume that the claim has now.
func (w *world) askFor(vs *snapshotv1.VolumeSnapshot, f fate) *snapshotv1.VolumeSnapshot {
	pvc := w.source(vs)
	if pvc == nil {
		return vs
	}
	f.from = pvc.Spec.VolumeName
	w.storage.fates[vs.UID] = f
	content := w.contentFor(vs)
	content.Spec.Source.VolumeHandle = ptr.To(handleOf(f.from))
	content.Annotations = map[string]string{annotationBeingCreated: "yes"}
	w.mustCreate(content)
	return mutate(&w.store, vs, func(vs *snapshotv1.VolumeSnapshot) { vs.Finalizers = []string{finalizerSnapshot} })
}

// handleOf is the handle of the volume of a PersistentVolume.
func handleOf(pv string) string { return "handle-" + pv }

// annotationBeingCreated marks a content until the driver has answered.
const annotationBeingCreated = "snapshot.storage.kubernetes.io/volumesnapshot-being-created"

// source is the claim that a snapshot can be taken of now; nil: there is none.
func (w *world) source(vs *snapshotv1.VolumeSnapshot) *corev1.PersistentVolumeClaim {
	pvc := w.claimNamed(*vs.Spec.Source.PersistentVolumeClaimName)
	if pvc == nil || pvc.Status.Phase != corev1.ClaimBound || pvc.DeletionTimestamp != nil {
		return nil
	}
	return pvc
}

func (w *world) contentFor(vs *snapshotv1.VolumeSnapshot) *snapshotv1.VolumeSnapshotContent {
	return &snapshotv1.VolumeSnapshotContent{ObjectMeta: metav1.ObjectMeta{Name: "snapcontent-" + string(vs.UID)},
		Spec: snapshotv1.VolumeSnapshotContentSpec{Driver: driver, DeletionPolicy: w.policy(),
			VolumeSnapshotRef: corev1.ObjectReference{Namespace: vs.Namespace, Name: vs.Name, UID: vs.UID}}}
}

func (w *world) cut(vs *snapshotv1.VolumeSnapshot) *snapshotv1.VolumeSnapshot {
	content, of := w.contentFor(vs), w.storage.fates[vs.UID].from
	if of != "" {
		mutate(&w.store, content, func(c *snapshotv1.VolumeSnapshotContent) { c.Annotations = nil })
	} else {
		pvc := w.source(vs)
		if pvc == nil {
			return vs
		}
		of = pvc.Spec.VolumeName
		content.Spec.Source.VolumeHandle = ptr.To(handleOf(of))
		w.mustCreate(content)
	}
	w.storage.cuts[vs.UID], w.storage.of[vs.UID], w.storage.cutAt[vs.UID] = w.storage.volumes[of], handleOf(of), w.clock.Now()
	if said := vs.Annotations[v1alpha1.AnnotationVolumeHandle]; said != handleOf(of) {
		w.did("snapshot %s of %s is cut from %s", vs.Name, said, handleOf(of))
	}
	return mutate(&w.store, vs, func(vs *snapshotv1.VolumeSnapshot) {
		vs.Finalizers = []string{finalizerSnapshot}
		vs.Status = &snapshotv1.VolumeSnapshotStatus{ReadyToUse: ptr.To(false), BoundVolumeSnapshotContentName: &content.Name,
			CreationTime: &metav1.Time{Time: w.clock.Now().Add(w.storage.skew).Truncate(time.Second)}}
	})
}

// lockFor is how long the storage locks the snapshots of some seeds' class, as the
// class says.
const lockFor = 24 * time.Hour

// lockedUntil is when the lock of a snapshot ends: it is counted from the time at
// which all data is copied.
func (w *world) lockedUntil(vs *snapshotv1.VolumeSnapshot) time.Time {
	if !w.locks || !isCut(vs) {
		return time.Time{}
	}
	return w.storage.fates[vs.UID].readyAt.Add(lockFor)
}

// finishSnapshot removes a terminating snapshot, unless it is locked, or a claim
// waits for it: then the two block each other. The controllers try that once, and
// forget it, as they forget one whose creation timed out when its deletion was
// asked for. Only when they are restarted they find such a snapshot again.
func (w *world) finishSnapshot(vs *snapshotv1.VolumeSnapshot) {
	if w.storage.left[vs.UID] || w.clock.Now().Before(w.lockedUntil(vs)) || w.rng.IntN(3) == 0 {
		return
	}
	if w.awaited(vs.Name) != nil || w.storage.fates[vs.UID].from != "" && !isCut(vs) {
		w.storage.left[vs.UID] = true
		w.did("snapshot %s terminates, and is forgotten", vs.Name)
		return
	}
	content := w.contentFor(vs)
	if c, ok := w.store.get(refOf(content)).(*snapshotv1.VolumeSnapshotContent); ok && c.Spec.DeletionPolicy == snapshotv1.VolumeSnapshotContentDelete {
		w.store.write(refOf(content), nil)
	}
	w.store.write(refOf(vs), nil)
}

// finishClaim removes a terminating claim and its volume, unless a snapshot of it
// is unfinished.
func (w *world) finishClaim(pvc *corev1.PersistentVolumeClaim) {
	for _, vs := range allOf[*snapshotv1.VolumeSnapshot](w.store.objects) {
		if *vs.Spec.Source.PersistentVolumeClaimName == pvc.Name && !isReady(vs) {
			return
		}
	}
	w.store.write(refOf(pvc), nil)
	if pvc.Spec.VolumeName != "" {
		w.store.write(refOf(&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: pvc.Spec.VolumeName}}), nil)
	}
}

// bind gives a claim its volume when it is time for that.
func (w *world) bind(pvc *corev1.PersistentVolumeClaim) {
	now := w.clock.Now()
	at, ok := w.storage.bindAt[pvc.UID]
	if !ok {
		wait := time.Minute
		if w.rng.IntN(8) == 0 { // waits for its pod, or for a large copy
			wait = 2 * time.Hour
		}
		at = now.Add(time.Duration(w.rng.Int64N(int64(wait))))
		w.storage.bindAt[pvc.UID] = at
	}
	if now.Before(at) {
		return
	}
	w.storage.lives++
	holds := data{slot: w.slotOf(pvc), life: w.storage.lives, born: now}
	source := pvc.Spec.DataSource
	if source != nil {
		vs := w.snapshotNamed(source.Name)
		if vs == nil || vs.DeletionTimestamp != nil || !isReady(vs) {
			return
		}
		holds = w.storage.cuts[vs.UID]
	} else {
		holds.good = !w.hasData(holds.slot) || pvc.Annotations[v1alpha1.AnnotationPromote] == "true"
	}
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + string(pvc.UID), Annotations: map[string]string{claims.AnnotationProvisionedBy: driver}}}
	if source != nil && w.rng.IntN(30) == 0 { // an existing Available volume
		w.storage.lives++
		holds = data{slot: holds.slot, life: w.storage.lives, born: now, stray: true}
		pv.Name, pv.Annotations = fmt.Sprintf("stray-%d", w.storage.lives), nil
		w.did("claim %s is bound to %s instead of being restored", pvc.Name, pv.Name)
	}
	pv.Spec.Capacity = pvc.Spec.Resources.Requests
	pv.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: handleOf(pv.Name)}
	pv.Status.Phase = corev1.VolumeBound
	if err := w.store.create(pv); err != nil {
		panic(err)
	}
	w.storage.volumes[pv.Name] = holds
	mutate(&w.store, pvc, func(pvc *corev1.PersistentVolumeClaim) {
		pvc.Spec.VolumeName, pvc.Status.Phase = pv.Name, corev1.ClaimBound
	})
	w.did("claim %s is bound (life %d)", pvc.Name, holds.life)
}

// hasData reports whether the slot has had a volume that was ever snapshotted.
func (w *world) hasData(slot string) bool {
	return slices.ContainsFunc(allOf[*snapshotv1.VolumeSnapshot](w.store.objects), func(vs *snapshotv1.VolumeSnapshot) bool {
		return isCut(vs) && w.storage.cuts[vs.UID].slot == slot
	})
}

// awaited is a live claim that waits to be filled from the snapshot.
func (w *world) awaited(snapshot string) *corev1.PersistentVolumeClaim {
	for _, pvc := range allOf[*corev1.PersistentVolumeClaim](w.store.objects) {
		if s := pvc.Spec.DataSource; s != nil && s.Name == snapshot && pvc.Status.Phase == corev1.ClaimPending && pvc.DeletionTimestamp == nil {
			return pvc
		}
	}
	return nil
}

func (w *world) claimNamed(name string) *corev1.PersistentVolumeClaim {
	pvc, _ := w.store.get(refOf(&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})).(*corev1.PersistentVolumeClaim)
	return pvc
}

func (w *world) snapshotNamed(name string) *snapshotv1.VolumeSnapshot {
	vs, _ := w.store.get(refOf(&snapshotv1.VolumeSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})).(*snapshotv1.VolumeSnapshot)
	return vs
}

func isReady(vs *snapshotv1.VolumeSnapshot) bool {
	return vs.Status != nil && ptr.Deref(vs.Status.ReadyToUse, false)
}

func isCut(vs *snapshotv1.VolumeSnapshot) bool {
	return vs.Status != nil && vs.Status.CreationTime != nil
}

// slotOf is the hash of the claim's volume.
func (w *world) slotOf(pvc *corev1.PersistentVolumeClaim) string {
	v, ok := snapshots.Identify(namespace, pvc, nil)
	if !ok {
		panic("claim " + pvc.Name + " is of no broker volume")
	}
	return v.Hash()
}
