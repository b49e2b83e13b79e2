package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/scheduler/claims"
	"github.com/snapback-dev/snapback/snapshots"
)

// ledger is what the invariants need to know of the past.
type ledger struct {
	made     map[runOf]types.UID
	runNow   map[string][]time.Time
	touched  map[string]time.Time // KafkaBackups, by people
	bypassed map[types.UID]bool   // claims that the webhook was not asked about
	pinned   bool
	pinnedAt time.Time               // when the pin was last changed
	chosen   map[string]bool         // snapshots that people have chosen for a claim
	aside    map[types.UID]bool      // snapshots that were seen to be abandoned
	judged   map[types.UID]time.Time // when a drill came to its last verdict of a snapshot
	before   time.Time               // when the step before ended
	rested   time.Time               // when the scheduler had last seen and done everything
}

// runOf names a volume and a run. Each pair may have one snapshot.
type runOf struct{ backup, run, slot string }

func runOfSnapshot(o client.Object) runOf {
	return runOf{o.GetAnnotations()[v1alpha1.AnnotationBackupName], o.GetLabels()[v1alpha1.LabelRun], o.GetLabels()[v1alpha1.LabelVolume]}
}

func newLedger() ledger {
	return ledger{made: map[runOf]types.UID{}, runNow: map[string][]time.Time{}, touched: map[string]time.Time{}, bypassed: map[types.UID]bool{}, chosen: map[string]bool{}, aside: map[types.UID]bool{}, judged: map[types.UID]time.Time{}}
}

// created checks a snapshot that the scheduler has just made: invariant 3.
func (w *world) created(o client.Object) {
	vs, ok := o.(*snapshotv1.VolumeSnapshot)
	if !ok {
		return
	}
	key := runOfSnapshot(vs)
	if old, twice := w.ledger.made[key]; twice && (w.isThere(old) || w.storage.cuts[old].slot != "") {
		w.violate(fmt.Errorf("invariant 3: run %s of %s makes a second snapshot of a volume, %s", key.run, key.backup, vs.Name))
	}
	w.checkBound(vs)
	w.checkInTime(key, vs)
	at, err := snapshots.ParseRun(key.run)
	begun := err == nil && w.begun(key.backup, at) // a large run goes on, whatever is edited in the meantime
	w.ledger.made[key] = vs.UID
	if !begun && (err != nil || !w.isTimeOf(key.backup, at)) {
		w.violate(fmt.Errorf("liveness: %s is of a time that its KafkaBackup has never asked for", vs.Name))
	}
}

func (w *world) isThere(uid types.UID) bool {
	return slices.ContainsFunc(w.ours(), func(vs *snapshotv1.VolumeSnapshot) bool { return vs.UID == uid })
}

// isTimeOf reports whether the KafkaBackup asks for a run of that time. An
// edit in this minute, since the step before, or since the scheduler was last
// at rest, may not be seen yet.
func (w *world) isTimeOf(backup string, at time.Time) bool {
	if t := w.ledger.touched[backup]; w.clock.Since(t) <= 2*maxLag || !t.Before(w.ledger.before) || !t.Before(w.ledger.rested) {
		return true
	}
	for _, kb := range w.backups() {
		if kb.Name != backup {
			continue
		}
		latest := cadenceOf(kb).latest(at)
		if latest.Equal(at) || at.Sub(latest) > finishWithin && w.begun(backup, latest) { // in the place of one that was not finished
			return true
		}
	}
	return slices.ContainsFunc(w.ledger.runNow[backup], func(t time.Time) bool { return !at.Before(t) && at.Before(t.Add(time.Hour)) })
}

// begun reports whether a run has made a snapshot.
func (w *world) begun(backup string, at time.Time) bool {
	for key := range w.ledger.made {
		if key.backup == backup && key.run == snapshots.FormatRun(at) {
			return true
		}
	}
	return false
}

