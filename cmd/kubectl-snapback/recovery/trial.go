package recovery

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// trialName is the prefix of the names of trial claims.
const trialName = "snapback-probe-"

// try creates a volume from the largest snapshot before anything is stopped or
// deleted, in a separate claim that no operator and no pod knows. It deletes the
// claim afterwards in any case. If no trial is possible, it says why, but that is
// no error: the old volumes are kept, too.
func (r *Runner) try(ctx context.Context) error {
	if err := r.sweep(ctx); err != nil {
		return err
	}
	item := r.Plan.largest()
	if item == nil {
		return nil
	}
	why, err := r.cannotTry(ctx, item)
	if err != nil {
		return err
	}
	claim := r.Plan.trialOf(item)
	if why == "" {
		err := r.Client.Create(ctx, claim)
		switch {
		case apierrors.IsForbidden(err): // by rights, or by a quota that has room once the old claims are gone
			why = err.Error()
		case err != nil:
			return fmt.Errorf("create a claim from volumesnapshot %s/%s to try the storage: %w", claim.Namespace, item.Snapshot.Name, err)
		}
	}
	if why != "" {
		r.say("the storage could not be tried before anything is deleted: %s", why)
		return nil
	}
	r.say("the storage is tried: claim %s is made aside, to be filled from VolumeSnapshot %s", claim.Name, item.Snapshot.Name)
	err = r.awaitTrial(ctx, item, claim)
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), askFor)
	defer cancel()
	if err != nil { // what the provisioner has said of it goes with the claim
		err = fmt.Errorf("no volume can be made from VolumeSnapshot %s: %w%s; see to it, or pass --skip-trial to delete the old claims all the same", item.Snapshot.Name, err, r.lastWarning(after, claim))
	}
	if left := r.removeTrial(after, claim); left != nil {
		r.say("%v: it is removed by the next restore, or delete it yourself", left)
	}
	return err
}

// largest returns the volume with the largest snapshot among those whose disk
// would be replaced; nil if there is none, or if no trial is wanted.
func (p *Plan) largest() (found *Item) {
	for n := range p.Items {
		item := &p.Items[n]
		if p.SkipTrial || item.Done || item.Snapshot == nil || stateOf(item.Volume.Claim()) != string(corev1.ClaimBound) {
			continue
		}
		if found == nil || sizeOf(item) > sizeOf(found) {
			found = item
		}
	}
	return found
}

func sizeOf(i *Item) int64 {
	if i.Snapshot.Size == nil {
		return 0
	}
	return i.Snapshot.Size.Value()
}

// trialOf returns the claim of a trial: like the volume's own, but without the
// metadata by which it is recognised. The webhook leaves it alone, since it names
// its own source.
func (p *Plan) trialOf(item *Item) *corev1.PersistentVolumeClaim {
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: item.Volume.Namespace, GenerateName: trialName, Labels: p.trialLabels()},
		Spec:       *item.again.Spec.DeepCopy(),
	}
	claim.Spec.DataSourceRef = nil
	claim.Spec.DataSource = &corev1.TypedLocalObjectReference{APIGroup: ptr.To(snapshotv1.GroupName), Kind: "VolumeSnapshot", Name: item.Snapshot.Name}
	return claim
}

func (p *Plan) trialLabels() map[string]string {
	return map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelTrial: snapshots.LabelValue(p.Cluster.Name)}
}

