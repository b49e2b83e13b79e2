package recovery

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/snapshots"
)

// poll is how often the cluster is read while waiting.
const poll = 500 * time.Millisecond

// patience is how long a wait may take before the user is told what it is for.
const patience = 5 * time.Second

// await calls look until there is nothing left to wait for. The timeout starts
// again whenever it waits for something else.
func (r *Runner) await(ctx context.Context, look func(context.Context) (waits string, err error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	last, since, told := "", time.Now(), false
	for {
		waits, err := look(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted: %s", cmp.Or(waits, last, "nothing was waited for yet"))
		}
		if err != nil || waits == "" {
			return err
		}
		if waits != last {
			last, since, told = waits, time.Now(), false
		}
		if !told && time.Since(since) > patience {
			told = true
			r.say("waiting: %s", waits)
		}
		if time.Since(since) > r.Timeout {
			return fmt.Errorf("after %s: %s", r.Timeout, waits)
		}
		select {
		case <-ctx.Done(): // the next round reports it
		case <-tick.C:
		}
	}
}

// awaitGone waits until old pods or claims are gone.
func (r *Runner) awaitGone(ctx context.Context, old map[types.UID]bool) error {
	return r.await(ctx, func(ctx context.Context) (string, error) {
		pvcs, pods, err := r.list(ctx)
		if err != nil {
			return "", err
		}
		for _, pod := range pods {
			if old[pod.UID] {
				return stillThere(&pod, time.Now()), nil
			}
		}
		for _, pvc := range pvcs {
			if old[pvc.UID] {
				return fmt.Sprintf("claim %s is still there, with the finalizers %q: a pod uses it, or a snapshot of it is not ready", pvc.Name, pvc.Finalizers), nil
			}
		}
		return "", nil
	})
}

// awaitRestored waits until each volume has a new claim that is bound, and a pod
// that is Ready. A claim that did not get the planned snapshot is an error at
// once.
func (r *Runner) awaitRestored(ctx context.Context, items []*Item) error {
	told := map[string]bool{}
	return r.await(ctx, func(ctx context.Context) (string, error) {
		pvcs, pods, err := r.list(ctx)
		if err != nil {
			return "", err
		}
		first := ""
		for _, item := range items {
			claim := r.newClaim(item, pvcs)
			waits, err := r.stateOfNew(ctx, item, claim, pods)
			if err != nil {
				return "", err
			}
			if waits == "" && !told[claim.Name] {
				told[claim.Name] = true
				item.Restored = claim
				r.say("claim %s is Bound, restored from VolumeSnapshot %s, and its pod is Ready", claim.Name, item.Snapshot.Name)
			}
			first = cmp.Or(first, waits)
		}
		return first, nil
	})
}

// newClaim returns the claim that was created to replace the old one.
func (r *Runner) newClaim(item *Item, pvcs []corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	for n := range pvcs {
		pvc := &pvcs[n]
		v, ok := snapshots.Identify(pvc.Namespace, pvc, r.Plan.backups)
		if ok && v.Hash() == item.Volume.Hash() && pvc.UID != item.Replaces && pvc.DeletionTimestamp == nil {
			return pvc
		}
	}
	return nil
}

// stateOfNew returns what a new claim still waits for; empty if nothing.
func (r *Runner) stateOfNew(ctx context.Context, item *Item, claim *corev1.PersistentVolumeClaim, pods []corev1.Pod) (string, error) {
	if claim == nil {
		return fmt.Sprintf("no new claim of volume %s was made yet; if it is refused, kubectl describe kbak -n %s says why", item.Volume.Slot, item.Volume.Namespace), nil
	}
	if snapshots.SourceOf(claim) != item.Snapshot.Name {
		return "", fmt.Errorf("claim %s was made with %s as its source, and not VolumeSnapshot %s: stop its pod, delete both, and run this again when it is known why",
			claim.Name, cmp.Or(snapshots.SourceOf(claim), "nothing"), item.Snapshot.Name)
	}
	using := slices.IndexFunc(pods, func(p corev1.Pod) bool { return snapshots.Mounts(&p, claim.Name) && p.DeletionTimestamp == nil })
	switch {
	case claim.Status.Phase != corev1.ClaimBound:
		return fmt.Sprintf("claim %s is %s, to be filled from VolumeSnapshot %s; kubectl describe pvc -n %s %s says how far it is", claim.Name, stateOf(claim), item.Snapshot.Name, claim.Namespace, claim.Name), nil
	case using < 0:
		return fmt.Sprintf("claim %s is Bound, and no pod uses it yet", claim.Name), r.checkVolume(ctx, claim)
	case !isReady(&pods[using]):
		return fmt.Sprintf("pod %s is not Ready yet; kubectl logs -n %s %s says what its broker does", pods[using].Name, claim.Namespace, pods[using].Name), r.checkVolume(ctx, claim)
	}
	return "", r.checkVolume(ctx, claim)
}

// checkVolume returns an error if the claim was bound to a volume that existed
// before it, and not to the restored one.
func (r *Runner) checkVolume(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	var pv corev1.PersistentVolume
	err := r.Client.Get(ctx, client.ObjectKey{Name: claim.Spec.VolumeName}, &pv)
	if err != nil {
		return nil //nolint:nilerr // few may read it; the scheduler looks, too
	}
	if pv.CreationTimestamp.Before(&claim.CreationTimestamp) {
		return fmt.Errorf("claim %s was bound to PersistentVolume %s, which was there before it and does not hold the data of its snapshot: "+
			"remove that PersistentVolume, delete the claim and its pod, and run this again", claim.Name, pv.Name)
	}
	return nil
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func (r *Runner) list(ctx context.Context) ([]corev1.PersistentVolumeClaim, []corev1.Pod, error) {
	var pvcs corev1.PersistentVolumeClaimList
	if err := r.Client.List(ctx, &pvcs, client.InNamespace(r.Plan.Cluster.Namespace)); err != nil {
		return nil, nil, fmt.Errorf("list the claims: %w", err)
	}
	var pods corev1.PodList
	if err := r.Client.List(ctx, &pods, client.InNamespace(r.Plan.Cluster.Namespace)); err != nil {
		return nil, nil, fmt.Errorf("list the pods: %w", err)
	}
	return pvcs.Items, pods.Items, nil
}
