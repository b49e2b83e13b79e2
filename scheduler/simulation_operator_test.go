package scheduler

import (
	"cmp"
	"maps"
	"slices"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
	"github.com/snapback-dev/snapback/snapshots/snapshotstest"
)

const namespace = snapshotstest.Namespace

// broker is a broker with its one volume. The operator may want it or not.
type broker struct {
	wanted   bool
	claim    *snapshotstest.Claim
	admitted *corev1.PersistentVolumeClaim // by the webhook, and not stored yet
	storeAt  time.Time
	retryAt  time.Time // after a refusal
	removed  bool      // on purpose, and no claim was made since
}

// newBroker makes a broker of one operator or another. The seed decides which.
func (w *world) newBroker(id int) *broker {
	b := &broker{wanted: true, claim: snapshotstest.StrimziClaim("kafka", "brokers", id, 0)}
	if w.generated {
		b.claim = snapshotstest.KoperatorClaim("kafka", id, "/kafka-logs").Owner("KafkaCluster", "the-cluster")
	}
	return b
}

// operatorWorks creates the claims that are wanted and missing.
func (w *world) operatorWorks() {
	now := w.clock.Now()
	for _, b := range w.brokers {
		if b.admitted != nil {
			if !now.Before(b.storeAt) {
				w.storeClaim(b)
			}
			continue
		}
		if b.wanted && len(w.claimsOf(b)) == 0 && !now.Before(b.retryAt) {
			w.admit(b)
		}
	}
}

func (w *world) claimsOf(b *broker) []*corev1.PersistentVolumeClaim {
	slot := w.slotOf(b.named())
	return slices.DeleteFunc(allOf[*corev1.PersistentVolumeClaim](w.store.objects), func(pvc *corev1.PersistentVolumeClaim) bool {
		return w.slotOf(pvc) != slot
	})
}

// named is the claim with a name, whichever its operator would give it.
func (b *broker) named() *corev1.PersistentVolumeClaim {
	pvc := b.claim.Obj()
	pvc.Name = cmp.Or(pvc.Name, pvc.GenerateName+"xxxxx")
	return pvc
}

// admit asks the webhook about the claim. What it answers is stored at once,
// or some seconds later.
func (w *world) admit(b *broker) {
	d, outlived := w.decide(b)
	pvc := b.claim.Obj()
	pvc.Finalizers = []string{finalizerClaim}
	switch d.Outcome {
	case v1alpha1.OutcomeRestore:
		pvc.Spec.DataSource = &corev1.TypedLocalObjectReference{APIGroup: ptr.To(snapshotv1.GroupName), Kind: "VolumeSnapshot", Name: d.SnapshotName()}
		pvc.Annotations[v1alpha1.AnnotationRestoredFrom] = d.SnapshotName()
		pvc.Annotations[v1alpha1.AnnotationRestoredTime] = d.Snapshot.Scheduled.UTC().Format(time.RFC3339)
		if d.Pin != "" {
			pvc.Annotations[v1alpha1.AnnotationRestoredBy] = d.Pin
			w.ledger.chosen[d.SnapshotName()] = true
		}
	case v1alpha1.OutcomeAllow:
		maps.Copy(pvc.Annotations, d.Annotations)
	default:
		w.did("webhook refuses %s: %s", pvc.Name+pvc.GenerateName, d.Reason)
		b.retryAt = w.clock.Now().Add(time.Minute)
		return
	}
	w.did("webhook says %s %s to %s", d.Reason, d.SnapshotName(), pvc.Name+pvc.GenerateName)
	w.checkDecision(b, d, outlived)
	b.admitted, b.storeAt = pvc, w.clock.Now()
	if w.rng.IntN(4) == 0 {
		b.storeAt = b.storeAt.Add(time.Duration(w.rng.IntN(20)) * time.Second)
		return
	}
	w.storeClaim(b)
}

func (w *world) storeClaim(b *broker) {
	if w.strips {
		delete(b.admitted.Annotations, v1alpha1.AnnotationRestoredFrom)
		delete(b.admitted.Annotations, v1alpha1.AnnotationRestoredTime)
		delete(b.admitted.Annotations, v1alpha1.AnnotationRestoredBy)
	}
	if err := w.store.create(b.admitted); err != nil {
		panic(err)
	}
	b.admitted, b.removed = nil, false
}

