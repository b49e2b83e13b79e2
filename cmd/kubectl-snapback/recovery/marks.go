package recovery

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/snapshots"
)

// lost stands for the claim's UID if there is no claim.
const lost = "lost"

// The names of restores.
func ofRun(run string) string { return "run/" + run }

// ofBrokers has the brokers sorted: their order may change when an interrupted
// restore goes on.
func ofBrokers(brokers []string) string {
	return "broker/" + strings.Join(slices.Sorted(slices.Values(brokers)), ",")
}

// mark is the parsed annotation [v1alpha1.AnnotationRestoring].
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

// command returns the command that the restore was started with.
func (m mark) command(of inventory.ClusterKey) string {
	if run, ok := strings.CutPrefix(m.restore, ofRun("")); ok {
		return command(of, "--all --from-run "+run)
	}
	brokers := strings.TrimPrefix(m.restore, ofBrokers(nil))
	return command(of, "--broker "+strings.ReplaceAll(brokers, ",", " --broker "))
}

// markOf reads the annotations of a VolumeSnapshot.
func markOf(annotations map[string]string) (mark, bool) {
	restore, replaces, ok := strings.Cut(annotations[v1alpha1.AnnotationRestoring], " ")
	if replaces == lost {
		replaces = ""
	}
	return mark{restore, types.UID(replaces)}, ok
}

// marked returns the volume's snapshot that a restore was started with.
func marked(v *inventory.Volume) (*snapshots.Snapshot, mark, bool) {
	for n := range v.Snapshots {
		if m, ok := markOf(v.Snapshots[n].Annotations); ok {
			return &v.Snapshots[n], m, true
		}
	}
	return nil, mark{}, false
}

// holdText returns the reason for which a restore holds its snapshots.
func holdText(restore string) string { return "kubectl snapback restore: " + restore }
