package snapshots

import (
	"fmt"
	"slices"
	"time"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// control is an annotation that a [Policy] is made of.
type control struct {
	annotation string

	// values are those it takes, in the order in which they win over each
	// other on several KafkaBackups. Without them, check tells what it takes,
	// and KafkaBackups must not differ.
	values []string
	check  func(string) error

	// carried says that what a snapshot carries counts also while the volume's
	// cluster has a KafkaBackup: it neither lets a volume start empty, nor sends
	// it back in time.
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

// Policy is what people have asked for a volume: the value of each control
// annotation that is in force, by its name. The values have been checked.
type Policy map[string]string

// OptedIn reports whether the volume is to be restored at all.
func (p Policy) OptedIn() bool { return p[v1alpha1.AnnotationRestore] == v1alpha1.ValueLatest }

// before is the time of the pin, if there is one.
func (p Policy) before() (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, p[v1alpha1.AnnotationRestoreBefore])
	return t, err == nil
}

// maxAge is how old a snapshot may be; 0: any age.
func (p Policy) maxAge() time.Duration {
	d, _ := time.ParseDuration(p[v1alpha1.AnnotationRestoreMaxAge]) // empty: 0
	return d
}

// orphanAge is how old the newest snapshot of a volume may be that its cluster
// has gone on without.
func (p Policy) orphanAge() time.Duration {
	if d, err := time.ParseDuration(p[v1alpha1.AnnotationRestoreOrphanAge]); err == nil {
		return d
	}
	return defaultOrphanAge
}

// policy looks each annotation up on the PVC, then on the KafkaBackups of the
// cluster, then on the namespace, last on the volume's newest snapshot, which
// has kept what was in force when it was taken; the nearest wins. What people
// have taken off a KafkaBackup is not to live on in snapshots: while there is
// one, these count for the opt-in and the greatest age only. A value that is none
// of an annotation's own is an error, also where it would not have been reached.
func (c Cluster) policy(pvc, newest map[string]string) (Policy, error) {
	levels := [][]map[string]string{{pvc}, nil, {c.Namespace}, {newest}}
	for _, b := range byName(c.Backups) { // so that of two mistakes the same is told
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

// carriedOn are the annotations of the policy that only the newest snapshot has
// kept: an opt-in of the lost claim's own, which its successor does not have.
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

// lookup returns the value of the annotation on objects of one level; empty
// without any.
func (c control) lookup(objects []map[string]string) (string, error) {
	chosen := ""
	for _, o := range objects {
		value, ok := o[c.annotation]
		if !ok {
			continue
		}
		value = Quotable(value) // what is longer is valid nowhere
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