// decide answers a claim as package webhook does: from a cache that may be behind,
// but concludes nothing from the cache alone. It also returns whether the cluster
// has continued without the volume.
func (w *world) decide(b *broker) (snapshots.Decision, bool) {
	now, pvc := w.clock.Now(), b.named()
	slot := w.slotOf(pvc)
	volume, _ := snapshots.Identify(namespace, pvc, nil)
	volume.Memory = w.memoryOf(b)
	cluster := snapshots.Cluster{}
	for _, kb := range allOf[*v1alpha1.KafkaBackup](w.webhook.objects) {
		backup, _ := snapshots.NewBackup(kb)
		cluster.Backups = append(cluster.Backups, backup)
	}
	claim := snapshots.Claim{Volume: volume, Annotations: pvc.Annotations, Request: pvc.Spec.Resources.Requests[corev1.ResourceStorage],
		VolumeMode: ptr.Deref(pvc.Spec.VolumeMode, corev1.PersistentVolumeFilesystem), Driver: driver}
	known, listed := knownOf(w.webhook.objects, slot), false
	for {
		claim.Around = snapshots.LookAround(volume, known, nil, w.clusterOf(w.webhook.objects), now)
		outlived := claim.Around.HasOutlived(known)
		cluster.Snapshots = map[string][]snapshots.Snapshot{volume.Hash(): known}
		d := cluster.Decide(claim, now)
		if len(snapshots.Candidates(known)) == 0 && !listed {
			known, listed = knownOf(w.store.objects, slot), true
			continue
		}
		if d.Outcome != v1alpha1.OutcomeRestore {
			return d, outlived
		}
		late := cluster.MayHaveNewer(volume, known, now)
		live := knownOf(w.store.objects, slot)
		same := func(s snapshots.Snapshot) bool { return s.UID == d.Snapshot.UID && !s.Deleting }
		known = slices.DeleteFunc(known, func(s snapshots.Snapshot) bool { return s.UID == d.Snapshot.UID })
		i := slices.IndexFunc(live, same)
		if i < 0 {
			continue
		}
		s := live[i]
		if handle := w.storage.of[s.UID]; s.IsOfAnother(handle) && (late || s.JustTaken(now) || !cluster.LooksAfter(&s)) {
			s = s.TakenOf(s.OriginOf(handle, known))
		}
		if s.ResourceVersion == d.Snapshot.ResourceVersion && s.Lineage == d.Snapshot.Lineage {
			return d, outlived
		}
		known = append(known, s)
	}
}

// memoryOf is what the operator remembers about a broker without a claim. In some
// seeds Koperator remembers everything, in others nothing.
func (w *world) memoryOf(b *broker) snapshots.Memory {
	switch {
	case !w.remembers:
		return snapshots.MemoryUnknown
	case b.removed:
		return snapshots.MemoryNew
	}
	return snapshots.MemoryLost
}

// clusterOf are the snapshots of all volumes, as a catalog has them.
func (w *world) clusterOf(in objects) map[string][]snapshots.Snapshot {
	cluster := map[string][]snapshots.Snapshot{}
	for _, b := range w.brokers {
		slot := w.slotOf(b.named())
		if known := knownOf(in, slot); len(known) > 0 {
			slices.SortFunc(known, func(a, b snapshots.Snapshot) int { return b.Scheduled.Compare(a.Scheduled) })
			cluster[slot] = known
		}
	}
	return cluster
}

// knownOf are the snapshots of a volume that Snapback made.
func knownOf(in objects, slot string) []snapshots.Snapshot {
	var known []snapshots.Snapshot
	for _, vs := range allOf[*snapshotv1.VolumeSnapshot](in) {
		if s, err := snapshots.NewSnapshot(vs); err == nil && s.Volume == slot {
			known = append(known, s)
		}
	}
	return known
}

// lose deletes the claims of a broker, as a lost disk's are.
func (w *world) lose(b *broker) {
	for _, pvc := range w.claimsOf(b) {
		if err := w.store.remove(refOf(pvc), nil); err != nil {
			panic(err)
		}
		w.did("claim %s is deleted", pvc.Name)
	}
}