// mayDelete returns why the scheduler must not delete an object: invariants 2 and
// 5.
func (w *world) mayDelete(o client.Object) error {
	vs, ok := o.(*snapshotv1.VolumeSnapshot)
	if !ok || vs.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy {
		return fmt.Errorf("invariant 5: %s is deleted, which Snapback has not made", refOf(o))
	}
	if pvc := w.awaited(vs.Name); pvc != nil {
		return fmt.Errorf("invariant 2: snapshot %s is deleted while claim %s waits for it", vs.Name, pvc.Name)
	}
	if until := w.lockedUntil(vs); w.clock.Now().Before(until) {
		return fmt.Errorf("invariant 2: snapshot %s is deleted, and is locked until %s", vs.Name, until)
	}
	if !isReady(vs) || vs.DeletionTimestamp != nil { // it is given up, not pruned
		return nil
	}
	for _, mark := range []string{v1alpha1.AnnotationHold, v1alpha1.AnnotationRestoreNext, v1alpha1.AnnotationAbandoned} {
		if _, held := vs.Annotations[mark]; held {
			return fmt.Errorf("invariant 2: snapshot %s is deleted in spite of its mark %s", vs.Name, mark)
		}
	}
	backup := vs.Annotations[v1alpha1.AnnotationBackupName]
	if since, frozen := w.frozenSince[backup]; frozen && w.clock.Since(since) > 6*maxLag {
		return fmt.Errorf("invariant 2: snapshot %s is deleted while its KafkaBackup is frozen", vs.Name)
	}
	newer, ofLineage := 0, 0
	newerSound, soundOfLineage := 0, 0
	for _, other := range w.ours() {
		if !isReady(other) || other.Name == vs.Name || other.Labels[v1alpha1.LabelVolume] != vs.Labels[v1alpha1.LabelVolume] {
			continue
		}
		if other.Annotations[v1alpha1.AnnotationBackupName] == backup && other.Labels[v1alpha1.LabelRun] > vs.Labels[v1alpha1.LabelRun] {
			newer++
			if w.maybe(other, false) {
				newerSound++
			}
		}
		if other.Annotations[v1alpha1.AnnotationLineage] == vs.Annotations[v1alpha1.AnnotationLineage] {
			ofLineage++
			if w.maybe(other, false) {
				soundOfLineage++
			}
		}
	}
	if newer < 2 {
		return fmt.Errorf("invariant 2: snapshot %s is deleted, one of the newest two of its volume and KafkaBackup", vs.Name)
	}
	if ofLineage == 0 {
		return fmt.Errorf("invariant 2: snapshot %s is deleted, the last one of its lineage", vs.Name)
	}
	if w.maybe(vs, true) {
		return nil
	}
	if newerSound < 2 {
		return fmt.Errorf("invariant 2: snapshot %s is deleted, one of the newest two of its volume and KafkaBackup that are not damaged", vs.Name)
	}
	if soundOfLineage == 0 {
		return fmt.Errorf("invariant 2: snapshot %s is deleted, the last one of its lineage that is not damaged", vs.Name)
	}
	return nil
}

// maybe reports whether the scheduler may take a snapshot for damaged, or for not
// damaged. It may not have seen the last verdict yet.
func (w *world) maybe(vs *snapshotv1.VolumeSnapshot, damaged bool) bool {
	s, _ := snapshots.NewSnapshot(vs)
	at, judged := w.ledger.judged[vs.UID]
	return s.Damaged == damaged || judged && w.clock.Since(at) <= 6*maxLag
}

// checkDecision checks what the webhook decides for a volume: invariant 1, and
// that a new broker does not get the data of a removed one with the same id.
func (w *world) checkDecision(b *broker, d snapshots.Decision, outlived bool) {
	if d.Reason == v1alpha1.ReasonScaledUp && b.removed && outlived {
		return
	}
	if d.Outcome == v1alpha1.OutcomeRestore && b.removed && outlived && !w.ledger.pinned && (w.remembers || w.clock.Since(w.lastOf(d.Snapshot)) > 7*24*time.Hour) {
		w.violate(fmt.Errorf("a broker that was scaled down gets %s, of its namesake", d.SnapshotName()))
	}
	slot := w.slotOf(b.named())
	var usable, good bool
	for _, vs := range w.ours() {
		if vs.Labels[v1alpha1.LabelVolume] != slot || !isCut(vs) {
			continue
		}
		usable = true
		_, marked := vs.Annotations[v1alpha1.AnnotationPruning]
		good = good || isReady(vs) && !marked && w.isGood(vs)
	}
	if d.Outcome == v1alpha1.OutcomeAllow && usable {
		w.violate(fmt.Errorf("invariant 1: a volume starts empty (%s) although there is a snapshot of it", d.Reason))
	}
	if d.Outcome == v1alpha1.OutcomeRestore && good && !w.ledger.pinned {
		if vs := w.snapshotNamed(d.SnapshotName()); vs != nil && !w.isGood(vs) && !w.unseen(vs) {
			w.violate(fmt.Errorf("invariant 1: a volume gets %s, which was cut from an empty one, although there is one with its data", vs.Name))
		}
	}
}

