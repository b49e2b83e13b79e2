package snapshots

import (
	"fmt"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// control is one of the annotations that make up a [Policy].
type control struct {
	annotation string

	// values are the allowed values. If several KafkaBackups differ, the one that
	// comes first here wins. Without values, check reports whether a value is
	// allowed, and KafkaBackups must not differ.
	values []string
	check  func(string) error

	// carried says that the value on a snapshot counts even while the volume's
	// cluster has a KafkaBackup. Such a value neither lets a volume start empty
	// nor sends it back in time.
	carried bool
}

var controls = []control{
	{annotation: v1alpha1.AnnotationRestore, values: []string{v1alpha1.ValueOff, v1alpha1.ValueLatest}, carried: true},
	{annotation: v1alpha1.AnnotationRestoreBefore, check: checkTime},
	{annotation: v1alpha1.AnnotationRestoreMaxAge, check: checkAge, carried: true},
	{annotation: v1alpha1.AnnotationRestoreOrphanAge, check: checkAge},
	{annotation: v1alpha1.AnnotationRestoreUnusable, values: []string{v1alpha1.ValueDeny, v1alpha1.ValueEmpty}},
	{annotation: v1alpha1.AnnotationRestoreQuorum, values: []string{v1alpha1.ValueTrue, v1alpha1.ValueEmpty}},
	{annotation: v1alpha1.AnnotationRestoreOtherCluster, values: []string{v1alpha1.ValueTrue}},
}

func checkTime(value string) error {
	if _, err := time.Parse(time.RFC3339, value); err != nil {
		return fmt.Errorf("must be a time such as 2026-02-21T19:05:33Z")
	}
	return nil
}

func checkAge(value string) error {
	if d, err := time.ParseDuration(value); err != nil || d <= 0 {
		return fmt.Errorf("must be a positive duration such as \"20h\"")
	}
	return nil
}

// Policy holds the control annotations that are in force for a volume: their
// checked values by name.
type Policy map[string]string

// OptedIn reports whether people want the volume to be restored.
func (p Policy) OptedIn() bool { return p[v1alpha1.AnnotationRestore] == v1alpha1.ValueLatest }

// before returns the time of the pin restore-before, and whether it is set.
func (p Policy) before() (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, p[v1alpha1.AnnotationRestoreBefore])
	return t, err == nil
}

// maxAge returns how old a snapshot may be; 0: any age.
func (p Policy) maxAge() time.Duration {
	d, _ := time.ParseDuration(p[v1alpha1.AnnotationRestoreMaxAge]) // empty: 0
	return d
}

// orphanAge returns how old the newest snapshot of an orphaned volume may be.
func (p Policy) orphanAge() time.Duration {
	if d, err := time.ParseDuration(p[v1alpha1.AnnotationRestoreOrphanAge]); err == nil {
		return d
	}
	return defaultOrphanAge
}

// policy returns the policy in force. It looks each annotation up on the PVC, then
// on the KafkaBackups of the cluster, then on the namespace, and last on the
// volume's newest snapshot, which carries the policy of the time it was taken. The
// first level that has the annotation wins. An annotation that people removed from
// a KafkaBackup must not live on in snapshots: while the cluster has a KafkaBackup,
// snapshots count only for the opt-in and the greatest age. An invalid value is an
// error on every level, even on one that another level hides.
func (c Cluster) policy(pvc, newest map[string]string) (Policy, error) {
	levels := [][]map[string]string{{pvc}, nil, {c.Namespace}, {newest}}
	for _, b := range byName(c.Backups) { // so that of two mistakes always the same is reported
		levels[1] = append(levels[1], b.Annotations)
	}
	policy := Policy{}
	for _, control := range controls {
		for n, level := range levels {
			if n == len(levels)-1 && !control.carried && len(c.Backups) > 0 {
				continue
			}
			value, err := control.lookup(level)
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

// carriedOn returns the annotations of the policy that only the newest snapshot
// has: an opt-in that was on the lost claim, and is not on the new one.
func (c Cluster) carriedOn(pvc map[string]string, policy Policy) map[string]string {
	today, err := c.PolicyToday(pvc)
	if err != nil {
		return nil
	}
	carried := map[string]string{}
	for _, control := range controls {
		if value := policy[control.annotation]; control.carried && value != "" && today[control.annotation] == "" {
			carried[control.annotation] = value
		}
	}
	return carried
}

// lookup returns the value of the annotation on the objects of one level; empty:
// none has it.
func (c control) lookup(objects []map[string]string) (string, error) {
	chosen := ""
	for _, o := range objects {
		value, ok := o[c.annotation]
		if !ok {
			continue
		}
		value = Quotable(value) // no valid value is longer
		if err := c.valid(value); err != nil {
			return "", fmt.Errorf("annotation %s is %q, %w", c.annotation, value, err)
		}
		switch {
		case chosen == "":
			chosen = value
		case c.values == nil && value != chosen:
			return "", fmt.Errorf("annotation %s is %q on one KafkaBackup of the cluster and %q on another: say the same on both", c.annotation, min(chosen, value), max(chosen, value))
		case slices.Index(c.values, value) < slices.Index(c.values, chosen):
			chosen = value
		}
	}
	return chosen, nil
}

func (c control) valid(value string) error {
	if c.values == nil {
		return c.check(value)
	}
	if !slices.Contains(c.values, value) {
		return fmt.Errorf("must be one of %q", c.values)
	}
	return nil
}
