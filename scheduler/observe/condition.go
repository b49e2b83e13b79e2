package observe

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/access"
	"github.com/snapback-dev/snapback/scheduler/texts"
	"github.com/snapback-dev/snapback/snapshots"
)

// maxMessage is the length of an error in a condition, in bytes.
const maxMessage = 1024

// Condition is the condition KafkaObserved; false: Kafka was not asked yet.
func Condition(s State) (metav1.Condition, bool) {
	c := metav1.Condition{Type: v1alpha1.ConditionKafkaObserved, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonObserved}
	switch {
	case !s.Tried:
		return c, false
	case s.Err != nil:
		c.Status = metav1.ConditionFalse
		why := access.Explain(s.Err)
		c.Reason, c.Message = why.Reason, texts.FirstBytes(why.Message, maxMessage)
	case len(s.Last.Hidden) > 0:
		c.Reason, c.Message = v1alpha1.ReasonPartlyAnswered, fmt.Sprintf(
			"Kafka does not let the user see topics that brokers have (%s): what would be lost of them is not known. Grant it Describe on all topics, docs/kafka.md has the ACLs",
			texts.FirstBytes(snapshots.FirstOf(s.Last.Hidden, texts.MaxNamed, ", "), maxMessage/2))
	case len(s.Last.Silent) > 0:
		c.Reason, c.Message = v1alpha1.ReasonPartlyAnswered, fmt.Sprintf(
			"%d of %d brokers did not answer: what they have is not known. Look at brokers %s", len(s.Last.Silent), len(s.Last.Brokers), silent(s.Last))
	default:
		c.Message = "Every broker answers"
	}
	return c, true
}

// silent names the brokers that did not answer. Why they did not has port numbers
// that change each time.
func silent(o *kafka.Observation) string {
	names := make([]string, len(o.Silent))
	for i, s := range o.Silent {
		names[i] = fmt.Sprint(s.Broker)
	}
	return snapshots.FirstOf(names, texts.MaxNamed, ", ")
}