// lastOf returns the scheduled time of the newest snapshot of the same volume and lineage,
// which may be damaged: so long the broker was there.
func (w *world) lastOf(s *snapshots.Snapshot) time.Time {
	last := s.Scheduled
	for _, o := range knownOf(w.store.objects, s.Volume) {
		if o.Lineage.ID == s.Lineage.ID && o.Scheduled.After(last) {
			last = o.Scheduled
		}
	}
	return last
}

// isGood reports whether a snapshot holds the volume's real data, and not the
// data of a volume that began empty less than a day before.
func (w *world) isGood(vs *snapshotv1.VolumeSnapshot) bool {
	cut := w.storage.cuts[vs.UID]
	return cut.good || w.clock.Since(cut.born) >= 24*time.Hour
}

// debt is a snapshot that the scheduler must make in this step.
type debt struct {
	runOf
	claim, uid, name string
}

// owed are the snapshots of the runs that became due in this step.
func (w *world) owed() []debt {
	var all []debt
	for _, kb := range w.backups() {
		at := cadenceOf(kb).latest(w.clock.Now())
		if !at.After(w.ledger.before) || !at.After(kb.CreationTimestamp.Time) || w.early(kb, at) || kb.Spec.Suspend ||
			!w.resting || w.ledger.rested.IsZero() || w.ledger.touched[kb.Name].After(w.ledger.rested) {
			continue
		}
		run := snapshots.FormatRun(at)
		for _, b := range w.brokers {
			live := w.claimsOf(b)
			if len(live) != 1 || live[0].Status.Phase != corev1.ClaimBound || live[0].DeletionTimestamp != nil || w.unfinished(kb.Name, string(live[0].UID), run) {
				continue
			}
			all = append(all, debt{runOf{kb.Name, run, w.slotOf(live[0])}, live[0].Name, string(live[0].UID), snapshots.Name(live[0].Name, kb.Name, at)})
		}
	}
	return all
}

// unfinished reports whether the claim of a UID has an unfinished snapshot of another run.
func (w *world) unfinished(backup, uid, run string) bool {
	return slices.ContainsFunc(w.ours(), func(vs *snapshotv1.VolumeSnapshot) bool {
		return !isReady(vs) && vs.Annotations[v1alpha1.AnnotationBackupName] == backup && vs.Annotations[v1alpha1.AnnotationSourcePVCUID] == uid && vs.Labels[v1alpha1.LabelRun] != run
	})
}

// checkRuns checks that the runs of this step have made their snapshots, except
// those that the API refused: invariant 4, and liveness.
func (w *world) checkRuns(owed []debt) {
	if !w.resting || !w.calmSince.Before(w.clock.Now()) {
		return
	}
	for _, d := range owed {
		// A run that a person asked for may have come in between, and an unfinished snapshot have
		// gone meanwhile.
		if _, made := w.ledger.made[d.runOf]; !made && !w.refused[d.runOf] && !w.gaveUp[d.claim] && !w.waits(d.backup) && !w.unfinished(d.backup, d.uid, d.run) {
			w.violate(fmt.Errorf("invariant 4: run %s of %s has not made %s", d.run, d.backup, d.name))
		}
	}
	w.ledger.rested = w.clock.Now()
}

// checkAbandoned checks that a snapshot is marked as abandoned only if a person
// chose to restore an earlier one.
func (w *world) checkAbandoned() {
	for _, vs := range w.ours() {
		source, marked := vs.Annotations[v1alpha1.AnnotationAbandoned]
		seen := w.ledger.aside[vs.UID]
		w.ledger.aside[vs.UID] = marked
		if marked && !seen && !w.ledger.chosen[source] && !w.ledger.pinned && w.clock.Since(w.ledger.pinnedAt) > 24*time.Hour {
			w.violate(fmt.Errorf("snapshot %s is abandoned for %s, which the webhook chose itself", vs.Name, source))
		}
	}
}

// checkReasons checks that conditions have none but the documented reasons.
func (w *world) checkReasons() {
	for _, kb := range w.backups() {
		for _, c := range kb.Status.Conditions {
			if !slices.Contains(v1alpha1.ConditionReasons[c.Type], c.Reason) {
				w.violate(fmt.Errorf("condition %s of KafkaBackup %s has the reason %s", c.Type, kb.Name, c.Reason))
			}
		}
	}
}

