package recovery

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/mergepatch"
	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// keeper returns the name of the restore in the annotation of a PersistentVolume
// that it keeps. It has the namespace, since a PersistentVolume has none.
func (p *Plan) keeper() string { return p.Cluster.String() + " " + p.Restore }

// oldVolumes finds the PersistentVolumes that are deleted with their claims, and
// adds to the plan what happens to them.
func (p *Plan) oldVolumes(around Around) {
	for _, item := range p.Items {
		if item.Done {
			continue
		}
		for _, c := range item.Volume.Claims {
			if pv := around.Volumes[c.Spec.VolumeName]; c.Spec.VolumeName != "" && (around.Volumes == nil || pv != nil && goesWith(pv, c)) {
				p.goes = append(p.goes, c.Spec.VolumeName)
			}
		}
	}
	names := strings.Join(p.goes, ", ")
	switch {
	case len(p.goes) == 0:
	case p.Discard && around.Volumes != nil: // else it is said that it is not known
		p.Warnings = append(p.Warnings, "these PersistentVolumes are deleted with their claims, and their data with them: "+names)
	case p.Discard:
	case around.Volumes == nil:
		p.unread = true
		p.Blocks = append(p.Blocks, "you may not read PersistentVolumes"+cannotKeep(p))
	default:
		p.Warnings = append(p.Warnings, "these PersistentVolumes are set to Retain: they keep what was written after the snapshots, and take up storage, until you remove them: "+names)
	}
}

// goesWith reports whether the PersistentVolume is deleted when the claim is.
func goesWith(pv *corev1.PersistentVolume, c *corev1.PersistentVolumeClaim) bool {
	return pv.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete && pv.Spec.ClaimRef != nil && pv.Spec.ClaimRef.UID == c.UID
}

// keeps reports whether there are volumes to keep.
func (p *Plan) keeps() bool { return len(p.goes) > 0 && !p.Discard }

// cannotKeep returns what it means that volumes cannot be kept, and what to do.
func cannotKeep(p *Plan) string {
	return fmt.Sprintf(", so the old volumes cannot be kept until the new ones are proven: have somebody run this who may, "+
		"or pass --discard-old-volumes to have them deleted with their claims: %s", strings.Join(p.goes, ", "))
}

// retain keeps the volumes of claims that are about to be deleted: the newest copy
// of the data must stay until the restored one is proven. Kubernetes does not bind
// an old volume to a new claim of the same name, since it also compares the UID in
// the claimRef.
func (r *Runner) retain(ctx context.Context, claims []*corev1.PersistentVolumeClaim) error {
	if r.Plan.Discard {
		return nil
	}
	for _, c := range claims {
		if c.Spec.VolumeName == "" {
			continue
		}
		if err := r.retainVolume(ctx, c); err != nil {
			return fmt.Errorf("set persistentvolume %s of claim %s/%s to Retain: %w", c.Spec.VolumeName, c.Namespace, c.Name, err)
		}
	}
	return nil
}

func (r *Runner) retainVolume(ctx context.Context, c *corev1.PersistentVolumeClaim) error {
	changed, err := r.changeVolume(ctx, c.Spec.VolumeName, func(pv *corev1.PersistentVolume) map[string]any {
		if !goesWith(pv, c) {
			return nil
		}
		return reclaim(corev1.PersistentVolumeReclaimRetain, r.Plan.keeper())
	})
	if changed {
		r.retained = append(r.retained, c.Spec.VolumeName)
		r.say("PersistentVolume %s is set to Retain: it stays when claim %s is deleted", c.Spec.VolumeName, c.Name)
	}
	return err
}

// unretain undoes what retain has done since the program was started.
func (r *Runner) unretain(ctx context.Context) error {
	for _, name := range r.retained {
		_, err := r.changeVolume(ctx, name, func(pv *corev1.PersistentVolume) map[string]any {
			if pv.Annotations[v1alpha1.AnnotationRetainedBy] != r.Plan.keeper() {
				return nil
			}
			return reclaim(corev1.PersistentVolumeReclaimDelete, nil)
		})
		if err != nil {
			return fmt.Errorf("set persistentvolume %s to Delete again: %w", name, err)
		}
	}
	return nil
}

// reclaim returns the change of a PersistentVolume's policy and of the annotation
// that names the restore; with nil the annotation is removed.
func reclaim(policy corev1.PersistentVolumeReclaimPolicy, by any) map[string]any {
	change := mergepatch.Annotations(map[string]any{v1alpha1.AnnotationRetainedBy: by})
	change["spec"] = map[string]any{"persistentVolumeReclaimPolicy": string(policy)}
	return change
}

// changeVolume changes a PersistentVolume, and reports whether it did. The volume
// may be gone, if its claim is Lost.
func (r *Runner) changeVolume(ctx context.Context, name string, change func(*corev1.PersistentVolume) map[string]any) (changed bool, err error) {
	asked := false
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		pv := &corev1.PersistentVolume{}
		if err := r.Client.Get(ctx, client.ObjectKey{Name: name}, pv); err != nil {
			return err
		}
		what := change(pv)
		if asked = what != nil; !asked {
			return nil
		}
		return patch(ctx, r.Client, pv, what)
	})
	return asked && err == nil, client.IgnoreNotFound(err)
}

// kept returns the PersistentVolumes that this restore and its interrupted
// attempts have kept. It leaves out those that somebody has bound again.
func (r *Runner) kept(ctx context.Context) (names []string, err error) {
	var list corev1.PersistentVolumeList
	if err := r.Client.List(ctx, &list); err != nil {
		if apierrors.IsForbidden(err) { // this attempt has kept nothing, but one by another user may have
			return nil, nil
		}
		return nil, fmt.Errorf("list the persistentvolumes: %w", err)
	}
	pvcs, _, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	live := map[types.UID]bool{}
	for _, pvc := range pvcs {
		live[pvc.UID] = true
	}
	for _, pv := range list.Items {
		ref := pv.Spec.ClaimRef
		if pv.Annotations[v1alpha1.AnnotationRetainedBy] != r.Plan.keeper() || pv.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain ||
			ref == nil || ref.Namespace != r.Plan.Cluster.Namespace || live[ref.UID] {
			continue
		}
		names = append(names, pv.Name)
	}
	return names, nil
}

// removal returns the commands that remove kept volumes with their storage. The
// storage is deleted with a Released PersistentVolume whose policy is Delete, but
// stays if only the object is deleted.
func removal(names []string) []string {
	all := strings.Join(names, " ")
	return []string{
		fmt.Sprintf(`kubectl patch pv %s -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'`, all),
		fmt.Sprintf("kubectl wait --for=delete pv %s --timeout=10m", all),
	}
}
