package webhook

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/snapshots"
)

// maxNote is the greatest length of an Event's note, in bytes.
// Source: k8s.io/kubernetes, pkg/apis/core/validation/events.go.
const maxNote = 1024

// tell records an Event of a refusal on the KafkaBackups of the volume's cluster,
// since an operator may show the refusal only in its log. The recorder sends it
// later, and counts equal ones.
func tell(recorder events.EventRecorder, backups []snapshots.Backup, d snapshots.Decision) {
	if recorder == nil || d.Outcome != v1alpha1.OutcomeDeny {
		return
	}
	note := d.Message
	if len(note) > maxNote {
		note = note[:maxNote]
	}
	for _, b := range backups {
		recorder.Eventf(b.Object(), nil, corev1.EventTypeWarning, string(d.Reason), "Restore", "%s", note)
	}
}
