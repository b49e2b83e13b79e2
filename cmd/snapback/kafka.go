package main

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/access"
	"github.com/snapback-dev/snapback/kafka/operators"
	"github.com/snapback-dev/snapback/scheduler/observe"
)

// connectKafka returns how the scheduler gets a client of a running Kafka cluster.
// It reads what is needed for that from the apiserver, without a cache: the
// scheduler may only get the Secrets that a Role names.
func connectKafka(m manager.Manager) observe.Connect {
	return func(ctx context.Context, kb *v1alpha1.KafkaBackup) (kafka.Cluster, error) {
		config, err := access.Config(ctx, m.GetAPIReader(), operators.NewReader(m.GetAPIReader(), m.GetRESTMapper()), kb, clock.Now())
		if err != nil {
			return nil, err
		}
		return kafka.NewClient(config)
	}
}
