package recovery

import (
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// What a restore leaves in the cluster while it is under way, so that it can
// be gone on with.
const (
	// On a VolumeSnapshot: which restore it is part of, and the UID of the claim
	// that is replaced, with a blank between; "lost" if there was none.
	AnnotationRestoring = snapshots.AnnotationRestoring

	// On a StatefulSet or Deployment that was scaled to 0: how many replicas it
	// had.
	AnnotationReplicas = snapshots.Domain + "restore-replicas"

	// On a PersistentVolume that was set to Retain: the Kafka cluster, and which
	// restore has replaced its claim, with a blank between.
	AnnotationRetainedBy = snapshots.Domain + "retained-by"

	// On a Kafka whose reconciliation was paused: "true".
	AnnotationPaused = snapshots.Domain + "restore-paused"
)

// lost is in place of a claim's UID where there is no claim.
const lost = "lost"

// The names of restores.
func ofBroker(broker string) string { return "broker/" + broker }
func ofRun(run string) string       { return "run/" + run }

// mark is the annotation [AnnotationRestoring], read.
type mark struct {
	restore  string
	replaces types.UID // empty: the volume had no claim
}

func (m mark) String() string {
	if m.replaces == "" {
		return m.restore + " " + lost
	}
	return m.restore + " " + string(m.replaces)
}

// command is the one that the restore was begun with.
func (m mark) command(of inventory.ClusterKey) string {
	if run, ok := strings.CutPrefix(m.restore, ofRun("")); ok {
		return command(of, "--all --from-run "+run)
	}
	return command(of, "--broker "+strings.TrimPrefix(m.restore, ofBroker("")))
}

// markOf reads the annotations of a VolumeSnapshot.
func markOf(annotations map[string]string) (mark, bool) {
	restore, replaces, ok := strings.Cut(annotations[AnnotationRestoring], " ")
	if replaces == lost {
		replaces = ""
	}
	return mark{restore, types.UID(replaces)}, ok
}

// marked returns the volume's snapshot that a restore was begun with.
func marked(v *inventory.Volume) (*snapshots.Snapshot, mark, bool) {
	for n := range v.Snapshots {
		if m, ok := markOf(v.Snapshots[n].Annotations); ok {
			return &v.Snapshots[n], m, true
		}
	}
	return nil, mark{}, false
}

// holdText is what the snapshots of a restore are held for.
func holdText(restore string) string { return "kubectl snapback restore: " + restore }