// cannotTry returns why a trial would prove nothing, or leave a volume behind;
// empty if a trial is possible.
func (r *Runner) cannotTry(ctx context.Context, item *Item) (string, error) {
	named := r.Plan.trialOf(item)
	named.Name = trialName
	if _, ok := snapshots.Identify(named.Namespace, named, r.Plan.backups); ok {
		return "the volumeSelector of a KafkaBackup takes any claim, and would take that of the trial for a broker's", nil
	}
	name := ptr.Deref(named.Spec.StorageClassName, "")
	var class storagev1.StorageClass
	err := r.Client.Get(ctx, client.ObjectKey{Name: name}, &class)
	switch {
	case name == "" || apierrors.IsNotFound(err):
		return fmt.Sprintf("there is no StorageClass %q, which claim %s was made with", name, item.claimName()), nil
	case apierrors.IsForbidden(err):
		return fmt.Sprintf("you may not read StorageClass %s, so whether it makes a volume without a pod is not known", name), nil
	case err != nil:
		return "", fmt.Errorf("read storageclass %s: %w", name, err)
	case ptr.Deref(class.VolumeBindingMode, storagev1.VolumeBindingImmediate) == storagev1.VolumeBindingWaitForFirstConsumer:
		return fmt.Sprintf("StorageClass %s makes a volume only once a pod needs it (WaitForFirstConsumer)", name), nil
	case ptr.Deref(class.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete) != corev1.PersistentVolumeReclaimRetain:
		return "", nil
	}
	said, err := lacking(ctx, r.Client, changeVolumes)
	if err != nil || len(said) == 0 {
		return "", err
	}
	return fmt.Sprintf("StorageClass %s retains volumes, and %s, so that of the trial would stay", name, said[0]), nil
}

// awaitTrial waits until the claim has its volume.
func (r *Runner) awaitTrial(ctx context.Context, item *Item, claim *corev1.PersistentVolumeClaim) error {
	err := r.await(ctx, func(ctx context.Context) (string, error) {
		if err := r.Client.Get(ctx, client.ObjectKeyFromObject(claim), claim); err != nil {
			return "", fmt.Errorf("read claim %s/%s: %w", claim.Namespace, claim.Name, err)
		}
		if claim.Status.Phase == corev1.ClaimBound {
			return "", nil
		}
		return fmt.Sprintf("claim %s, which tries the storage, is %s", claim.Name, stateOf(claim)), nil
	})
	if err == nil {
		r.say("the storage has made a volume of VolumeSnapshot %s; it is deleted again", item.Snapshot.Name)
	}
	return err
}

// lastWarning returns the last warning Event of a claim, for the end of a line. A
// user who may not read Events does without it.
func (r *Runner) lastWarning(ctx context.Context, claim *corev1.PersistentVolumeClaim) string {
	var list corev1.EventList
	if r.Client.List(ctx, &list, client.InNamespace(claim.Namespace), client.MatchingFields{"involvedObject.uid": string(claim.UID)}) != nil {
		return ""
	}
	var last *corev1.Event
	for n := range list.Items {
		if e := &list.Items[n]; e.Type == corev1.EventTypeWarning && (last == nil || !e.LastTimestamp.Before(&last.LastTimestamp)) {
			last = e
		}
	}
	if last == nil {
		return ""
	}
	return ": " + last.Message
}

// sweep removes the trial claims of an earlier attempt that was killed.
func (r *Runner) sweep(ctx context.Context) error {
	var left corev1.PersistentVolumeClaimList
	if err := r.Client.List(ctx, &left, client.InNamespace(r.Plan.Cluster.Namespace), client.MatchingLabels(r.Plan.trialLabels())); err != nil {
		return fmt.Errorf("list the claims: %w", err)
	}
	for n := range left.Items {
		if err := r.removeTrial(ctx, &left.Items[n]); err != nil {
			return err
		}
	}
	return nil
}

// removeTrial deletes the claim of a trial with its volume, even if the
// StorageClass would retain that.
func (r *Runner) removeTrial(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	// Read it again: it may just have been bound.
	if err := r.Client.Get(ctx, client.ObjectKeyFromObject(claim), claim); err != nil {
		return client.IgnoreNotFound(err)
	}
	if claim.Spec.VolumeName != "" {
		_, err := r.changeVolume(ctx, claim.Spec.VolumeName, func(pv *corev1.PersistentVolume) map[string]any {
			if ref := pv.Spec.ClaimRef; ref == nil || ref.UID != claim.UID || pv.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete {
				return nil
			}
			return reclaim(corev1.PersistentVolumeReclaimDelete, nil)
		})
		if err != nil && !apierrors.IsForbidden(err) { // then its class deletes it, see cannotTry
			return fmt.Errorf("have persistentvolume %s of claim %s/%s deleted with it: %w", claim.Spec.VolumeName, claim.Namespace, claim.Name, err)
		}
	}
	return r.remove(ctx, "claim", claim)
}
