package snapshots

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// misfit returns why the chosen snapshot must not, or cannot, fill the claim;
// empty: it fits.
// Source of the last three: external-provisioner, getSnapshotSource.
func misfit(c Claim, s Snapshot, policy Policy, now time.Time) (v1alpha1.Reason, string) {
	if !sameCluster(c.Volume, &s) && policy[v1alpha1.AnnotationRestoreOtherCluster] != v1alpha1.ValueTrue {
		return v1alpha1.ReasonOtherCluster, fmt.Sprintf("it is of an earlier cluster named %s: annotate the KafkaBackup with %s=true to accept it", c.Volume.Cluster, v1alpha1.AnnotationRestoreOtherCluster)
	}
	if most := policy.maxAge(); most > 0 && now.Sub(s.Scheduled) > most {
		return v1alpha1.ReasonTooOld, fmt.Sprintf("it is of %s, older than %s allows (%s)", s.Scheduled.UTC().Format(time.RFC3339), v1alpha1.AnnotationRestoreMaxAge, policy[v1alpha1.AnnotationRestoreMaxAge])
	}
	if s.Driver != "" && c.Driver != "" && s.Driver != c.Driver {
		return v1alpha1.ReasonDriverMismatch, fmt.Sprintf("it was taken by driver %s, the claim's StorageClass provisions with %s: use a StorageClass of that driver", s.Driver, c.Driver)
	}
	if s.VolumeMode != "" && s.VolumeMode != c.VolumeMode {
		return v1alpha1.ReasonVolumeModeMismatch, fmt.Sprintf("its volumeMode is %s, the claim's is %s: ask for the same", s.VolumeMode, c.VolumeMode)
	}
	if s.tooSmall(c.Request) {
		return v1alpha1.ReasonTooSmall, fmt.Sprintf("it needs %s, the claim requests %s: request at least as much", text(*s.Size), text(c.Request))
	}
	return "", ""
}

// text returns the quantity as text. It works on a copy: String changes the
// Quantity, and others may read the original at the same time.
func text(q resource.Quantity) string { return q.String() }

// unusable returns the answer for a snapshot that does not fit. It refuses the
// claim by default: an empty broker would be a silent loss, and an older snapshot
// a silent rollback.
func unusable(reason v1alpha1.Reason, why string, v fmt.Stringer, policy Policy) Decision {
	if policy[v1alpha1.AnnotationRestoreUnusable] == v1alpha1.ValueEmpty {
		return Decision{Outcome: v1alpha1.OutcomeAllow, Reason: reason, Message: fmt.Sprintf(
			"%s starts EMPTY, as %s says: its newest snapshot does not fit: %s", v, v1alpha1.AnnotationRestoreUnusable, why)}
	}
	return Decision{Outcome: v1alpha1.OutcomeDeny, Reason: reason, Message: fmt.Sprintf(
		"snapback refuses this claim, which would start empty although there is a snapshot of %s: %s; or annotate the KafkaBackup, or the namespace, with %s=empty to do without its data",
		v, why, v1alpha1.AnnotationRestoreUnusable)}
}
