package scheduler

import (
	"fmt"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// replace lets a claim go whose snapshot is not cut yet, in spite of its finalizers, and
// makes an empty one of its name, beside the webhook. It is bound at once, so that the
// storage will cut the snapshot from it.
func (w *world) replace() {
	for _, vs := range w.ours() {
		old := w.source(vs)
		if isCut(vs) || old == nil || w.storage.fates[vs.UID].from != "" {
			continue
		}
		for _, b := range w.brokers {
			if !b.wanted || b.admitted != nil || w.slotOf(b.named()) != w.slotOf(old) || b.named().Name != old.Name {
				continue
			}
			w.store.write(refOf(old), nil)
			w.store.write(refOf(&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: old.Spec.VolumeName}}), nil)
			pvc := b.claim.Obj()
			pvc.Finalizers = []string{finalizerClaim}
			w.mustCreate(pvc)
			w.ledger.bypassed[pvc.UID] = true
			w.storage.bindAt[pvc.UID] = w.clock.Now()
			w.did("claim %s is replaced by an empty one, before snapshot %s is cut", old.Name, vs.Name)
			w.bind(w.claimNamed(pvc.Name))
			return
		}
	}
}

// unseen reports whether a snapshot was cut from another volume than it says while the
// scheduler was away. The webhook sees that of the newest ones only.
func (w *world) unseen(vs *snapshotv1.VolumeSnapshot) bool {
	return w.saysAnother(vs) && !w.ledger.rested.After(w.storage.cutAt[vs.UID])
}

// saysAnother reports whether a snapshot says that it is of another volume than the one
// that it was cut from.
func (w *world) saysAnother(vs *snapshotv1.VolumeSnapshot) bool {
	return isCut(vs) && vs.Annotations[v1alpha1.AnnotationVolumeHandle] != w.storage.of[vs.UID]
}

// checkOrigins checks that each snapshot whose KafkaBackup is there says which volume it
// was cut from.
func (w *world) checkOrigins() {
	if !w.resting || !w.calmSince.Before(w.clock.Now()) || w.term.cache.behind() > 0 || w.anyErrors() {
		return
	}
	there := map[string]bool{}
	for _, kb := range w.backups() {
		there[kb.Name] = true
	}
	for _, vs := range w.ours() {
		if there[vs.Annotations[v1alpha1.AnnotationBackupName]] && w.saysAnother(vs) {
			w.violate(fmt.Errorf("origin: snapshot %s says that it is of volume %q, and was cut from %s",
				vs.Name, vs.Annotations[v1alpha1.AnnotationVolumeHandle], w.storage.of[vs.UID]))
		}
	}
}

// isOfNoVolume leaves out which volume a snapshot was to be of.
func isOfNoVolume(vs *snapshotv1.VolumeSnapshot) {
	delete(vs.Annotations, v1alpha1.AnnotationVolumeHandle)
}
