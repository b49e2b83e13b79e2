// Package access finds out how the Kafka cluster of a KafkaBackup is asked: from its
// spec.kafka, the Secrets that this names, and the operator's resource. What does
// not work it explains to people.
package access

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/snapback-dev/snapback/api/v1alpha1"
	"github.com/snapback-dev/snapback/kafka"
	"github.com/snapback-dev/snapback/kafka/operators"
	"github.com/snapback-dev/snapback/snapshots"
)

// maxNamed is how many listeners a message names.
const maxNamed = 5

// Problem says why Kafka is not asked, or does not answer.
type Problem struct {
	Reason  string // of the condition KafkaObserved
	Message string // says what to do; the same as long as the cause is the same
	Err     error  // nil: no error of others is the cause
}

func (p Problem) Error() string { return p.Message }

func (p Problem) Unwrap() error { return p.Err }

// Config returns how the cluster of a KafkaBackup is reached. It reads the Secrets
// live, each with one Get, so the reader needs no right to list or watch them. An
// error of it is a [Problem].
func Config(ctx context.Context, reader client.Reader, op *operators.Reader, kb *v1alpha1.KafkaBackup, now time.Time) (kafka.Config, error) {
	spec := cmp.Or(kb.Spec.Kafka, &v1alpha1.KafkaAccess{})
	config := kafka.Config{}
	servers, ca, err := addresses(ctx, op, kb.Namespace, kb.Spec.ClusterRef, spec)
	if err != nil {
		return config, err
	}
	config.Bootstrap = servers
	secrets := secrets{reader, kb.Namespace}
	if spec.TLS != nil {
		if config.TLS, err = secrets.tls(ctx, spec.TLS, ca, now); err != nil {
			return kafka.Config{}, err
		}
	}
	if spec.SASL != nil {
		if config.SASL, err = secrets.sasl(ctx, spec.SASL); err != nil {
			return kafka.Config{}, err
		}
	}
	return config, nil
}

// addresses returns the addresses of brokers, and the certificates that the
// operator says theirs are checked with, as PEM. The operator's resource is read
// only if spec.kafka leaves one of them open.
func addresses(ctx context.Context, op *operators.Reader, namespace, cluster string, spec *v1alpha1.KafkaAccess) (servers []string, ca []byte, err error) {
	servers = kafka.Addresses(spec.BootstrapServers)
	if len(servers) > 0 && (spec.TLS == nil || spec.TLS.CASecret != "") {
		return servers, nil, nil
	}
	listeners, err := op.Listeners(ctx, types.NamespacedName{Namespace: namespace, Name: cluster})
	if len(servers) > 0 { // with any of the listeners' certificates; it is no error if there are none
		for _, l := range listeners {
			if len(l.CA) > 0 {
				ca = append(append(ca, l.CA...), '\n')
			}
		}
		return servers, ca, nil
	}
	if err != nil {
		return nil, nil, Problem{v1alpha1.ReasonNoBootstrapServers,
			fmt.Sprintf("where the brokers listen cannot be read: %s; set spec.kafka.bootstrapServers", oneLine(err)), err}
	}
	l, err := choose(listeners, spec.TLS != nil, spec.SASL != nil)
	return l.Bootstrap, l.CA, err
}

// choose returns the listener that takes clients of this kind: one for clients in
// the Kubernetes cluster, if there is one.
func choose(listeners []operators.Listener, tls, sasl bool) (operators.Listener, error) {
	const set = "set spec.kafka.bootstrapServers"
	if len(listeners) == 0 {
		return operators.Listener{}, Problem{Reason: v1alpha1.ReasonNoBootstrapServers,
			Message: "no Kafka of Strimzi and no KafkaCluster of Koperator with the name of clusterRef has listeners in its status: " + set}
	}
	var fit []operators.Listener
	var all []string
	for _, l := range listeners {
		if all = append(all, l.Name+" "+kind(l.TLS, l.SASL)); l.TLS == tls && l.SASL == sasl {
			fit = append(fit, l)
		}
	}
	if len(fit) == 0 {
		return operators.Listener{}, Problem{Reason: v1alpha1.ReasonNoBootstrapServers,
			Message: fmt.Sprintf("the operator has no listener %s, which spec.kafka.tls and spec.kafka.sasl ask for, but %s: change these, or %s",
				kind(tls, sasl), snapshots.FirstOf(all, maxNamed, ", "), set)}
	}
	return fit[max(0, slices.IndexFunc(fit, func(l operators.Listener) bool { return l.Internal }))], nil
}

// kind returns in words what a listener asks of its clients.
func kind(tls, sasl bool) string {
	switch {
	case tls && sasl:
		return "with TLS and SASL"
	case tls:
		return "with TLS"
	case sasl:
		return "with SASL"
	}
	return "without TLS"
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
