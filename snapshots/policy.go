package snapshots

import (
	"fmt"
	"slices"
)

// Annotations by which people control restores, on a PVC, the KafkaBackups of
// its cluster, its namespace, or a VolumeSnapshot of it.
const (
	AnnotationRestore         = Domain + "restore"          // latest, off
	AnnotationRestoreUnusable = Domain + "restore-unusable" // deny (default), empty
	AnnotationRestoreQuorum   = Domain + "restore-quorum"   // "true", empty
)

const (
	valueLatest = "latest"
	valueOff    = "off"
	valueDeny   = "deny"
	valueEmpty  = "empty"
	valueTrue   = "true"
)

// controls lists the annotations that a [Policy] is made of, with the values
// they take. Of several KafkaBackups with different values, the first of the
// list wins: the one that changes least.
var controls = []struct {
	annotation string
	values     []string
}{
	{AnnotationRestore, []string{valueOff, valueLatest}},
	{AnnotationRestoreUnusable, []string{valueDeny, valueEmpty}},
	{AnnotationRestoreQuorum, []string{valueTrue, valueEmpty}},
}

// Policy is what people have asked for a volume: the value of each control
// annotation that is in force, by its name.
type Policy map[string]string

// PolicySource is where the annotations of a policy are looked up.
type PolicySource struct {
	PVC       map[string]string
	Backups   []Backup // of the volume's cluster
	Namespace map[string]string
	Newest    map[string]string // of the volume's newest snapshot: what was in force when it was taken
}

// NewPolicy looks each annotation up on the PVC, then on the KafkaBackups of
// its cluster, then on the namespace, last on the newest snapshot; the nearest
// wins. A value that is none of an annotation's own is an error, also where it
// would not have been reached.
func NewPolicy(from PolicySource) (Policy, error) {
	levels := [][]map[string]string{{from.PVC}, nil, {from.Namespace}, {from.Newest}}
	for _, b := range byName(from.Backups) { // so that of two mistakes the same is told
		levels[1] = append(levels[1], b.Annotations)
	}
	policy := Policy{}
	for _, control := range controls {
		for _, level := range levels {
			value, err := lowest(level, control.annotation, control.values)
			if err != nil {
				return nil, err
			}
			if _, decided := policy[control.annotation]; value != "" && !decided {
				policy[control.annotation] = value
			}
		}
	}
	return policy, nil
}

// lowest returns the value of the annotation that comes first in values.
func lowest(objects []map[string]string, annotation string, values []string) (string, error) {
	best := len(values)
	for _, o := range objects {
		value, ok := o[annotation]
		if !ok {
			continue
		}
		i := slices.Index(values, value)
		if i < 0 {
			return "", fmt.Errorf("annotation %s is %q, must be one of %q", annotation, value, values)
		}
		best = min(best, i)
	}
	if best == len(values) {
		return "", nil
	}
	return values[best], nil
}
