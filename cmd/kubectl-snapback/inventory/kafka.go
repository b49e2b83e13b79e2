package inventory

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
)

// KafkaStatus is what Kafka said when the scheduler last asked it, from the status
// of the KafkaBackup that has asked last.
type KafkaStatus struct {
	v1alpha1.KafkaStatus `json:",inline"`

	KafkaBackup string `json:"kafkaBackup"`
	AgeSeconds  int64  `json:"ageSeconds"`      // how long ago Kafka was asked
	Stale       string `json:"stale,omitempty"` // why it is not asked any more
}

// kafkaStatus returns what Kafka said last; nil: it was not asked.
func kafkaStatus(backups []Backup, now time.Time) *KafkaStatus {
	var newest *KafkaStatus
	for _, b := range backups {
		k := b.Status.Kafka
		if k == nil || newest != nil && !k.ObservedTime.After(newest.ObservedTime.Time) {
			continue
		}
		newest = &KafkaStatus{KafkaStatus: *k, KafkaBackup: b.Name, AgeSeconds: int64(now.Sub(k.ObservedTime.Time).Seconds())}
		for _, c := range b.Status.Conditions {
			if c.Type == v1alpha1.ConditionKafkaObserved && c.Status == metav1.ConditionFalse {
				newest.Stale = c.Reason
			}
		}
	}
	return newest
}
