package check

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v6/apis/volumesnapshot/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/e2e/chaos/history"
)

// policyGrace is how long a KafkaBackup or a namespace must have been as it is before
// Snapback had to know it: it knows them from watches alone.
const policyGrace = 30 * time.Second

// policy returns the value of an annotation that was in force for a claim when it was
// created, and whether it is certain: it is not if somebody has changed it shortly
// before. The claim decides, then the KafkaBackups of its cluster, then the
// namespace. What a snapshot carries is not certain.
func policy(h *history.History, c *history.Claim, key string) (value string, certain bool) {
	if value, ok := c.First().Object.Annotations[key]; ok {
		return value, true
	}
	from := asked(h, c).Add(-policyGrace)
	values, certain := ofBackups(h, c, key, from)
	if !certain || len(values) > 0 {
		return strongest(values), certain
	}
	value, certain = steady(lifeOf(h.Namespaces, c.Namespace).In(from, c.First().Revision), func(n *corev1.Namespace) string { return n.Annotations[key] })
	if value != "" || !certain {
		return value, certain
	}
	return "", !slices.ContainsFunc(h.SnapshotsOf(c.Volume), func(s *history.Snapshot) bool {
		first := s.Life[0].Object
		return first != nil && first.Annotations[key] != ""
	})
}

// ofBackups are the values on the KafkaBackups of a claim's cluster.
func ofBackups(h *history.History, c *history.Claim, key string, from time.Time) (values []string, certain bool) {
	for name, life := range h.Backups {
		if !strings.HasPrefix(name, c.Namespace+"/") {
			continue
		}
		value, certain := steady(life.In(from, c.First().Revision), func(kb *v1alpha1.KafkaBackup) string { return kb.Annotations[key] })
		if !certain {
			return nil, false
		}
		if value != "" {
			values = append(values, value)
		}
	}
	return values, true
}

// strongest is the value that wins where KafkaBackups differ; empty: there is none.
func strongest(values []string) string {
	for _, strong := range []string{v1alpha1.ValueOff, v1alpha1.ValueDeny, v1alpha1.ValueTrue} {
		if slices.Contains(values, strong) {
			return strong
		}
	}
	return slices.MinFunc(append(values, ""), func(a, b string) int { return strings.Compare(b, a) })
}

// steady is what all versions have, and whether they have the same.
func steady[T any](versions []*T, of func(*T) string) (value string, same bool) {
	for i, v := range versions {
		one := ""
		if v != nil {
			one = of(v)
		}
		if i > 0 && one != value {
			return "", false
		}
		value = one
	}
	return value, true
}

func lifeOf[T any](lives map[string]*history.Life[T], name string) history.Life[T] {
	if life := lives[name]; life != nil {
		return *life
	}
	return nil
}

// toBeRestored reports whether a claim was for certain to be restored, or refused, when
// it was created, but for what is said of quorums.
func toBeRestored(h *history.History, c *history.Claim) bool {
	return certain(h, c, v1alpha1.AnnotationRestore, v1alpha1.ValueLatest) && certain(h, c, v1alpha1.AnnotationRestoreUnusable, "") && !emptyPinned(h, c)
}

// certain reports whether it is certain that an annotation had a value for a claim.
func certain(h *history.History, c *history.Claim, key, want string) bool {
	value, known := policy(h, c, key)
	return known && value == want
}

// emptyPinned reports whether a person may have said on a snapshot that the claim is to
// start empty.
func emptyPinned(h *history.History, c *history.Claim) bool {
	from := asked(h, c).Add(-grace)
	return slices.ContainsFunc(h.SnapshotsOf(c.Volume), func(s *history.Snapshot) bool {
		return slices.ContainsFunc(s.Life.In(from, c.First().Revision), func(vs *snapshotv1.VolumeSnapshot) bool {
			return vs != nil && vs.Annotations[v1alpha1.AnnotationStartEmptyUntil] != ""
		})
	})
}
