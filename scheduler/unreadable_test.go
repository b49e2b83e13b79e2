package scheduler_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// TestUnreadableIsSaid changes an annotation of a snapshot so that it cannot be
// read, and corrects it again.
func TestUnreadableIsSaid(t *testing.T) {
	p := newPast(t)
	spoilt := p.snapshot(p.names[1])
	p.annotate(spoilt, v1alpha1.AnnotationCapacity, "much")
	p.until(p.backup, "the condition", func(s v1alpha1.KafkaBackupStatus) bool {
		c := meta.FindStatusCondition(s.Conditions, "SnapshotUnreadable")
		return c != nil && strings.HasSuffix(c.Message, ": "+spoilt.Name)
	})
	p.annotate(p.snapshot(p.names[1]), v1alpha1.AnnotationCapacity, "1Gi")
	p.until(p.backup, "its end", func(s v1alpha1.KafkaBackupStatus) bool {
		return meta.FindStatusCondition(s.Conditions, "SnapshotUnreadable") == nil
	})
}
