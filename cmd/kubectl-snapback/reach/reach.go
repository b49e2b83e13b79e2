// Package reach asks the Kafka of a cluster from where the plugin runs.
package reach

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/forward"
	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/access"
	"github.com/snapback-dev/snapback/kafka/operators"
)

// askFor is how long Kafka may take to answer.
const askFor = 30 * time.Second

// Asker asks the Kafka of one cluster. It connects at the first question. It is not
// safe for concurrent use.
type Asker struct {
	config  *rest.Config
	client  client.Client
	inv     *inventory.Inventory // of the cluster
	cluster inventory.ClusterKey
	servers string
	now     func() time.Time

	kafka cluster // nil: not connected
}

// cluster is what is asked of Kafka.
type cluster interface {
	Observe(context.Context) (*kafka.Observation, error)
	Confirm(ctx context.Context, o *kafka.Observation, broker int32)
	Close()
}

var _ cluster = (*kafka.Client)(nil)

// New returns an Asker of the inventory's only cluster. servers are addresses of
// brokers that this machine reaches itself, host:port with commas between; if it is
// empty, the brokers are reached through the apiserver. Credentials are those of
// the KafkaBackup's spec.kafka, read with the user's own rights.
func New(config *rest.Config, c client.Client, inv *inventory.Inventory, servers string, now func() time.Time) *Asker {
	return &Asker{config: config, client: c, inv: inv, cluster: inv.Clusters()[0], servers: servers, now: now}
}

// Observe returns the state of the Kafka cluster. An error says why it could not be
// asked, and what to do.
func (a *Asker) Observe(ctx context.Context) (*kafka.Observation, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	if a.kafka == nil {
		opened, err := a.open(ctx)
		if err != nil {
			return nil, a.explained(err)
		}
		a.kafka = opened
	}
	o, err := a.kafka.Observe(ctx)
	if err != nil {
		a.Close() // its brokers may have other addresses at the next try
		return nil, a.explained(err)
	}
	return o, nil
}

// Confirmed is like [Asker.Observe], and does not rely on one broker's word about a
// broker's partitions, see [kafka.Client.Confirm].
func (a *Asker) Confirmed(ctx context.Context, broker int32) (*kafka.Observation, error) {
	o, err := a.Observe(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	a.kafka.Confirm(ctx, o, broker)
	return o, nil
}

// Close closes the connections.
func (a *Asker) Close() {
	if a.kafka != nil {
		a.kafka.Close()
		a.kafka = nil
	}
}

func (a *Asker) explained(err error) error {
	text := access.Explain(err).Message
	if a.servers == "" {
		text += "; or pass --bootstrap-servers with addresses that this machine reaches"
	}
	return errors.New(text)
}

func (a *Asker) open(ctx context.Context) (cluster, error) {
	config, err := a.connection(ctx)
	if err != nil {
		return nil, err
	}
	opened, err := kafka.NewClient(config)
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// Config says how the brokers are reached, for clients that read records. An error
// says why they cannot be, and what to do.
func (a *Asker) Config(ctx context.Context) (kafka.Config, error) {
	config, err := a.connection(ctx)
	if err != nil {
		return config, a.explained(err)
	}
	return config, nil
}

func (a *Asker) connection(ctx context.Context) (kafka.Config, error) {
	kb := a.backup()
	config, err := access.Config(ctx, a.client, operators.NewReader(a.client, a.client.RESTMapper()), kb, a.now())
	if problem := (access.Problem{}); errors.As(err, &problem) && problem.Reason == v1alpha1.ReasonNoBootstrapServers && plain(kb) {
		if config.Bootstrap, _ = a.services(ctx); len(config.Bootstrap) > 0 {
			err = nil
		}
	}
	if err != nil {
		return config, err
	}
	if a.servers == "" {
		forwarder, err := forward.New(a.config, a.client, a.cluster.Namespace)
		if err != nil {
			return config, err
		}
		config.Dial = forwarder.Dial
	}
	return config, nil
}

// backup returns the KafkaBackup that says how Kafka is asked, with the given
// addresses; one that says nothing if there is none.
func (a *Asker) backup() *v1alpha1.KafkaBackup {
	kb := &v1alpha1.KafkaBackup{}
	kb.Namespace, kb.Spec.ClusterRef = a.cluster.Namespace, a.cluster.Name
	for _, b := range a.inv.Backups {
		if b.Spec.Kafka != nil {
			kb = b.KafkaBackup.DeepCopy()
			break
		}
	}
	if a.servers != "" {
		if kb.Spec.Kafka == nil {
			kb.Spec.Kafka = &v1alpha1.KafkaAccess{}
		}
		kb.Spec.Kafka.BootstrapServers = a.servers
	}
	return kb
}

// plain reports whether brokers are asked without TLS and without a password.
func plain(kb *v1alpha1.KafkaBackup) bool {
	return kb.Spec.Kafka == nil || kb.Spec.Kafka.TLS == nil && kb.Spec.Kafka.SASL == nil
}

// services returns the addresses of the Services that lead to the brokers' pods.
func (a *Asker) services(ctx context.Context) ([]string, error) {
	var pods corev1.PodList
	if err := a.client.List(ctx, &pods, client.InNamespace(a.cluster.Namespace)); err != nil {
		return nil, fmt.Errorf("list the pods: %w", err)
	}
	var services corev1.ServiceList
	if err := a.client.List(ctx, &services, client.InNamespace(a.cluster.Namespace)); err != nil {
		return nil, fmt.Errorf("list the services: %w", err)
	}
	return bootstrap(brokerPods(a.inv, pods.Items), services.Items), nil
}
