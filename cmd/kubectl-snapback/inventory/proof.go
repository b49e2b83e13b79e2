package inventory

import (
	"cmp"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// ProofStatus is what restore drills have proven of a KafkaBackup. It is part of the
// plugin's stable JSON form.
type ProofStatus struct {
	Status         metav1.ConditionStatus `json:"status"`                   // of the condition BackupsProven
	Reason         string                 `json:"reason,omitempty"`         // absent: the scheduler has not judged it yet
	Message        string                 `json:"message,omitempty"`        // what is proven, or what is wrong
	LastProvenTime *metav1.Time           `json:"lastProvenTime,omitempty"` // when a drill last found a snapshot sound
}

// proof returns the proof of a KafkaBackup; nil: nobody has asked for drills.
func (i *Inventory) proof(b Backup, now time.Time) *ProofStatus {
	if b.Spec.Drill == nil {
		return nil
	}
	p := &ProofStatus{Status: metav1.ConditionUnknown}
	if c := meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionBackupsProven); c != nil {
		p.Status, p.Reason, p.Message = c.Status, c.Reason, c.Message
	}
	own := *i
	own.Backups = []Backup{b}
	for _, d := range own.Drills(now) {
		if d.KafkaBackup == b.Name && d.Result == v1alpha1.DrillSound {
			p.LastProvenTime = &d.FinishedTime
			break
		}
	}
	return p
}

// Proven returns, in words, what restore drills have proven of the KafkaBackup; empty:
// no drills are asked for. What is wrong stands among the problems already.
func (b BackupStatus) Proven(now time.Time) string {
	p := b.Proof
	if p == nil {
		return ""
	}
	last := "no snapshot was found sound yet"
	if p.LastProvenTime != nil {
		last = "a snapshot was last found sound " + Ago(p.LastProvenTime.Time, now)
	}
	said := cmp.Or(p.Message, "the scheduler has not judged them yet")
	if p.Status == metav1.ConditionFalse {
		said = "see the problem " + p.Reason
	}
	return fmt.Sprintf("Restore drills of %s %s: %s (%s)", b.Kind, b.Name, said, last)
}
