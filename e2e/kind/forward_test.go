package kind

import (
	"context"
	"fmt"

	"github.com/snapback-dev/snapback/kafka"
)

// checkForward asks Kafka in pods from outside of the cluster, through the
// apiserver. What brokers advertise can be reached within the cluster only.
func checkForward(ctx context.Context, w *world) error {
	if err := w.kafka.produce(ctx, 100); err != nil {
		return err
	}
	err := w.kafka.observe(ctx, func(o *kafka.Observation) error {
		switch topic := o.Topic(sharedTopic); {
		case len(o.Silent) > 0:
			return fmt.Errorf("broker %d is silent: %w", o.Silent[0].Broker, o.Silent[0].Why)
		case o.ClusterID != w.kafka.id:
			return fmt.Errorf("the cluster's id is %s, not %s", o.ClusterID, w.kafka.id)
		case topic == nil || len(topic.Partitions) != brokers:
			return fmt.Errorf("topic %s has not a partition for each broker: %+v", sharedTopic, topic)
		case o.Quorum == nil || o.Quorum.Leader != controllerID:
			return fmt.Errorf("the quorum is not led by its one controller: %+v", o.Quorum)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.kafka.whole(ctx)
}