// checkReports checks that every problem is reported: invariant 6.
func (w *world) checkReports() {
	if !w.resting || !w.calmSince.Before(w.clock.Now()) || w.term.cache.behind() > 0 || w.anyErrors() {
		return
	}
	w.mustSayUndeleted()
	for _, b := range w.brokers {
		all := w.claimsOf(b)
		live := slices.DeleteFunc(slices.Clone(all), func(pvc *corev1.PersistentVolumeClaim) bool { return pvc.DeletionTimestamp != nil })
		for _, pvc := range live {
			if len(live) > 1 {
				w.mustSay(pvc, string(v1alpha1.ReasonDuplicateVolume))
			}
			switch pv := w.volumeOf(pvc); {
			case pv == nil:
			case pvc.Spec.DataSource != nil && pv.Annotations[claims.AnnotationProvisionedBy] == "":
				w.mustSay(pvc, v1alpha1.ReasonRestoreNotHonoured)
			case w.ledger.bypassed[pvc.UID] && w.clock.Since(pvc.CreationTimestamp.Time) < 23*time.Hour && w.hadBackup(pvc) && !w.outlived(pvc):
				w.mustSay(pvc, v1alpha1.ReasonNotRestored)
			}
		}
	}
}

// mustSayUndeleted checks that each KafkaBackup reports snapshots that are not
// deleted although somebody has asked for it.
func (w *world) mustSayUndeleted() {
	for _, vs := range allOf[*snapshotv1.VolumeSnapshot](w.store.objects) {
		if vs.DeletionTimestamp == nil || w.clock.Since(vs.DeletionTimestamp.Time) < deletedWithin+6*maxLag {
			continue
		}
		for _, kb := range w.backups() {
			if kb.Name == vs.Annotations[v1alpha1.AnnotationBackupName] && meta.FindStatusCondition(kb.Status.Conditions, v1alpha1.ConditionDeletionStuck) == nil {
				w.violate(fmt.Errorf("KafkaBackup %s does not say that snapshot %s is not deleted", kb.Name, vs.Name))
			}
		}
	}
}

func (w *world) anyErrors() bool {
	for _, l := range w.term.looks {
		if l.err != nil {
			return true
		}
	}
	return false
}

func (w *world) volumeOf(pvc *corev1.PersistentVolumeClaim) *corev1.PersistentVolume {
	pv, _ := w.store.get(refOf(&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: pvc.Spec.VolumeName}})).(*corev1.PersistentVolume)
	return pv
}

// hadBackup reports whether there is a snapshot from well before the claim.
func (w *world) hadBackup(pvc *corev1.PersistentVolumeClaim) bool {
	return !w.ledger.pinned && slices.ContainsFunc(w.ours(), func(vs *snapshotv1.VolumeSnapshot) bool {
		_, marked := vs.Annotations[v1alpha1.AnnotationPruning]
		return isReady(vs) && !marked && vs.Labels[v1alpha1.LabelVolume] == w.slotOf(pvc) && vs.Annotations[v1alpha1.AnnotationSourcePVCUID] != string(pvc.UID) &&
			vs.Labels[v1alpha1.LabelRun] < snapshots.FormatRun(pvc.CreationTimestamp.Time)
	})
}

// outlived reports whether the cluster had continued without the volume when its
// claim was made. Then nobody can tell whether the volume is a new one.
func (w *world) outlived(pvc *corev1.PersistentVolumeClaim) bool {
	cluster := w.clusterOf(w.store.objects)
	for slot, of := range cluster {
		cluster[slot] = slices.DeleteFunc(of, func(s snapshots.Snapshot) bool {
			return !s.Scheduled.Before(pvc.CreationTimestamp.Time) || s.SourcePVCUID == string(pvc.UID)
		})
	}
	return snapshots.Outlived(cluster[w.slotOf(pvc)], cluster)
}

// mustSay checks that every KafkaBackup reports what is wrong with a claim.
func (w *world) mustSay(pvc *corev1.PersistentVolumeClaim, reason string) {
	for _, kb := range w.backups() {
		c := meta.FindStatusCondition(kb.Status.Conditions, v1alpha1.ConditionRestoresVerified)
		if c == nil || !strings.Contains(c.Message, fmt.Sprintf("%s of claim %s", reason, pvc.Name)) && !strings.Contains(c.Message, " more") {
			w.violate(fmt.Errorf("invariant 6: KafkaBackup %s does not say %s of claim %s: %+v", kb.Name, reason, pvc.Name, c))
		}
	}
}
