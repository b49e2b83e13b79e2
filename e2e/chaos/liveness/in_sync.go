package liveness

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// lately is how old the last look at Apache Kafka may be that found all in sync.
const lately = 30 * time.Second

// All replicas of Apache Kafka are in sync, and it acknowledges records, unless a broker's
// claim is refused.
var _ = register(Check{Name: "in-sync", Run: func(s State) (wrong []string) {
	c, ok := s.Layout.Apache()
	if !ok {
		return nil
	}
	for _, v := range c.Volumes {
		if claims := s.Claims[v.Key]; len(claims) != 1 || claims[0].Status.Phase != corev1.ClaimBound {
			return nil // the check of claims says whether that may be
		}
	}
	begin := s.Now.Add(-lately)
	if begin.Before(s.Quiet) {
		begin = s.Quiet
	}
	if s.Kafka.InSync.Before(begin) {
		wrong = append(wrong, fmt.Sprintf("Apache Kafka is not in sync: %v", s.Kafka.Err))
	}
	if s.Kafka.Acked.Before(begin) {
		wrong = append(wrong, fmt.Sprintf("Apache Kafka has acknowledged no record since %s", begin.Format(time.TimeOnly)))
	}
	return wrong
}})
